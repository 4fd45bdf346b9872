// `turnpike status`, `kill`, `drain`, `reload`, `log-level`: orders to a running server.
#include <cstdio>

#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/control_tables.h"
#include "cli/watch.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

CommandSyntax control_syntax(const std::string& verb, const std::string& synopsis,
                             const std::string& about, const std::string& positional) {
  CommandSyntax syntax{.name = "turnpike " + verb,
                       .synopsis = synopsis,
                       .about = about,
                       .options = po::options_description("Options"),
                       .positional = positional};
  add_socket_option(syntax.options);
  syntax.options.add_options()("json", "print_json the server's answer as JSON");
  return syntax;
}

void print_json(const Json& json) {
  std::fputs((json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n").c_str(), stdout);
}

std::string text_member(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void print_list(const char* title, const Json& answer, const char* name) {
  const auto found = answer.find(name);
  if (found == answer.end() || !found->is_array()) return;
  for (const Json& one : *found) {
    if (one.is_string()) {
      std::printf("%s%s\n", title, printable_text(one.get<std::string>()).c_str());
    }
  }
}

}  // namespace

int status(Arguments arguments) {
  CommandSyntax syntax = control_syntax(
      "status", "[OPTION ...]",
      "Tells how a running server is. Ends with 0 when it serves, with 1 when it can't be asked.",
      "");
  const std::string command = syntax.name;
  add_watch_option(syntax.options);
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  const AdminClient client(socket_path(options));
  return watched(command, options, [&]() -> Result<std::string, std::string> {
    auto answer = client.get("GET", "/v1/status", nullptr);
    if (!answer) return unexpected(answer.error());
    if (options.has("json")) {
      return answer->dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
    }
    return status_text(*answer);
  });
}

int kill(Arguments arguments) {
  CommandSyntax syntax = control_syntax(
      "kill", "[ID] [OPTION ...]",
      "Ends sessions of a running server: one by its id (see `turnpike sessions`), or "
      "all of a user,\na realm, an address or a range. The clients may come back.",
      "id");
  const std::string command = syntax.name;
  syntax.options.add_options()("id", po::value<std::string>(), "the session, same as ID")(
      "user,u", po::value<std::string>(), "all sessions of this user")(
      "realm,r", po::value<std::string>(), "all of this realm")(
      "address,a", po::value<std::string>(), "all of clients at this address, or range")(
      "all", "every session");
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  const bool one = options.has("id");
  const bool some = options.has("user") || options.has("realm") || options.has("address");
  if (static_cast<int>(one) + static_cast<int>(some) + static_cast<int>(options.has("all")) != 1) {
    return fail(command,
                "which sessions? An ID, or --user, --realm and --address, or --all; see --help",
                kExitUsage);
  }
  const AdminClient client(socket_path(options));
  Json body = Json::object();
  for (const char* name : {"user", "realm", "address"}) {
    if (options.has(name)) body[name] = options.text(name);
  }
  if (options.has("all")) body["all"] = true;
  auto answer =
      one ? client.get("DELETE", "/v1/sessions/" + percent_encoded(options.text("id")), nullptr)
          : client.get("POST", "/v1/sessions/kill", body);
  if (!answer) return fail(command, answer.error());
  if (options.has("json")) {
    print_json(*answer);
  } else {
    std::printf("%llu sessions ended\n",
                static_cast<unsigned long long>(answer->value("killed", uint64_t{0})));
  }
  return kExitOk;
}

int drain(Arguments arguments) {
  CommandSyntax syntax = control_syntax(
      "drain", "[OPTION ...]",
      "Makes a running server refuse new allocations; it ends when no session is left, "
      "or when the\ntimeout is over. There is no way back but a restart.",
      "");
  const std::string command = syntax.name;
  syntax.options.add_options()("timeout", po::value<uint64_t>(),
                               "end after so many seconds at the latest (default: no limit)");
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  Json body = Json::object();
  if (options.has("timeout")) body["timeout_s"] = options.values["timeout"].as<uint64_t>();
  const auto answer = AdminClient(socket_path(options)).get("POST", "/v1/drain", body);
  if (!answer) return fail(command, answer.error());
  if (options.has("json")) {
    print_json(*answer);
  } else {
    std::printf("draining: %llu sessions left\n",
                static_cast<unsigned long long>(answer->value("sessions", uint64_t{0})));
  }
  return kExitOk;
}

int reload(Arguments arguments) {
  CommandSyntax syntax = control_syntax(
      "reload", "[OPTION ...]",
      "Makes a running server read its configuration again. A bad one is refused whole, and the "
      "old one\nstays in force: exit code 1. What takes effect only at the next start is named.",
      "");
  const std::string command = syntax.name;
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  const auto answer = AdminClient(socket_path(options)).ask("POST", "/v1/reload", nullptr);
  if (!answer) return fail(command, answer.error());
  if (!answer->body.is_object() || !answer->body.contains("reloaded")) {
    return fail(command, refusal_of(*answer));
  }
  const bool done = answer->status == 200;
  if (options.has("json")) {
    print_json(answer->body);
    return done ? kExitOk : kExitFailure;
  }
  print_list("warning: ", answer->body, "warnings");
  print_list("error: ", answer->body, "errors");
  print_list("changed: ", answer->body, "changed");
  print_list("needs a restart: ", answer->body, "needs_restart");
  std::printf("%s\n", done ? "reloaded" : "not reloaded; the old configuration stays in force");
  return done ? kExitOk : kExitFailure;
}

int log_level(Arguments arguments) {
  CommandSyntax syntax =
      control_syntax("log-level", "[LEVEL] [OPTION ...]",
                     "Tells the log level of a running server, or sets it until the next reload or "
                     "start: debug, info,\nwarning, error or off.",
                     "level");
  const std::string command = syntax.name;
  syntax.options.add_options()("level", po::value<std::string>(), "the new level, same as LEVEL");
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  const AdminClient client(socket_path(options));
  const auto answer = options.has("level")
                          ? client.get("PUT", "/v1/log-level", {{"level", options.text("level")}})
                          : client.get("GET", "/v1/log-level", nullptr);
  if (!answer) return fail(command, answer.error());
  if (options.has("json")) {
    print_json(*answer);
  } else {
    std::printf("%s\n", text_member(*answer, "level").c_str());
  }
  return kExitOk;
}

}  // namespace turnpike::cli
