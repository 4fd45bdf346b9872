// What the REST API is told: it gives the credentials of the configuration in force, under the URIs
// that clients reach us by now.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "net/interfaces.h"
#include "net/tls_context.h"
#include "webrtc/rest_api.h"

namespace turnpike::server {

// `tls` may be null. `closed`: why no credentials are given now; empty: they are.
std::shared_ptr<const webrtc::RestSettings> make_rest_settings(const config::Config& config,
                                                               const net::HostAddresses& host,
                                                               const net::TlsContext* tls,
                                                               std::string closed);

}  // namespace turnpike::server
