// Credentials for web pages.
#include <algorithm>

#include "config/option_values.h"
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

constexpr uint64_t kMaxTtl_s = 31'622'400;
constexpr uint64_t kMaxRate = 1'000'000;

Complaint add_rest_listen(Config& config, std::string_view value) {
  const auto endpoint = Endpoint::parse(value, 0);
  if (!endpoint || endpoint->port == 0) return "must be ADDRESS:PORT, such as 127.0.0.1:8080";
  config.rest_listen.push_back(*endpoint);
  return {};
}

// Keys go into URLs, headers and the files of other programs.
Complaint add_rest_key(Config& config, std::string_view value) {
  constexpr size_t kShortest = 16;
  constexpr size_t kLongest = 256;
  const bool is_visible =
      std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (value.size() < kShortest || value.size() > kLongest || !is_visible) {
    return "must be 16 to 256 visible ASCII characters";
  }
  config.rest_api_keys.emplace_back(value);
  return {};
}

// As browsers spell it: scheme, host, port if it is not the scheme's own.
bool is_origin(std::string_view text) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(scheme.size());
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
             std::string_view("-._:[]").find(c) != std::string_view::npos;
    });
  }
  return false;
}

Complaint add_rest_origin(Config& config, std::string_view value) {
  if (value != "*" && !is_origin(value)) {
    return "must be an origin such as https://app.example, in small letters and without a path, or "
           "*";
  }
  config.rest_allow_origins.emplace_back(value);
  return {};
}

constexpr Option kWebrtc[] = {
    {.name = "rest-listen",
     .repeat = Repeat::latest_source,
     .origin = Origin::ours,
     .placeholder = "ADDRESS:PORT",
     .help = "Where to give time-limited credentials over plain HTTP (GET /turn), to programs that "
             "show a rest-api-key; may be repeated. Needs static-auth-secret. Default: nowhere.",
     .apply = add_rest_listen},
    {.name = "rest-api-key",
     .repeat = Repeat::latest_source,
     .secrecy = Secrecy::secret,
     .origin = Origin::ours,
     .placeholder = "KEY",
     .help = "What rest-listen asks for (Authorization: Bearer KEY, X-API-Key, or ?key=); 16 bytes "
             "or more; may be repeated (rotation).",
     .apply = add_rest_key},
    {.name = "rest-allow-origin",
     .repeat = Repeat::latest_source,
     .origin = Origin::ours,
     .placeholder = "ORIGIN",
     .help = "Web pages that may ask rest-listen themselves, such as https://app.example, or * for "
             "all; may be repeated. Default: none, only programs may.",
     .apply = add_rest_origin},
    {.name = "rest-ttl",
     .origin = Origin::ours,
     .placeholder = "SECONDS",
     .default_text = "86400",
     .help = "How long the credentials that rest-listen gives are good for.",
     .apply = set_number<&Config::rest_ttl_s, 1, kMaxTtl_s>},
    {.name = "rest-limit",
     .origin = Origin::ours,
     .placeholder = "N",
     .default_text = "100",
     .help = "Credentials that rest-listen gives a second, altogether; 0 is no limit.",
     .apply = set_number<&Config::rest_limit_rps, 0, kMaxRate>},
    {.name = "rest-limit-per-source",
     .origin = Origin::ours,
     .placeholder = "N",
     .default_text = "10",
     .help = "Requests a second that rest-listen answers to one address (IPv6: a /56), right or "
             "wrong ones; 0 is no limit, for a proxy that is everybody's address and limits by "
             "itself.",
     .apply = set_number<&Config::rest_limit_per_source_rps, 0, kMaxRate>},
};

}  // namespace

std::span<const Option> webrtc_options() {
  return kWebrtc;
}

}  // namespace turnpike::config
