#include "server/rest.h"

#include <algorithm>

#include "webrtc/own_server.h"

namespace turnpike::server {

std::shared_ptr<const webrtc::RestSettings> make_rest_settings(const config::Config& config,
                                                               const net::HostAddresses& host,
                                                               const net::TlsContext* tls,
                                                               std::string closed) {
  // In memory: once rights are dropped the files may be out of reach.
  const auto is_certified = [tls](const std::string& name) {
    return tls != nullptr && std::any_of(tls->certificates().begin(), tls->certificates().end(),
                                         [&name](const auto& one) { return one->lists(name); });
  };
  webrtc::RestSettings settings;
  settings.keys = config.rest_api_keys;
  settings.origins = config.rest_allow_origins;
  settings.ttl_s = config.rest_ttl_s;
  // The first one signs; those behind it are believed too, which is how secrets are changed.
  if (!config.static_auth_secrets.empty()) settings.secret = config.static_auth_secrets.front();
  settings.separator = config.rest_api_separator;
  settings.per_second = config.rest_limit_rps;
  settings.per_second_of_source = config.rest_limit_per_source_rps;
  settings.server = webrtc::own_server(config, host, is_certified).server;
  settings.closed = std::move(closed);
  return std::make_shared<const webrtc::RestSettings>(std::move(settings));
}

}  // namespace turnpike::server
