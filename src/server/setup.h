// From the configuration to what each part of a server is told.
#pragma once

#include <vector>

#include "auth/nonce.h"
#include "config/config.h"
#include "config/load.h"
#include "net/interfaces.h"
#include "net/tls_context.h"
#include "relay/relay_addresses.h"
#include "server/client_limits.h"
#include "server/metrics_source.h"

namespace turnpike::server {

std::vector<Ip> ips_of(const net::HostAddresses& host);

// A fleet that shares a secret shares its nonces; else they are this process's own.
auth::NonceKey make_nonce_key(const config::Config& config);

relay::RelaySettings make_relay_settings(const config::Config& config);
MetricsLimits make_metrics_limits(const config::Config& config);

// TLS or DTLS is wanted on at least one socket.
bool serves_tls(const config::Config& config);
net::TlsSettings make_tls_settings(const config::Config& config);

StreamLimits make_stream_limits(const config::Config& config);
DtlsLimits make_dtls_limits(const config::Config& config);

LogSettings make_log_settings(const config::Config& config);
// Many a file of coturn's names /var/log/turnserver.log, which only root may write, and coturn goes
// on with another log. In a configuration of our own such a path is a mistake, and false is told.
bool open_log(const config::Config& config, const config::AppliedValues& applied);

}  // namespace turnpike::server
