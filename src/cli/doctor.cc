// `turnpike doctor`: what is wrong with this server, and what to do about it.
#include "cli/doctor.h"

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/control_tables.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

constexpr const char* kDoctorAbout =
    "Examines this host and the server that runs on it, or would run, with that configuration:\n"
    "limits, ports, certificates and their dates, clock, addresses, names, and a real Allocate\n"
    "through each listener. Says what to do about each finding. Ends with 1 when there is a "
    "problem.\nFor options beside a file: write them into one, or set TURNPIKE_<OPTION>.";

CommandSyntax doctor_syntax() {
  CommandSyntax syntax{.name = "turnpike doctor",
                       .synopsis = "[-c FILE] [OPTION ...]",
                       .about = kDoctorAbout,
                       .options = po::options_description("Options"),
                       .positional = ""};
  add_socket_option(syntax.options);
  syntax.options.add_options()("config,c", po::value<std::string>(), "the configuration file")(
      "domain,d", po::value<std::vector<std::string>>()->composing(),
      "a name by which clients know this server, beside public-host; may be repeated")(
      "stun", po::value<std::string>(),
      "a STUN server elsewhere, to ask for our public address (default: those of external-ip-stun, "
      "if it is set or external-ip=auto)")(
      "user,u", po::value<std::string>(),
      "a user for the Allocates (default: one of the file or its database)")(
      "password,p", po::value<std::string>(), "that user's password")(
      "client-cert", po::value<std::string>(),
      "with CA-file: a certificate that the server takes from clients, as PEM")(
      "client-key", po::value<std::string>(), "its key, if it is in another file")("json",
                                                                                   "print JSON");
  return syntax;
}

std::string_view severity_word(Severity severity) {
  switch (severity) {
    case Severity::fine:
      return "ok";
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::problem:
      return "PROBLEM";
  }
  return "?";
}

void examine_configuration(const config::LoadResult& loaded, Diagnosis& findings) {
  for (const config::Problem& problem : loaded.errors) {
    findings.push_back({Severity::problem, problem.to_string(), ""});
  }
  for (const config::Problem& problem : loaded.warnings) {
    findings.push_back({Severity::warning, problem.to_string(), ""});
  }
  if (loaded.errors.empty()) {
    findings.push_back({Severity::fine, "the configuration is in order: " +
                                            (loaded.file.empty() ? "no file" : loaded.file)});
  }
}

void print_findings(const Diagnosis& findings) {
  for (const Finding& finding : findings) {
    std::printf("%-8s %s\n", std::string(severity_word(finding.severity)).c_str(),
                printable_text(finding.what).c_str());
    if (!finding.advice.empty()) std::printf("         -> %s\n", finding.advice.c_str());
  }
}

void print_findings_as_json(const Diagnosis& findings) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back(
        {{"severity",
          finding.severity == Severity::problem ? "problem" : severity_word(finding.severity)},
         {"what", finding.what},
         {"advice", finding.advice}});
  }
  std::printf("%s\n", list.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

int doctor(Arguments arguments) {
  const ParsedOptions options = parse_options(doctor_syntax(), arguments);
  if (options.exit_code) return *options.exit_code;
  if (options.has("user") != options.has("password")) {
    return fail("turnpike doctor", "--user and --password belong together", kExitUsage);
  }
  // A server that goes away while we write to it is a finding, not our end.
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> given;
  if (options.has("config")) given = {"-c", options.text("config")};
  const config::LoadResult loaded = config::load(given, config::system_environment());
  Examination examination{loaded, socket_path(options), known_credentials(loaded.config), {}, {}};
  if (!options.has("socket") && !loaded.config.admin_socket_path.empty()) {
    examination.socket = loaded.config.admin_socket_path;
  }
  if (options.has("user")) {
    examination.credentials = {.username = options.text("user"),
                               .password = options.text("password")};
  }
  if (options.has("domain")) {
    examination.domains = options.values["domain"].as<std::vector<std::string>>();
  }
  const std::string& host = loaded.config.public_host;
  const bool is_name = !host.empty() && !Endpoint::parse(host, 1);
  auto& domains = examination.domains;
  if (is_name && std::find(domains.begin(), domains.end(), host) == domains.end()) {
    domains.push_back(host);
  }
  if (options.has("stun")) examination.stun_server = options.text("stun");

  if (options.has("client-cert")) examination.client_certificate = options.text("client-cert");
  if (options.has("client-key")) examination.client_key = options.text("client-key");

  Diagnosis findings;
  examine_configuration(loaded, findings);
  examine_limits(examination, findings);
  examine_clock(findings);
  examine_certificates(examination, findings);
  examine_addresses(examination, findings);
  examine_listeners(examination, findings);
  options.has("json") ? print_findings_as_json(findings) : print_findings(findings);
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::problem) return kExitFailure;
  }
  return kExitOk;
}

}  // namespace turnpike::cli
