#include "config/validate_webrtc.h"

#include <algorithm>

namespace turnpike::config {

void check_rest(const Config& config, Remarks& remarks) {
  if (config.rest_listen.empty()) {
    for (const std::string_view option :
         {"rest-api-key", "rest-allow-origin", "rest-ttl", "rest-limit", "rest-limit-per-source"}) {
      if (!remarks.is_set(option)) continue;
      remarks.warn(option, std::string(option) + " has no effect without rest-listen");
    }
    return;
  }
  if (config.static_auth_secrets.empty()) {
    remarks.error("rest-listen",
                  "rest-listen needs static-auth-secret=SECRET, with which it makes credentials");
  } else if (!config.use_auth_secret) {
    remarks.error("rest-listen", "rest-listen gives credentials that use-auth-secret=off refuses");
  }
  if (config.rest_api_keys.empty()) {
    remarks.error("rest-listen",
                  "rest-listen needs rest-api-key=KEY: without one everybody could relay");
  }
  if (config.stun_only) {
    remarks.error("rest-listen", "rest-listen gives credentials that nobody needs with stun-only");
  }
  for (size_t i = 0; i < config.rest_listen.size(); ++i) {
    if (config.rest_listen[i].ip.is_loopback()) continue;
    remarks.warn_at("rest-listen", i,
                    "rest-listen is plain HTTP: keys and passwords can be read on the way unless "
                    "a proxy with TLS, or a network of your own, is in between");
  }
}

}  // namespace turnpike::config
