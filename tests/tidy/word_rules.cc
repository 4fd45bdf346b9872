#include <algorithm>

#include "tidy/rules.h"
#include "tidy/source_text.h"

namespace turnpike::tidy {
namespace {

struct Ban {
  std::vector<std::string_view> words;
  std::vector<std::string_view> places;      // Beginnings of paths.
  std::vector<std::string_view> exceptions;  // The same.
  std::string_view instead;
};

const std::vector<Ban>& bans() {
  static const std::vector<Ban> all = {
      {{"steady_clock::now", "system_clock::now", "high_resolution_clock", "clock_gettime(",
        "gettimeofday(", "time(nullptr)", "time(NULL)", "time(0)"},
       {"src/", "tests/unit/", "tests/sim/", "tests/vectors/", "tests/fuzz/"},
       {"src/net/clock.cc"},
       "take the time as an argument; only net/clock.h asks the system"},
      {{"std::mutex", "std::shared_mutex", "std::recursive_mutex", "std::timed_mutex",
        "std::condition_variable", "pthread_mutex_t", "std::binary_semaphore"},
       {"src/"},
       // Each is taken on opening or closing, once in a while, or to hand something to another
       // thread; never per packet.
       {"src/base/mailbox.h", "src/base/log.cc", "src/auth/quota", "src/auth/store/",
        "src/net/event_memory.h", "src/turn/bandwidth.h", "src/turn/relay_directory",
        "src/relay/reservations", "src/server/answer_desk.h", "src/server/answer_desk.cc",
        "src/server/control_desk.h", "src/server/control_desk.cc", "src/server/metrics_source.h",
        "src/server/metrics_source.cc", "src/server/source_counts", "src/server/user_traffic"},
       "workers share nothing: send mail (base/mailbox.h)"},
      {{"sleep(", "usleep(", "nanosleep(", "sleep_for", "sleep_until"},
       {"src/", "tests/unit/", "tests/sim/", "tests/vectors/", "tests/fuzz/"},
       // The load generator paces itself; it serves nobody.
       {"src/cli/load.cc"},
       "wait in the event loop; a test passes its own Instant"},
      {{"reinterpret_cast"},
       {"src/"},
       {"src/net/", "src/relay/", "src/base/bytes.h", "src/base/slab.h", "src/base/wire.h"},
       "as_bytes() and as_text() of base/bytes.h, WireReader and WireWriter of base/wire.h"},
      {{"const_cast"}, {"src/"}, {"src/net/"}, "take what you change as mutable"},
      {{"sprintf(", "vsprintf(", "strcpy(", "strcat(", "strncpy(", "strtok(", "alloca("},
       {"src/", "tests/", "bench/"},
       {},
       "fmt::format or std::string"},
      {{"printf(", "fprintf(", "snprintf(", "puts(", "fputs(", "putchar(", "std::cout",
        "std::cerr"},
       {"src/"},
       {"src/cli/", "src/base/check.h"},
       "base/log.h, where the module may log"},
      {{"rand(", "srand(", "random(", "srandom(", "drand48(", "std::random_device", "std::mt19937",
        "std::mt19937_64", "std::default_random_engine", "RAND_bytes(", "getrandom("},
       {"src/"},
       // The second is a callback of OpenSSL, which has no source of ours at hand.
       {"src/base/random.cc", "src/net/tls_tickets.cc"},
       "RandomSource of base/random.h"},
      {{"memcmp(", "strcmp(", "strncmp(", "bcmp("},
       {"src/"},
       {},
       "constant_time_equal() of stun/integrity.h for secrets, std::equal or == for the rest"},
      {{"throw"}, {"src/"}, {}, "Result of base/result.h; nothing crosses a module by throwing"},
      {{"assert("}, {"src/", "tests/", "bench/"}, {}, "CHECK or DCHECK of base/check.h"},
      {{"atoi(", "atol(", "strtol(", "strtoul(", "std::stoi", "std::stol", "std::stoul", "sscanf("},
       {"src/"},
       {},
       "std::from_chars, and check both its results"},
      {{"system(", "popen(", "execvp(", "fork("},
       {"src/"},
       {"src/nat/"},
       "nothing in a server starts a program"},
      {{"using namespace std;"}, {"src/", "tests/", "bench/"}, {}, "write std::"},
      {{"std::endl"}, {"src/", "tests/", "bench/"}, {}, "'\\n'"},
      {{"std::bind"}, {"src/", "tests/", "bench/"}, {}, "a lambda"},
  };
  return all;
}

bool applies(const Ban& ban, std::string_view path) {
  const auto begins = [path](std::string_view place) { return path.starts_with(place); };
  return std::any_of(ban.places.begin(), ban.places.end(), begins) &&
         std::none_of(ban.exceptions.begin(), ban.exceptions.end(), begins);
}

}  // namespace

Findings check_words(std::string_view path, std::string_view text) {
  Findings findings;
  const std::string code = blanked(text, Blank::comments_and_literals);
  for (const Ban& ban : bans()) {
    if (!applies(ban, path)) continue;
    for (const std::string_view word : ban.words) {
      for (size_t at = find_word(code, word); at != std::string_view::npos;
           at = find_word(code, word, at + 1)) {
        std::string name(word);
        if (name.ends_with('(')) name += ')';
        findings.push_back({line_of(code, at), name + ": use " + std::string(ban.instead)});
      }
    }
  }
  return findings;
}

}  // namespace turnpike::tidy
