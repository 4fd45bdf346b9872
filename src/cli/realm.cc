// `turnpike realm`: several realms on one server, told apart by the ORIGIN that clients send.
#include <array>
#include <cstdio>
#include <map>

#include "auth/origin.h"
#include "base/json_text.h"
#include "cli/commands.h"
#include "cli/password_input.h"
#include "cli/subcommands.h"
#include "cli/user_limit.h"
#include "cli/userdb_options.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;
using auth::PutResult;
using auth::UserDatabase;

// What the database says of one realm.
struct RealmEntry {
  bool has_users = false;
  std::vector<std::string> origins;
  std::vector<auth::StoredOption> options;
};
using RealmEntries = std::map<std::string, RealmEntry>;

Result<RealmEntries, auth::DatabaseFailure> read_realms(UserDatabase& database) {
  RealmEntries entries;
  const auto with_users = database.realms_with_users();
  if (!with_users) return unexpected(with_users.error());
  for (const std::string& name : *with_users) entries[name].has_users = true;
  const auto origins = database.origins();
  if (!origins) return unexpected(origins.error());
  for (const auth::OriginRow& row : *origins) entries[row.realm].origins.push_back(row.origin);
  const auto options = database.realm_options();
  if (!options) return unexpected(options.error());
  for (const auth::RealmOptionRow& row : *options) entries[row.realm].options.push_back(row.option);
  return entries;
}

void print_realms(const RealmEntries& entries) {
  const auto add = [](std::string& to, const std::string& one) {
    to += (to.empty() ? "" : " ") + one;
  };
  std::vector<std::vector<std::string>> rows = {{"REALM", "USERS", "ORIGINS", "LIMITS"}};
  for (const auto& [name, entry] : entries) {
    std::string origins;
    std::string limits;
    for (const std::string& origin : entry.origins) add(origins, origin);
    for (const auth::StoredOption& each : entry.options)
      add(limits, each.option + "=" + each.value);
    rows.push_back({name, entry.has_users ? "yes" : "no", origins, limits});
  }
  std::fputs(text_table(std::move(rows)).c_str(), stdout);
}

void print_realms_as_json(const RealmEntries& entries) {
  std::string out = "[";
  for (const auto& [name, entry] : entries) {
    out += out.size() == 1 ? "\n  {\"realm\": " : ",\n  {\"realm\": ";
    append_json_string(out, name);
    out += entry.has_users ? ", \"users\": true, \"origins\": ["
                           : ", \"users\": false, \"origins\": [";
    for (size_t i = 0; i < entry.origins.size(); ++i) {
      if (i > 0) out += ", ";
      append_json_string(out, entry.origins[i]);
    }
    out += "], \"options\": {";
    for (size_t i = 0; i < entry.options.size(); ++i) {
      if (i > 0) out += ", ";
      append_json_string(out, entry.options[i].option);
      out += ": ";
      append_json_string(out, entry.options[i].value);
    }
    out += "}}";
  }
  out += entries.empty() ? "]\n" : "\n]\n";
  std::fputs(out.c_str(), stdout);
}

int list_realm(Arguments arguments) {
  CommandSyntax syntax{.name = "turnpike realm list",
                       .synopsis = "[OPTION ...]",
                       .about =
                           "Lists the realms that the database knows, with their origins and "
                           "limits.",
                       .options = po::options_description("Options"),
                       .positional = ""};
  const std::string command = syntax.name;
  add_userdb_option(syntax.options);
  syntax.options.add_options()("json", "print a JSON array");
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  auto database = open_userdb(options, UserDatabase::Open::read_only);
  if (!database) return fail(command, database.error());
  const auto entries = read_realms(*database);
  if (!entries) {
    return fail(command, database_message(userdb_path(options).value_or(""), entries.error()));
  }
  if (options.has("json")) {
    print_realms_as_json(*entries);
  } else {
    print_realms(*entries);
  }
  return kExitOk;
}

CommandSyntax origin_syntax(const std::string& verb, const std::string& about) {
  CommandSyntax syntax{.name = "turnpike realm " + verb,
                       .synopsis = "ORIGIN [OPTION ...]",
                       .about = about,
                       .options = po::options_description("Options"),
                       .positional = "origin"};
  syntax.options.add_options()("origin,o", po::value<std::string>(),
                               "such as https://app.example, same as ORIGIN");
  add_userdb_option(syntax.options);
  return syntax;
}

