#include "nat/hook.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/fd.h"

namespace turnpike::nat {
namespace {

// Those that are set anew don't stand there twice.
std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
  std::vector<std::string> all = variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    const std::string name = text.substr(0, text.find('=') + 1);
    const bool set =
        std::any_of(variables.begin(), variables.end(),
                    [&name](const std::string& ours) { return ours.starts_with(name); });
    if (!set) all.push_back(text);
  }
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    // The answer on our standard output is for whoever reads that; a hook's words are not.
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

// True: it has ended.
bool wait_for_end(pid_t process, Duration patience) {
  const net::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!pidfd) return true;  // Then waitpid() waits without a limit.
  pollfd entry{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  const auto limit = std::chrono::duration_cast<milliseconds>(patience).count();
  int ready = 0;
  do {
    ready = ::poll(&entry, 1, static_cast<int>(limit));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace

Result<int, std::string> run_hook(const std::string& command,
                                  const std::vector<std::string>& variables, Duration patience) {
  std::vector<std::string> arguments = {"/bin/sh", "-c", command};
  std::vector<std::string> environment = environment_with(variables);
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  const SpawnSettings settings;
  pid_t process = 0;
  const int error = posix_spawn(&process, "/bin/sh", &settings.actions, &settings.attributes,
                                argument_pointers.data(), environment_pointers.data());
  if (error != 0) return unexpected("can't be started: " + std::generic_category().message(error));
  const bool ended = wait_for_end(process, patience);
  if (!ended) ::kill(-process, SIGKILL);
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return unexpected(std::string("took too long and was ended"));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace turnpike::nat
