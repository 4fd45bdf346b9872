#include <array>
#include <cstdio>
#include <utility>

#include "base/json_text.h"
#include "cli/commands.h"
#include "cli/password_input.h"
#include "cli/subcommands.h"
#include "cli/userdb_options.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;
using auth::PutResult;
using auth::UserDatabase;

CommandSyntax secret_syntax(const std::string& verb, const std::string& about,
                            Generation generation) {
  CommandSyntax syntax{.name = "turnpike secret " + verb,
                       .synopsis = "[SECRET] [OPTION ...]",
                       .about = about,
                       .options = po::options_description("Options"),
                       .positional = "secret"};
  add_password_options(syntax.options, "secret", generation);
  add_userdb_option(syntax.options);
  add_realm_option(syntax.options, "the only realm with users, else turnpike");
  return syntax;
}

int add_secret(Arguments arguments) {
  CommandSyntax syntax = secret_syntax(
      "add",
      "Adds a shared secret for time-limited users. Several may be in force, so that one "
      "can be replaced\nwithout a gap. The database is made if there is none.",
      Generation::offered);
  const std::string command = syntax.name;
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  if (auto problem = realm_problem(options)) return fail(command, *problem, kExitUsage);
  const auto secret = take_password(options, "secret");
  if (!secret) return fail(command, secret.error(), kExitUsage);
  const auto realm = choose_realm(options);
  if (!realm) return fail(command, realm.error());
  auto database = open_userdb(options, UserDatabase::Open::create_if_missing);
  if (!database) return fail(command, database.error());
  const std::string path = userdb_path(options).value_or("");
  const auto put = database->put_secret(*realm, secret->text);
  if (!put) return fail(command, database_message(path, put.error()));
  if (secret->generated) std::printf("%s\n", secret->text.c_str());
  std::fprintf(stderr, "%s realm '%s' of %s\n",
               *put == PutResult::added ? "added a secret to" : "the secret was there already, in",
               realm->c_str(), path.c_str());
  return kExitOk;
}

int remove_secret(Arguments arguments) {
  CommandSyntax syntax =
      secret_syntax("remove", "Removes a shared secret: what was made with it is no longer good.",
                    Generation::not_offered);
  const std::string command = syntax.name;
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  if (auto problem = realm_problem(options)) return fail(command, *problem, kExitUsage);
  const auto secret = take_password(options, "secret");
  if (!secret) return fail(command, secret.error(), kExitUsage);
  const auto realm = choose_realm(options);
  if (!realm) return fail(command, realm.error());
  auto database = open_userdb(options, UserDatabase::Open::existing);
  if (!database) return fail(command, database.error());
  const std::string path = userdb_path(options).value_or("");
  const auto removed = database->remove_secret(*realm, secret->text);
  if (!removed) return fail(command, database_message(path, removed.error()));
  if (!*removed)
    return fail(command, "there is no such secret in realm '" + *realm + "' of " + path);
  std::fprintf(stderr, "removed a secret from realm '%s' of %s\n", realm->c_str(), path.c_str());
  return kExitOk;
}

void print_secrets(const std::vector<auth::StoredSecret>& secrets) {
  std::vector<std::vector<std::string>> rows = {{"REALM", "SECRET"}};
  for (const auto& secret : secrets) rows.push_back({secret.realm, secret.value});
  std::fputs(text_table(std::move(rows)).c_str(), stdout);
}

void print_secrets_as_json(const std::vector<auth::StoredSecret>& secrets) {
  std::string out = "[";
  for (const auto& secret : secrets) {
    out += out.size() == 1 ? "\n  {\"realm\": " : ",\n  {\"realm\": ";
    append_json_string(out, secret.realm);
    out += ", \"secret\": ";
    append_json_string(out, secret.value);
    out += '}';
  }
  out += secrets.empty() ? "]\n" : "\n]\n";
  std::fputs(out.c_str(), stdout);
}

int list_secret(Arguments arguments) {
  CommandSyntax syntax{.name = "turnpike secret list",
                       .synopsis = "[OPTION ...]",
                       .about = "Lists the shared secrets of the database, readable as they are.",
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
  const auto secrets = database->secrets(realm_filter(options));
  if (!secrets) {
    return fail(command, database_message(userdb_path(options).value_or(""), secrets.error()));
  }
  if (options.has("json")) {
    print_secrets_as_json(*secrets);
  } else {
    print_secrets(*secrets);
  }
  return kExitOk;
}

}  // namespace

int secret(Arguments arguments) {
  constexpr std::array kVerbs = {
      Subcommand{"add", add_secret, "add a shared secret"},
      Subcommand{"remove", remove_secret, "remove a shared secret"},
      Subcommand{"list", list_secret, "list shared secrets"},
  };
  return run_subcommand("turnpike secret", kVerbs, arguments);
}

}  // namespace turnpike::cli
