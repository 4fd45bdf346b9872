#include <algorithm>
#include <array>

#include "tidy/rules.h"
#include "tidy/source_text.h"

namespace turnpike::tidy {
namespace {

struct Module {
  std::string_view name;
  std::vector<std::string_view> uses;
};

// Arrows point down only: the map of src/README.md.
const std::vector<Module>& modules() {
  static const std::vector<Module> all = {
      {"auth/store", {"base", "stun", "auth"}},
      {"base", {}},
      {"stun", {"base"}},
      {"auth", {"base", "stun"}},
      {"turn", {"base", "stun", "auth"}},
      {"net", {"base"}},
      {"client", {"base", "stun", "net"}},
      {"relay", {"base", "net", "turn"}},
      {"config", {"base"}},
      {"http", {"base", "net"}},
      {"metrics", {"base", "net", "http"}},
      {"embed", {"base", "net", "stun", "client"}},
      {"nat", {"base", "net", "stun", "client", "config"}},
      {"webrtc", {"base", "stun", "auth", "turn", "net", "http", "config"}},
      {"server",
       {"base", "stun", "auth", "auth/store", "turn", "net", "client", "relay", "config", "metrics",
        "webrtc"}},
      {"admin",
       {"base", "stun", "auth", "auth/store", "net", "http", "metrics", "config", "server"}},
      {"cli",
       {"base", "stun", "auth", "auth/store", "turn", "net", "client", "relay", "config", "metrics",
        "nat", "webrtc", "server", "admin"}},
  };
  return all;
}

struct HeaderPlace {
  std::string_view header;               // The beginning of what stands between < and >.
  std::vector<std::string_view> places;  // Beginnings of paths.
};

// The first that fits decides. A header that fits none is a C++ standard header when it has neither
// a slash nor a suffix, and otherwise unknown.
const std::vector<HeaderPlace>& header_places() {
  const std::vector<std::string_view> os = {
      "src/net/",        "src/relay/",  "src/server/", "src/cli/",
      "src/auth/store/", "src/config/", "src/admin/",  "src/metrics/",
      "src/nat/",        "tests/",      "bench/",      "src/base/default_paths.cc"};
  const std::vector<std::string_view> sockets = {"src/net/",           "src/relay/",
                                                 "tests/loopback/",    "tests/netns/",
                                                 "tests/unit/net/",    "tests/unit/relay/",
                                                 "tests/unit/server/", "tests/unit/cli/",
                                                 "tests/unit/http/",   "bench/"};
  static const std::vector<HeaderPlace> all = {
      {"sanitizer/", {"tests/support/"}},
      {"spdlog/", {"src/base/log.cc"}},
      {"fmt/",
       {"src/base/", "src/net/", "src/auth/store/", "src/config/", "src/server/", "src/cli/",
        "src/admin/", "src/nat/"}},
      {"tl/", {"src/base/result.h"}},
      {"openssl/",
       {"src/base/random.cc", "src/stun/integrity.cc", "src/auth/credentials.cc",
        "src/auth/nonce.cc", "src/auth/access_token.cc", "src/auth/mobility_ticket.cc", "src/net/",
        "tests/"}},
      {"event2/", {"src/net/", "tests/embedding/", "tests/unit/net/"}},
      {"turnpike/", {"tests/embedding/"}},
      {"sqlite3.h", {"src/auth/store/", "tests/unit/auth/", "tests/loopback/"}},
      {"boost/", {"src/config/", "src/cli/"}},
      {"prometheus/", {"src/metrics/"}},
      {"nlohmann/", {"src/admin/", "src/cli/", "tests/"}},
      {"bpf/", {"src/relay/"}},
      {"linux/bpf", {"src/net/"}},
      {"nftables/", {"src/nat/"}},
      {"gtest/", {"tests/"}},
      {"gmock/", {"tests/"}},
      {"benchmark/", {"bench/"}},
      {"arpa/inet.h", {"src/base/endpoint.cc", "src/net/", "tests/", "bench/"}},
      {"sys/socket.h", sockets},
      {"netinet/", sockets},
      {"net/", sockets},
      {"linux/", sockets},
      {"netdb.h", sockets},
      {"ifaddrs.h", sockets},
      {"sys/", os},
      {"unistd.h", os},
      {"fcntl.h", os},
      {"poll.h", os},
      {"pwd.h", os},
      {"grp.h", os},
      {"sched.h", os},
      {"signal.h", os},
      {"spawn.h", {"src/nat/"}},
      {"csignal", os},
      {"termios.h", os},
      {"dirent.h", os},
      {"malloc.h", {"src/server/supervisor.cc", "tests/", "bench/"}},
      {"stdlib.h", {"tests/"}},
      {"thread",
       {"src/server/", "src/http/", "src/auth/store/", "src/cli/load.cc", "tests/", "bench/"}},
      {"iostream", {"src/cli/", "tests/", "bench/"}},
      {"fstream",
       {"src/config/", "src/cli/", "src/net/", "src/metrics/", "src/server/", "src/nat/", "tests/",
        "bench/"}},
      {"filesystem", os},
      {"random", {"tests/"}},
      {"regex", {}},
  };
  return all;
}

bool is_standard(std::string_view header) {
  return header.find_first_of("/.") == std::string_view::npos;
}

bool begins_with_any(std::string_view path, const std::vector<std::string_view>& places) {
  return std::any_of(places.begin(), places.end(),
                     [path](std::string_view place) { return path.starts_with(place); });
}

void check_angle(std::string_view path, std::string_view header, size_t line, Findings& findings) {
  for (const HeaderPlace& place : header_places()) {
    if (!header.starts_with(place.header)) continue;
    if (!begins_with_any(path, place.places)) {
      findings.push_back({line, "<" + std::string(header) +
                                    "> may not be used here; ask the module that wraps it "
                                    "(header_places() in tests/tidy/include_rules.cc)"});
    }
    return;
  }
  if (is_standard(header)) return;
  findings.push_back({line, "<" + std::string(header) +
                                "> is unknown to the tidy test: add it to header_places() in "
                                "tests/tidy/include_rules.cc with the modules that may use it"});
}

void check_quoted(std::string_view path, std::string_view header, size_t line, Findings& findings) {
  const auto fail = [&](const std::string& why) {
    findings.push_back({line, "\"" + std::string(header) + "\": " + why});
  };
  if (header.find("..") != std::string_view::npos) {
    return fail("write paths from src/ (or tests/), without dots");
  }
  const std::string_view module = module_of(path);
  if (module.empty()) return;  // Tests and benches may look everywhere.
  if (header.starts_with("turnpike/")) return;
  const std::string as_path = "src/" + std::string(header);
  const std::string_view other = module_of(as_path);
  if (other.empty()) return fail("not a header of any module");
  if (other == module) return;
  if (!module_may_use(module, other)) {
    return fail(std::string(module) + " may not depend on " + std::string(other));
  }
  // Of the server, the admin interface sees the control surface only, and whose its socket is.
  if (module == "admin" && other == "server" && header != "server/control.h" &&
      header != "server/privileges.h") {
    return fail("admin may include server/control.h only, and server/privileges.h for its socket");
  }
  const bool core = module == "stun" || module == "auth" || module == "turn";
  if (core && header == "base/log.h") {
    fail("the core does not log: return what happened as a value or count it");
  }
}

}  // namespace

std::string_view module_of(std::string_view path) {
  if (!path.starts_with("src/")) return {};
  const std::string_view inside = path.substr(4);
  for (const Module& module : modules()) {
    if (inside.starts_with(module.name) && inside.substr(module.name.size()).starts_with('/')) {
      return module.name;
    }
  }
  return {};
}

bool module_may_use(std::string_view module, std::string_view other) {
  for (const Module& each : modules()) {
    if (each.name != module) continue;
    return std::find(each.uses.begin(), each.uses.end(), other) != each.uses.end();
  }
  return false;
}

Findings check_includes(std::string_view path, std::string_view text) {
  Findings findings;
  const std::string code = blanked(text, Blank::comments);
  size_t number = 0;
  for (const std::string_view raw : lines_of(code)) {
    ++number;
    const std::string_view line = trimmed(raw);
    if (!line.starts_with("#include")) continue;
    const std::string_view what = trimmed(line.substr(8));
    if (what.size() < 2) continue;
    const std::string_view header = what.substr(1, what.find_first_of(">\"", 1) - 1);
    if (what.front() == '<') {
      check_angle(path, header, number, findings);
    } else {
      check_quoted(path, header, number, findings);
    }
  }
  return findings;
}

}  // namespace turnpike::tidy
