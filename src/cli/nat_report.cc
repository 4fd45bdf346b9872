#include "cli/nat_report.h"

#include <fmt/format.h>

#include "base/json_text.h"

namespace turnpike::cli {

using client::NatBehavior;
using client::NatClass;
using client::NatPresence;
using client::NatProbeOptions;
using client::NatReport;
using client::NatResult;

namespace {

bool over_tcp(const NatProbeOptions& options) {
  return options.where.transport == client::ProbeTransport::tcp;
}

std::string endpoint_text(const std::optional<Endpoint>& endpoint) {
  return endpoint ? endpoint->to_string() : "unknown";
}

std::string yes_no(const std::optional<bool>& value) {
  return value ? (*value ? "yes" : "no") : "unknown";
}

std::string level_text(NatClass nat) {
  const auto level = client::nat_level(nat);
  return level ? fmt::format("NAT{}, ", *level) : std::string();
}

std::string class_text(const NatReport& report) {
  const NatClass nat = report.result.nat_class();
  if (nat == NatClass::blocked && !report.tcp_answers) return "no server answered";
  return level_text(nat) + std::string(name(nat));
}

std::string filtering_text(const NatResult& result) {
  std::string text(name(result.filtering));
  if (result.filtering != NatBehavior::unknown && !result.filtering_proven) {
    text += " (by silence: with such a mapping the server can't be checked)";
  }
  return text;
}

std::string lifetime_text(const client::LifetimeRange& range) {
  std::string text = range.gone_after ? fmt::format("{} to {} s", range.alive_after.count(),
                                                    range.gone_after->count())
                                      : fmt::format("more than {} s", range.alive_after.count());
  if (range.compared) text += " (by comparing ports)";
  return text;
}

std::string_view advice_for(const NatReport& report, const NatProbeOptions& options) {
  if (report.no_server_address) return "Does name resolution work? Name a server by its address.";
  if (report.result.presence == NatPresence::blocked && !report.tcp_answers) {
    return "Is there a way to the Internet, and do the servers run? Name others with --server.";
  }
  const NatClass nat = report.result.nat_class();
  const bool filtering_alone = nat == NatClass::cone || nat == NatClass::untranslated;
  if (filtering_alone && over_tcp(options)) {
    return options.credentials.username.empty()
               ? "Filtering over TCP takes a server that connects back (tcp-connect-back): give "
                 "--user and --password of one."
               : "Filtering over TCP takes a server with two addresses that connects back "
                 "(tcp-connect-back) and knows the user: name one with --server.";
  }
  if (filtering_alone && report.result.other) {
    return "Filtering could not be told; the notes say why.";
  }
  return client::advice(nat);
}

std::string json_bool(const std::optional<bool>& value) {
  return value ? (*value ? "true" : "false") : "null";
}

std::string json_endpoint(const std::optional<Endpoint>& endpoint) {
  if (!endpoint) return "null";
  return fmt::format(R"({{"ip": "{}", "port": {}}})", endpoint->ip.to_string(), endpoint->port);
}

std::string json_lifetime(const std::optional<client::LifetimeRange>& range) {
  if (!range) return "null";
  return fmt::format(
      R"({{"alive_after_s": {}, "gone_after_s": {}, "compared": {}}})", range->alive_after.count(),
      range->gone_after ? std::to_string(range->gone_after->count()) : "null", range->compared);
}

}  // namespace

std::string nat_text(const NatReport& report, const NatProbeOptions& options) {
  const NatResult& result = report.result;
  std::string out;
  const auto line = [&out](std::string_view key, std::string_view value) {
    out += fmt::format("{:<19}{}\n", key, value);
  };
  line(over_tcp(options) ? "TCP:" : "UDP:", class_text(report));
  if (result.presence == NatPresence::none || result.presence == NatPresence::translated) {
    line("mapping:", name(result.mapping));
    line("filtering:", filtering_text(result));
    line("local:", result.local.to_string());
    line("public:", endpoint_text(result.mapped));
    if (result.port_preserved) line("port preserved:", yes_no(result.port_preserved));
    if (!over_tcp(options)) {
      if (result.presence == NatPresence::translated) line("hairpin:", yes_no(result.hairpin));
      line("fragments out:", yes_no(result.fragments_out));
      line("fragments in:", yes_no(result.fragments_in));
      line("loss:", fmt::format("{:.0f} %", result.loss * 100));
    }
    line("ALG:", result.rewritten ? "yes: something rewrites addresses in answers" : "none seen");
    if (result.lifetime) line("mapping lasts:", lifetime_text(*result.lifetime));
    line("server:", endpoint_text(result.server));
    if (result.other) line("its other address:", endpoint_text(result.other));
  }
  for (const std::string& note : result.notes) line("note:", note);
  return out + std::string(advice_for(report, options)) + '\n';
}

std::string nat_json(const NatReport& report, const NatProbeOptions& options) {
  const NatResult& result = report.result;
  const NatClass nat = result.nat_class();
  const auto level = client::nat_level(nat);
  std::string notes;
  for (const std::string& note : result.notes) {
    notes += (notes.empty() ? "" : ", ") + json_string(note);
  }
  const bool unreachable = nat == NatClass::blocked && !report.tcp_answers;
  return fmt::format(
      "{{\n"
      R"(  "transport": "{}",)"
      "\n"
      R"(  "class": {},)"
      "\n"
      R"(  "level": {},)"
      "\n"
      R"(  "mapping": {},)"
      "\n"
      R"(  "filtering": {},)"
      "\n"
      R"(  "filtering_proven": {},)"
      "\n"
      R"(  "translated": {},)"
      "\n"
      R"(  "local": {},)"
      "\n"
      R"(  "public": {},)"
      "\n"
      R"(  "port_preserved": {},)"
      "\n"
      R"(  "hairpin": {},)"
      "\n"
      R"(  "fragments_out": {},)"
      "\n"
      R"(  "fragments_in": {},)"
      "\n"
      R"(  "alg": {},)"
      "\n"
      R"(  "lifetime": {},)"
      "\n"
      R"(  "loss": {:.3f},)"
      "\n"
      R"(  "server": {},)"
      "\n"
      R"(  "other_address": {},)"
      "\n"
      R"(  "notes": [{}],)"
      "\n"
      R"(  "advice": {})"
      "\n"
      "}}\n",
      over_tcp(options) ? "tcp" : "udp",
      json_string(unreachable ? std::string_view("unreachable") : name(nat)),
      level ? std::to_string(*level) : "null", json_string(name(result.mapping)),
      json_string(name(result.filtering)), result.filtering_proven,
      result.presence == NatPresence::none         ? "false"
      : result.presence == NatPresence::translated ? "true"
                                                   : "null",
      json_endpoint(result.mapped ? std::optional(result.local) : std::nullopt),
      json_endpoint(result.mapped), json_bool(result.port_preserved), json_bool(result.hairpin),
      json_bool(result.fragments_out), json_bool(result.fragments_in), result.rewritten,
      json_lifetime(result.lifetime), result.loss, json_endpoint(result.server),
      json_endpoint(result.other), notes, json_string(advice_for(report, options)));
}

}  // namespace turnpike::cli