Result<std::string, std::string> origin_of(const ParsedOptions& options) {
  if (!options.has("origin")) return unexpected(std::string("which origin? See --help"));
  const std::string origin = options.text("origin");
  if (!auth::canonical_origin(origin)) {
    return unexpected(std::string("the origin is empty, too long, or has a control character"));
  }
  return origin;
}

int add_origin(Arguments arguments) {
  CommandSyntax syntax = origin_syntax(
      "add-origin",
      "Clients that send this ORIGIN are asked for a user of the realm; an origin leads to one "
      "realm.\nA running server notices within a second. The database is made if there is none.");
  const std::string command = syntax.name;
  add_realm_option(syntax.options, "there is none, it must be given");
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  const auto origin = origin_of(options);
  if (!origin) return fail(command, origin.error(), kExitUsage);
  if (!options.has("realm")) return fail(command, "which --realm?", kExitUsage);
  if (auto problem = realm_problem(options)) return fail(command, *problem, kExitUsage);
  const std::string realm = options.text("realm");
  auto database = open_userdb(options, UserDatabase::Open::create_if_missing);
  if (!database) return fail(command, database.error());
  const auto put = database->put_origin(*origin, realm);
  if (!put) {
    return fail(command, database_message(userdb_path(options).value_or(""), put.error()));
  }
  std::fprintf(stderr, "%s %s realm '%s'\n", auth::canonical_origin(*origin)->c_str(),
               *put == PutResult::unchanged ? "led already to" : "leads to", realm.c_str());
  return kExitOk;
}

int remove_origin(Arguments arguments) {
  CommandSyntax syntax = origin_syntax(
      "remove-origin", "Clients that send this ORIGIN are asked for a user of the server's realm.");
  const std::string command = syntax.name;
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  const auto origin = origin_of(options);
  if (!origin) return fail(command, origin.error(), kExitUsage);
  auto database = open_userdb(options, UserDatabase::Open::existing);
  if (!database) return fail(command, database.error());
  const std::string path = userdb_path(options).value_or("");
  const auto removed = database->remove_origin(*origin);
  if (!removed) return fail(command, database_message(path, removed.error()));
  if (!*removed) return fail(command, "there is no origin '" + *origin + "' in " + path);
  std::fprintf(stderr, "removed %s from %s\n", origin->c_str(), path.c_str());
  return kExitOk;
}

int reset_realm(Arguments arguments) {
  CommandSyntax syntax{.name = "turnpike realm reset",
                       .synopsis = "[OPTION ...]",
                       .about =
                           "Takes all limits of a realm away, so that those of the "
                           "configuration count.",
                       .options = po::options_description("Options"),
                       .positional = ""};
  const std::string command = syntax.name;
  add_userdb_option(syntax.options);
  add_realm_option(syntax.options, "the only realm with users, else turnpike");
  const ParsedOptions options = parse_options(std::move(syntax), arguments);
  if (options.exit_code) return *options.exit_code;
  if (auto problem = realm_problem(options)) return fail(command, *problem, kExitUsage);
  const auto realm = choose_realm(options);
  if (!realm) return fail(command, realm.error());
  auto database = open_userdb(options, UserDatabase::Open::existing);
  if (!database) return fail(command, database.error());
  const auto removed = database->remove_realm_options(*realm);
  if (!removed) {
    return fail(command, database_message(userdb_path(options).value_or(""), removed.error()));
  }
  std::fprintf(stderr, "took %llu limits of realm '%s' away\n",
               static_cast<unsigned long long>(*removed), realm->c_str());
  return kExitOk;
}

}  // namespace

int realm(Arguments arguments) {
  constexpr std::array kVerbs = {
      Subcommand{"list", list_realm, "list realms, their origins and limits"},
      Subcommand{"add-origin", add_origin, "an ORIGIN leads to a realm"},
      Subcommand{"remove-origin", remove_origin, "an ORIGIN leads to the server's realm again"},
      Subcommand{"set", set_realm_limits, "give a realm limits of its own"},
      Subcommand{"reset", reset_realm, "take the limits of a realm away"},
  };
  return run_subcommand("turnpike realm", kVerbs, arguments);
}

}  // namespace turnpike::cli
