#include "cli/user_limit.h"

#include <array>
#include <cstdio>

#include "auth/credentials.h"
#include "cli/password_input.h"
#include "cli/subcommands.h"
#include "cli/userdb_options.h"
#include "config/option_values.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;
using auth::UserDatabase;

enum class Unit : uint8_t { bytes_per_s, allocations };
struct Limit {
  const char* option;
  Unit unit;
};
constexpr std::array kLimits = {Limit{"max-bps", Unit::bytes_per_s},
                                Limit{"user-quota", Unit::allocations},
                                Limit{"total-quota", Unit::allocations}};

void add_limit_options(po::options_description& options) {
  options.add_options()("max-bps", po::value<std::string>(),
                        "bytes per second of a session, each direction; also 3M, 24Mbit");
  options.add_options()("user-quota", po::value<std::string>(),
                        "allocations that one user may hold at once");
  options.add_options()("total-quota", po::value<std::string>(),
                        "allocations of all users of the realm together");
}

constexpr const char* kHowLimitsCount =
    "The value \"default\" takes a limit away again, 0 is no limit.\nA running server notices "
    "within a second, and changes the rates of sessions that run.";

CommandSyntax user_limit_syntax() {
  CommandSyntax syntax{.name = "turnpike user limit",
                       .synopsis = "[NAME] [OPTION ...]",
                       .about = std::string("Sets limits for one user or, without a name, for a "
                                            "realm, instead of those of the\nconfiguration; then "
                                            "shows them. ")
                                    .append(kHowLimitsCount),
                       .options = po::options_description("Options"),
                       .positional = "user"};
  syntax.options.add_options()("user,u", po::value<std::string>(), "the user, same as NAME");
  add_limit_options(syntax.options);
  add_userdb_option(syntax.options);
  add_realm_option(syntax.options, "the only realm with users, else turnpike");
  return syntax;
}

CommandSyntax realm_limit_syntax() {
  CommandSyntax syntax{.name = "turnpike realm set",
                       .synopsis = "[OPTION ...]",
                       .about = std::string("Sets limits for a realm, instead of those of the "
                                            "configuration; then shows them.\n")
                                    .append(kHowLimitsCount),
                       .options = po::options_description("Options"),
                       .positional = ""};
  add_limit_options(syntax.options);
  add_userdb_option(syntax.options);
  add_realm_option(syntax.options, "the only realm with users, else turnpike");
  return syntax;
}

Result<std::vector<auth::OptionChange>, std::string> read_changes(const ParsedOptions& options) {
  std::vector<auth::OptionChange> changes;
  for (const Limit& limit : kLimits) {
    if (!options.has(limit.option)) continue;
    const std::string text = options.text(limit.option);
    if (text == "default") {
      changes.push_back({limit.option, {}});
      continue;
    }
    const bool is_rate = limit.unit == Unit::bytes_per_s;
    const auto number = is_rate ? config::parse_rate(text) : config::parse_number(text);
    if (!number) {
      return unexpected(std::string(limit.option) +
                        (is_rate ? " must be bytes per second, such as 3000000, 3M or 24Mbit"
                                 : " must be a whole number"));
    }
    // As coturn's tools write it.
    changes.push_back({limit.option, std::to_string(*number)});
  }
  return changes;
}

std::string described(const auth::StoredOption& stored) {
  const auto number = config::parse_number(stored.value);
  if (!number) return stored.value + " (not understood)";
  if (*number == 0) return "no limit";
  if (stored.option != "max-bps") return stored.value + " allocations";
  return config::rate_in_words(*number);
}

int show_limits(const std::string& command, UserDatabase& database, const std::string& realm,
                const std::string& name, const std::string& path) {
  const auto stored = database.options(realm, name);
  if (!stored) return fail(command, database_message(path, stored.error()));
  if (stored->empty()) std::printf("no limits but those of the configuration\n");
  for (const auth::StoredOption& each : *stored) {
    std::printf("%s: %s\n", each.option.c_str(), described(each).c_str());
  }
  return kExitOk;
}

// An empty name is the realm's.
int change_limits(const std::string& command, const ParsedOptions& options,
                  const std::string& name) {
  const auto changes = read_changes(options);
  if (!changes) return fail(command, changes.error(), kExitUsage);
  const auto realm = choose_realm(options);
  if (!realm) return fail(command, realm.error());
  const auto how = changes->empty() ? UserDatabase::Open::read_only : UserDatabase::Open::existing;
  auto database = open_userdb(options, how);
  if (!database) return fail(command, database.error());
  const std::string path = userdb_path(options).value_or("");
  if (!name.empty()) {
    const auto exists = database->has_user(*realm, name);
    if (!exists) return fail(command, database_message(path, exists.error()));
    if (!*exists) {
      return fail(command, "there is no user '" + name + "' in realm '" + *realm + "' of " + path);
    }
  }
  if (!changes->empty()) {
    const auto changed = database->change_options(*realm, name, *changes);
    if (!changed) return fail(command, database_message(path, changed.error()));
  }
  return show_limits(command, *database, *realm, name, path);
}

}  // namespace

int limit_user(Arguments arguments) {
  CommandSyntax syntax = user_limit_syntax();
  const std::string command = syntax.name;
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  if (auto problem = realm_problem(options)) return fail(command, *problem, kExitUsage);
  const std::string name = options.has("user") ? options.text("user") : std::string();
  if (options.has("user")) {
    if (auto problem = problem_with(name, "name", auth::kMaxUsernameSize)) {
      return fail(command, *problem, kExitUsage);
    }
    if (options.has("total-quota")) {
      return fail(command, "total-quota is of a realm; leave the name out", kExitUsage);
    }
  }
  return change_limits(command, options, name);
}

int set_realm_limits(Arguments arguments) {
  CommandSyntax syntax = realm_limit_syntax();
  const std::string command = syntax.name;
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  if (auto problem = realm_problem(options)) return fail(command, *problem, kExitUsage);
  return change_limits(command, options, {});
}

}  // namespace turnpike::cli
