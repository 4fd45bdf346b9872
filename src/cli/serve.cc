// `turnpike serve`: the server.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/announce.h"
#include "cli/commands.h"
#include "cli/first_user.h"
#include "config/documents.h"
#include "config/load.h"
#include "server/supervisor.h"
#include "turnpike/version.h"

namespace turnpike::cli {
namespace {

void print(const std::vector<config::Problem>& problems, const char* kind) {
  for (const config::Problem& problem : problems) {
    std::fprintf(stderr, "turnpike: %s: %s\n", kind, problem.to_string().c_str());
  }
}

void log_all(const std::vector<config::Problem>& problems, LogLevel level) {
  for (const config::Problem& problem : problems) {
    log(level, "configuration", {{"note", problem.to_string()}});
  }
}

LogSettings log_settings(const config::Config& config) {
  LogSettings settings;
  settings.level = config.log_level;
  settings.format = config.log_format;
  settings.target = config.log_target;
  settings.file = config.log_file_path;
  settings.redact_addresses = config.redact_addresses;
  return settings;
}

// Every allocation needs a descriptor, so all that the system grants are asked for.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  log_debug("descriptor_limit", {{"limit", static_cast<uint64_t>(limit.rlim_cur)}});
}

// Removes the file again when it goes away.
class PidFile {
 public:
  explicit PidFile(std::string path) : path_(std::move(path)) {
    if (path_.empty()) return;
    std::ofstream file(path_);
    file << getpid() << '\n';
    file.close();
    if (!file) {
      log_warning("pidfile_not_written", {{"path", path_}});
      path_.clear();
    }
  }
  ~PidFile() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove(path_, ignored);
  }
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  std::string path_;
};

// An address that is yet to be found is told when it is, and again when it changes.
void announce_when_known(const config::Config& config, const FirstUser& user,
                         server::Supervisor& supervisor) {
  if (!config.external_ip_auto || !config.public_host.empty()) return announce(config, user);
  supervisor.on_external_ips = [config, user](const std::vector<config::ExternalIp>& found) {
    config::Config now = config;
    now.external_ips = found;
    announce(now, user);
  };
}

int run(const config::Config& config) {
  // Scripts written for coturn send all of these; none may end us while we are still starting.
  for (const int signal : {SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
  raise_descriptor_limit();
  const auto first_user = ensure_first_user(config);
  if (!first_user) {
    std::fprintf(stderr, "turnpike: %s\n", first_user.error().c_str());
    return kExitFailure;
  }
  auto supervisor = server::Supervisor::start(config);
  if (!supervisor) {
    std::fprintf(stderr, "turnpike: %s\n", supervisor.error().c_str());
    return kExitFailure;
  }
  const PidFile pid_file(config.pidfile_path);
  if (*first_user) announce_when_known(config, **first_user, **supervisor);
  (*supervisor)->run();
  supervisor->reset();
  log_info("stopped");
  return kExitOk;
}

}  // namespace

int serve(Arguments arguments) {
  const config::LoadResult loaded = config::load(arguments, config::system_environment());
  if (loaded.request == config::Request::help) {
    std::fputs(config::help_text().c_str(), stdout);
    return kExitOk;
  }
  if (loaded.request == config::Request::version) {
    std::printf("turnpike %s\n", kVersion.data());
    return kExitOk;
  }
  if (!loaded.ok()) {
    print(loaded.errors, "error");
    print(loaded.warnings, "warning");
    return kExitUsage;
  }
  if (!configure_log(log_settings(loaded.config))) {
    std::fprintf(stderr, "turnpike: cannot write the log file '%s'\n",
                 loaded.config.log_file_path.c_str());
    return kExitFailure;
  }
  log_all(loaded.infos, LogLevel::info);
  log_all(loaded.warnings, LogLevel::warning);
  return run(loaded.config);
}

}  // namespace turnpike::cli
