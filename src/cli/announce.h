// What a server that has just started tells its operator about its first user.
#pragma once

#include <vector>

#include "cli/first_user.h"
#include "cli/ice_servers.h"
#include "config/config.h"
#include "net/interfaces.h"

namespace turnpike::cli {

// How clients reach the server, as far as it can know. turns: only under a name that a certificate
// of ours carries; the reason for leaving it out is in `no_turns`, which is empty otherwise.
struct Announcement {
  IceServer server;
  std::string no_turns;
};
Announcement announcement_of(const config::Config& config, const net::HostAddresses& host,
                             const FirstUser& user);

// The iceServers to standard output, remarks to the log.
void announce(const config::Config& config, const FirstUser& user);

}  // namespace turnpike::cli
