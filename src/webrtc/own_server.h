// Under which URIs clients reach this server, as far as it can know.
#pragma once

#include <functional>
#include <string>

#include "config/config.h"
#include "net/interfaces.h"
#include "webrtc/ice_servers.h"

namespace turnpike::webrtc {

// Whether a certificate of the server's is for that host name, as browsers see it.
using IsCertified = std::function<bool(const std::string& name)>;

// turns: only under a name that a certificate of ours carries; the reason for leaving it out is in
// `no_turns`, which is empty otherwise.
struct OwnServer {
  IceServer server;  // Without a user.
  std::string no_turns;
};
OwnServer own_server(const config::Config& config, const net::HostAddresses& host,
                     const IsCertified& is_certified);

}  // namespace turnpike::webrtc
