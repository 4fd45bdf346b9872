// `turnpike sessions`: who relays through a running server.
#include <cstdio>

#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/control_tables.h"
#include "cli/watch.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

constexpr const char* kSessionsAbout =
    "Lists the sessions of a running server, or shows one with its permissions and channels. IN "
    "is\n"
    "what comes from the client. Without --watch the rates are those of one second.";

std::string target_of(const ParsedOptions& options, const std::string& after) {
  std::string target = "/v1/sessions?limit=1000";
  for (const char* name : {"user", "address", "realm"}) {
    if (options.has(name)) {
      target += std::string("&") + name + "=" + percent_encoded(options.text(name));
    }
  }
  if (!after.empty()) target += "&after=" + percent_encoded(after);
  return target;
}

// All pages, up to --limit.
Result<Json, std::string> fetch(const AdminClient& client, const ParsedOptions& options) {
  const uint64_t limit = options.values["limit"].as<uint64_t>();
  Json all = Json::array();
  std::string after;
  uint64_t matching = 0;
  do {
    auto page = client.get("GET", target_of(options, after), nullptr);
    if (!page) return unexpected(page.error());
    matching = page->value("matching", uint64_t{0});
    for (Json& session : (*page)["sessions"]) {
      if (all.size() < limit) all.push_back(std::move(session));
    }
    const Json next = page->value("next", Json());
    after = next.is_string() ? next.get<std::string>() : std::string();
  } while (!after.empty() && all.size() < limit);
  return Json{{"sessions", std::move(all)}, {"matching", matching}};
}

Result<std::string, std::string> show_all(const AdminClient& client, const ParsedOptions& options) {
  auto answer = fetch(client, options);
  if (!answer) return unexpected(answer.error());
  if (options.has("json"))
    return answer->dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  const Json& sessions = (*answer)["sessions"];
  std::string text = sessions_text(sessions);
  text += std::to_string(sessions.size()) + " of " +
          std::to_string((*answer)["matching"].get<uint64_t>()) + " sessions\n";
  return text;
}

Result<std::string, std::string> show_one(const AdminClient& client, const ParsedOptions& options) {
  auto answer = client.get("GET", "/v1/sessions/" + percent_encoded(options.text("id")), nullptr);
  if (!answer) return unexpected(answer.error());
  if (options.has("json"))
    return answer->dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return session_text(*answer);
}

}  // namespace

int sessions(Arguments arguments) {
  CommandSyntax syntax{.name = "turnpike sessions",
                       .synopsis = "[ID] [OPTION ...]",
                       .about = kSessionsAbout,
                       .options = po::options_description("Options"),
                       .positional = "id"};
  const std::string command = syntax.name;
  add_socket_option(syntax.options);
  syntax.options.add_options()("id", po::value<std::string>(), "the session, same as ID")(
      "user,u", po::value<std::string>(), "those of this user")(
      "address,a", po::value<std::string>(), "those of clients at this address, or range")(
      "realm,r", po::value<std::string>(), "those of this realm")(
      "limit", po::value<uint64_t>()->default_value(1000), "show no more than so many")(
      "json", "print JSON");
  add_watch_option(syntax.options);
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  const AdminClient client(socket_path(options));
  const auto show = options.has("id") ? show_one : show_all;
  if (!options.has("watch")) {
    // The first look only begins the measurement of rates.
    if (auto begun = show(client, options); !begun) return fail(command, begun.error());
    wait_for(1.05);
  }
  return watched(command, options, [&] { return show(client, options); });
}

}  // namespace turnpike::cli
