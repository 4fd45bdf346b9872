// `turnpike serve`: the server.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/log.h"
#include "cli/announce.h"
#include "cli/commands.h"
#include "cli/first_user.h"
#include "config/documents.h"
#include "config/load.h"
#include "net/event_memory.h"
#include "net/inherited_sockets.h"
#include "net/service_manager.h"
#include "server/setup.h"
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

// Every allocation needs a descriptor, so all that the system grants are asked for.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  log_debug("descriptor_limit", {{"limit", static_cast<uint64_t>(limit.rlim_cur)}});
}

// Opened while we may be root, written once the server stands, removed when it goes.
class PidFile {
 public:
  explicit PidFile(std::string path) : path_(std::move(path)) {
    if (path_.empty()) return;
    fd_.reset(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!fd_) log_warning("pidfile_not_written", {{"path", path_}});
  }
  ~PidFile() {
    std::error_code ignored;
    if (written_) std::filesystem::remove(path_, ignored);
  }
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  void write() {
    if (!fd_) return;
    const std::string text = std::to_string(getpid()) + "\n";
    written_ = ::ftruncate(fd_.get(), 0) == 0 &&
               ::write(fd_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!written_) log_warning("pidfile_not_written", {{"path", path_}});
  }

 private:
  std::string path_;
  net::Fd fd_;
  bool written_ = false;
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

// The service manager's unix socket, if it gave us one.
net::Fd take_admin_socket(std::vector<net::InheritedSocket>& sockets) {
  for (net::InheritedSocket& socket : sockets) {
    if (socket.kind == net::InheritedKind::unix_listener) return std::move(socket.fd);
  }
  return {};
}

int say(const std::string& error) {
  std::fprintf(stderr, "turnpike: %s\n", error.c_str());
  return kExitFailure;
}

int run_server(config::LoadResult loaded, std::function<config::LoadResult()> load) {
  // Scripts written for coturn send all of these; none may end us while we are still starting.
  for (const int signal : {SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
  raise_descriptor_limit();
  net::keep_event_slots_together();
  const config::Config config = loaded.config;
  const auto first_user = ensure_first_user(config);
  if (!first_user) return say(first_user.error());
  server::Supervisor::Origin origin;
  origin.applied = std::move(loaded.applied);
  origin.file = loaded.file;
  origin.load = std::move(load);
  origin.manager = net::ServiceManager::from_environment();
  origin.sockets = net::take_inherited_sockets();
  auto admin_sockets = admin::open_admin_sockets(config, take_admin_socket(origin.sockets));
  if (!admin_sockets) return say(admin_sockets.error());
  PidFile pid_file(config.pidfile_path);
  auto supervisor = server::Supervisor::start(config, std::move(origin));
  if (!supervisor) return say(supervisor.error());
  pid_file.write();
  if (*first_user) announce_when_known(config, **first_user, **supervisor);
  std::optional<admin::AdminServer> admin_server;
  if (admin_sockets->any()) {
    admin_server.emplace(std::move(*admin_sockets), (*supervisor)->control());
  }
  (*supervisor)->run();
  // Who still asks would get no answer.
  admin_server.reset();
  supervisor->reset();
  log_info("stopped");
  return kExitOk;
}

}  // namespace

int serve(Arguments arguments) {
  // Kept for reloads: whoever we become later, what was meant at the start is meant then.
  const config::Environment environment = config::system_environment();
  const std::vector<std::string> given(arguments.begin(), arguments.end());
  const auto load = [environment, given] { return config::load(given, environment); };
  config::LoadResult loaded = load();
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
  if (!server::open_log(loaded.config, loaded.applied)) {
    std::fprintf(stderr, "turnpike: cannot write the log file '%s'\n",
                 loaded.config.log_file_path.c_str());
    return kExitFailure;
  }
  log_all(loaded.infos, LogLevel::info);
  log_all(loaded.warnings, LogLevel::warning);
  return run_server(std::move(loaded), load);
}

}  // namespace turnpike::cli
