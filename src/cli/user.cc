#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

#include "auth/credentials.h"
#include "base/hex.h"
#include "base/json_text.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/password_input.h"
#include "cli/subcommands.h"
#include "cli/user_limit.h"
#include "cli/userdb_options.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;
using auth::PutResult;
using auth::Sha256State;
using auth::UserDatabase;
using auth::UserKeys;

constexpr const char* kRealmDefault = "the only realm with users, else turnpike";

CommandSyntax user_syntax(const std::string& verb, const std::string& about) {
  CommandSyntax syntax{.name = "turnpike user " + verb,
                       .synopsis = "NAME [OPTION ...]",
                       .about = about,
                       .options = po::options_description("Options"),
                       .positional = "user"};
  syntax.options.add_options()("user,u", po::value<std::string>(), "the user, same as NAME");
  add_userdb_option(syntax.options);
  add_realm_option(syntax.options, kRealmDefault);
  return syntax;
}

Result<std::string, std::string> user_name(const ParsedOptions& options) {
  if (auto problem = realm_problem(options)) return unexpected(*problem);
  if (!options.has("user")) return unexpected(std::string("which user? See --help"));
  std::string name = options.text("user");
  if (auto problem = problem_with(name, "name", auth::kMaxUsernameSize)) {
    return unexpected(*problem);
  }
  return name;
}

int add_user(Arguments arguments) {
  CommandSyntax syntax =
      user_syntax("add",
                  "Adds a user to the database, or gives an existing one a new password. A running "
                  "server notices\nwithin a second. The database is made if there is none.");
  const std::string command = syntax.name;
  add_password_options(syntax.options, "password", Generation::offered);
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  const auto name = user_name(options);
  if (!name) return fail(command, name.error(), kExitUsage);
  const auto password = take_password(options, "password");
  if (!password) return fail(command, password.error(), kExitUsage);
  const auto realm = choose_realm(options);
  if (!realm) return fail(command, realm.error());
  auto database = open_userdb(options, UserDatabase::Open::create_if_missing);
  if (!database) return fail(command, database.error());
  const auto put =
      database->put_user(*realm, *name, UserKeys::from_password(*name, *realm, password->text));
  const std::string path = userdb_path(options).value_or("");
  if (!put) return fail(command, database_message(path, put.error()));
  // The password alone goes to standard output, so that a script can take it from there.
  if (password->generated) std::printf("%s\n", password->text.c_str());
  std::fprintf(stderr, "%s user '%s' in realm '%s' of %s\n",
               *put == PutResult::added ? "added" : "changed the password of", name->c_str(),
               realm->c_str(), path.c_str());
  return kExitOk;
}

// The server looks at its users first, so that no session is opened behind our back.
int kill_sessions_of(const std::string& name, const std::string& realm, const AdminClient& server,
                     const std::string& command) {
  const auto answer = server.get("POST", "/v1/sessions/kill", {{"user", name}, {"realm", realm}});
  if (!answer) return fail(command, "the user is removed, but: " + answer.error());
  std::fprintf(stderr, "ended %llu sessions\n",
               static_cast<unsigned long long>(answer->value("killed", uint64_t{0})));
  return kExitOk;
}

int remove_user(Arguments arguments) {
  CommandSyntax syntax =
      user_syntax("remove",
                  "Removes a user from the database. A running server notices within a second; the "
                  "user's sessions\nend when they would have to be refreshed, or at once with "
                  "--kill.");
  const std::string command = syntax.name;
  add_socket_option(syntax.options);
  syntax.options.add_options()("kill", "end the user's sessions on the running server, too");
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  const auto name = user_name(options);
  if (!name) return fail(command, name.error(), kExitUsage);
  const auto realm = choose_realm(options);
  if (!realm) return fail(command, realm.error());
  const AdminClient server(socket_path(options));
  if (options.has("kill")) {
    // Before anything is removed: whoever asks for both wants both.
    if (const auto answer = server.get("GET", "/v1/status", nullptr); !answer) {
      return fail(command, answer.error() + "; nothing was removed");
    }
  }
  auto database = open_userdb(options, UserDatabase::Open::existing);
  if (!database) return fail(command, database.error());
  const auto removed = database->remove_user(*realm, *name);
  const std::string path = userdb_path(options).value_or("");
  if (!removed) return fail(command, database_message(path, removed.error()));
  if (!*removed) {
    return fail(command, "there is no user '" + *name + "' in realm '" + *realm + "' of " + path);
  }
  std::fprintf(stderr, "removed user '%s' from realm '%s' of %s\n", name->c_str(), realm->c_str(),
               path.c_str());
  return options.has("kill") ? kill_sessions_of(*name, *realm, server, command) : kExitOk;
}

