#include "cli/server_usage.h"

#include <filesystem>
#include <fstream>
#include <string>

namespace turnpike::cli {
namespace {

// Of "VmRSS:     1234 kB" and its like.
uint64_t number_in(const std::string& line) {
  const size_t digits = line.find_first_of("0123456789");
  return digits == std::string::npos ? 0 : std::stoull(line.substr(digits));
}

void read_memory(const std::filesystem::path& process, ServerUsage& usage) {
  std::ifstream status(process / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) usage.resident = number_in(line) * 1024;
    if (line.starts_with("RssAnon:")) usage.anonymous = number_in(line) * 1024;
  }
}

// "voluntary_ctxt_switches:   7" and "nonvoluntary_ctxt_switches:  1".
uint64_t switches_of(const std::filesystem::path& task) {
  uint64_t count = 0;
  std::ifstream status(task / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.find("_ctxt_switches:") != std::string::npos) count += number_in(line);
  }
  return count;
}

}  // namespace

std::optional<ServerUsage> server_usage(int pid) {
  const std::filesystem::path process = "/proc/" + std::to_string(pid);
  ServerUsage usage;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(process / "task", error)) {
    // The first number: nanoseconds on a processor. Finer than the ticks of /proc/PID/stat.
    std::ifstream schedule(task.path() / "schedstat");
    int64_t on_cpu = 0;
    if (!(schedule >> on_cpu)) continue;
    usage.cpu += Duration(on_cpu);
    usage.switches += switches_of(task.path());
    ++usage.threads;
  }
  if (error || usage.threads == 0) return {};
  read_memory(process, usage);
  return usage;
}

}  // namespace turnpike::cli
