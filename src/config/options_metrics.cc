// The page for Prometheus.
#include <algorithm>

#include "config/option_values.h"
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

Complaint set_path(Config& config, std::string_view value) {
  const auto is_plain = [](char c) { return c > ' ' && c < 0x7f && c != '?' && c != '#'; };
  // What the HTTP server takes for a path: no empty segment, none that leads elsewhere, no escape.
  const bool is_straight = value.find("//") == std::string_view::npos &&
                           value.find("/.") == std::string_view::npos &&
                           value.find('%') == std::string_view::npos && !value.ends_with('/');
  if (!value.starts_with('/') || value.size() > 256 || !is_straight ||
      !std::all_of(value.begin(), value.end(), is_plain)) {
    return "must be a path such as /metrics";
  }
  config.prometheus_path = value;
  return {};
}

constexpr Option kMetrics[] = {
    {.name = "prometheus",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Serves metrics for Prometheus over HTTP, to everybody who can reach the port.",
     .apply = set_flag<&Config::prometheus>},
    {.name = "prometheus-port",
     .placeholder = "PORT",
     .default_text = "9641",
     .help = "TCP port of the metrics.",
     .apply = set_port<&Config::prometheus_port>},
    {.name = "prometheus-address",
     .repeat = Repeat::latest_source,
     .placeholder = "ADDRESS",
     .help = "Local address on which the metrics are served; may be repeated. Without it, all.",
     .apply = add_ip<&Config::prometheus_ips>},
    {.name = "prometheus-path",
     .placeholder = "PATH",
     .default_text = "/metrics",
     .help = "Where the metrics are; / answers ok, as a health check.",
     .apply = set_path},
    {.name = "prometheus-username-labels",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Traffic by user as well, for at most 1,000 users at once; all others are one.",
     .apply = set_flag<&Config::prometheus_username_labels>},
    {.name = "prometheus-coturn-names",
     .argument = Argument::flag,
     .origin = Origin::ours,
     .default_text = "off",
     .help = "The metrics under the names that coturn gives them as well; on without a word when "
             "the configuration file is named turnserver.conf.",
     .apply = set_flag<&Config::prometheus_coturn_names>},
};

}  // namespace

std::span<const Option> metrics_options() {
  return kMetrics;
}

}  // namespace turnpike::config