std::string_view sha256_word(Sha256State state) {
  switch (state) {
    case Sha256State::valid:
      return "yes";
    case Sha256State::absent:
      return "no";
    case Sha256State::stale:
      return "out of date";
  }
  return "no";
}

void print_users(const std::vector<auth::StoredUser>& users) {
  std::vector<std::vector<std::string>> rows = {{"REALM", "NAME", "SHA-256"}};
  for (const auto& user : users) {
    rows.push_back({user.realm, user.name, std::string(sha256_word(user.sha256))});
  }
  std::fputs(text_table(std::move(rows)).c_str(), stdout);
}

void print_users_as_json(const std::vector<auth::StoredUser>& users) {
  std::string out = "[";
  for (const auto& user : users) {
    out += out.size() == 1 ? "\n  {\"realm\": " : ",\n  {\"realm\": ";
    append_json_string(out, user.realm);
    out += ", \"name\": ";
    append_json_string(out, user.name);
    out += ", \"sha256\": ";
    out += user.sha256 == Sha256State::valid ? "true}" : "false}";
  }
  out += users.empty() ? "]\n" : "\n]\n";
  std::fputs(out.c_str(), stdout);
}

int list_user(Arguments arguments) {
  CommandSyntax syntax{.name = "turnpike user list",
                       .synopsis = "[OPTION ...]",
                       .about =
                           "Lists the users of the database and whether each can use SHA-256 "
                           "(RFC 8489): one that another\ntool has added, or given a new "
                           "password, cannot until `turnpike user add` is run.",
                       .options = po::options_description("Options"),
                       .positional = ""};
  const std::string command = syntax.name;
  add_userdb_option(syntax.options);
  add_realm_option(syntax.options, "all realms");
  syntax.options.add_options()("json", "print a JSON array");
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  auto database = open_userdb(options, UserDatabase::Open::read_only);
  if (!database) return fail(command, database.error());
  const auto users = database->users(realm_filter(options));
  if (!users) {
    return fail(command, database_message(userdb_path(options).value_or(""), users.error()));
  }
  if (options.has("json")) {
    print_users_as_json(*users);
  } else {
    print_users(*users);
  }
  return kExitOk;
}

int key(Arguments arguments) {
  CommandSyntax syntax =
      user_syntax("key",
                  "Prints the keys that a name, realm and password make: the MD5 key as `--user "
                  "NAME:0xKEY` takes it,\nand below it the SHA-256 key. Nothing is stored.");
  const std::string command = syntax.name;
  add_password_options(syntax.options, "password", Generation::not_offered);
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  const auto name = user_name(options);
  if (!name) return fail(command, name.error(), kExitUsage);
  const auto password = take_password(options, "password");
  if (!password) return fail(command, password.error(), kExitUsage);
  const auto realm = choose_realm(options);
  if (!realm) return fail(command, realm.error());
  const UserKeys keys = UserKeys::from_password(*name, *realm, password->text);
  std::printf("0x%s\nsha256 0x%s\n", to_hex(keys.md5).c_str(), to_hex(keys.sha256).c_str());
  return kExitOk;
}

}  // namespace

int user(Arguments arguments) {
  constexpr std::array kVerbs = {
      Subcommand{"add", add_user, "add a user or change a password"},
      Subcommand{"remove", remove_user, "remove a user"},
      Subcommand{"list", list_user, "list users"},
      Subcommand{"limit", limit_user, "give a user, or a realm, limits of its own"},
      Subcommand{"key", key, "print the keys of a name, realm and password"},
  };
  return run_subcommand("turnpike user", kVerbs, arguments);
}

}  // namespace turnpike::cli
