// `turnpike import-coturn`: what a configuration and a database of coturn's will mean here.
#include <algorithm>
#include <cstdio>
#include <fstream>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/control_tables.h"
#include "cli/option_parser.h"
#include "cli/userdb_options.h"
#include "config/documents.h"
#include "config/load.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;
using auth::UserDatabase;

constexpr const char* kImportAbout =
    "Reads a turnserver.conf and, if there is one, its SQLite database, and says what each line "
    "and\n"
    "each table means here. Changes nothing. --output writes a configuration with the same "
    "meaning,\n"
    "with passwords and secrets left out; `turnpike serve -c turnserver.conf` takes the old file "
    "as it is.\nEnds with 1 when something would be missing.";

CommandSyntax import_syntax() {
  CommandSyntax syntax{.name = "turnpike import-coturn",
                       .synopsis = "TURNSERVER.CONF [OPTION ...]",
                       .about = kImportAbout,
                       .options = po::options_description("Options"),
                       .positional = "config"};
  syntax.options.add_options()("config,c", po::value<std::string>(), "the turnserver.conf")(
      "userdb,b", po::value<std::string>(), "its database (default: as the file says)")(
      "output,o", po::value<std::string>(), "write a configuration of ours to this file");
  return syntax;
}

void print_all(const char* title, const std::vector<config::Problem>& problems) {
  if (problems.empty()) return;
  std::printf("\n%s\n", title);
  for (const config::Problem& problem : problems) {
    std::printf("  %s\n", problem.to_string().c_str());
  }
}

size_t settings_in(const config::LoadResult& loaded) {
  size_t count = 0;
  for (const auto& [name, values] : loaded.applied) count += values.size();
  return count;
}

struct TableMeaning {
  const char* table;
  const char* meaning;
};

// What becomes of each of coturn's tables.
constexpr TableMeaning kTables[] = {
    {"turnusers_lt", "users; they log in as they are"},
    {"turn_secret", "shared secrets for time-limited users (use-auth-secret)"},
    {"allowed_peer_ip", "peer rules; they count, unless no-dynamic-ip-list is set"},
    {"denied_peer_ip", "peer rules; they count, unless no-dynamic-ip-list is set"},
    {"turn_realm_option", "options of realms: of the server's, and of those by origin"},
    {"turn_origin_to_realm", "realms by ORIGIN; they count, unless no-dynamic-realms is set"},
    {"oauth_key", "keys of third-party authorization; they count with oauth"},
    {"admin_user", "accounts of the web interface, which there is none of; left alone"},
};

// True when something in it would be missing.
Result<bool, std::string> report_database(const std::string& path, const std::string& realm) {
  auto database = UserDatabase::open(path, UserDatabase::Open::read_only);
  if (!database) return unexpected(database_message(path, database.error()));
  std::printf("\nThe database %s can be used as it is, beside coturn, too:\n", path.c_str());
  bool missing = false;
  for (const TableMeaning& table : kTables) {
    const auto rows = database->row_count(table.table);
    if (!rows) return unexpected(database_message(path, rows.error()));
    if (!*rows) continue;
    std::printf("  %-22s %8llu rows  %s\n", table.table, static_cast<unsigned long long>(**rows),
                table.meaning);
  }
  const auto origins = database->origins();
  if (!origins) return unexpected(database_message(path, origins.error()));
  for (const auth::OriginRow& row : *origins) {
    std::printf("  origin '%s' stands for realm '%s'\n", printable_text(row.origin).c_str(),
                printable_text(row.realm).c_str());
  }
  const auto realms = database->realms_with_users();
  if (!realms) return unexpected(database_message(path, realms.error()));
  for (const std::string& name : *realms) {
    const bool by_origin =
        std::any_of(origins->begin(), origins->end(),
                    [&](const auth::OriginRow& row) { return row.realm == name; });
    if (name == realm || by_origin || (realm.empty() && realms->size() == 1)) continue;
    missing = true;
    std::printf("  users of realm '%s' cannot log in: the server's realm is %s\n",
                printable_text(name).c_str(),
                realm.empty() ? "not set, and there are several" : ("'" + realm + "'").c_str());
  }
  const auto users = database->users(std::nullopt);
  if (!users) return unexpected(database_message(path, users.error()));
  size_t without = 0;
  for (const auth::StoredUser& user : *users) {
    without += user.sha256 == auth::Sha256State::valid ? 0 : 1;
  }
  if (without > 0) {
    std::printf(
        "  %zu of %zu users have an MD5 key only, so SHA-256 is not offered until each has got a "
        "password anew (`turnpike user add`)\n",
        without, users->size());
  }
  return missing;
}

bool write_output(const std::string& path, const config::LoadResult& loaded) {
  std::ofstream file(path);
  file << config::configuration_text(loaded.applied);
  file.close();
  return static_cast<bool>(file);
}

}  // namespace

int import_coturn(Arguments arguments) {
  const ParsedOptions options = parse_options(import_syntax(), arguments);
  if (options.exit_code) return *options.exit_code;
  const std::string command = "turnpike import-coturn";
  if (!options.has("config")) return fail(command, "which file? See --help", kExitUsage);
  // The environment is this server's, not coturn's.
  config::Environment environment = config::system_environment();
  environment.variables.clear();
  const std::vector<std::string> given = {"-c", options.text("config")};
  const config::LoadResult loaded = config::load(given, environment);
  if (loaded.file.empty()) {
    for (const auto& error : loaded.errors) std::fprintf(stderr, "%s\n", error.to_string().c_str());
    return kExitUsage;
  }
  std::printf("%s: %zu settings mean here what they mean there.\n", loaded.file.c_str(),
              settings_in(loaded));
  print_all("Would be missing, so the server does not start with it:", loaded.errors);
  print_all("Worth a look:", loaded.warnings);
  print_all("Without effect, or so anyway:", loaded.infos);
  bool missing = !loaded.errors.empty();
  const std::string database =
      options.has("userdb") ? options.text("userdb") : loaded.config.userdb_path;
  if (!database.empty()) {
    const auto lost =
        report_database(database, loaded.config.realm_is_set ? loaded.config.realm : "");
    if (!lost) return fail(command, lost.error());
    missing = missing || *lost;
  } else {
    std::printf("\nNo database is used.\n");
  }
  if (options.has("output")) {
    if (!write_output(options.text("output"), loaded)) {
      return fail(command, "cannot write " + options.text("output"));
    }
    std::printf("\nWritten to %s; put the passwords and secrets in, where the mask stands.\n",
                options.text("output").c_str());
  }
  return missing ? kExitFailure : kExitOk;
}

}  // namespace turnpike::cli
