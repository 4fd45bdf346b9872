// What a server that has just started tells its operator about its first user.
#pragma once

#include "cli/first_user.h"
#include "config/config.h"
#include "net/interfaces.h"
#include "webrtc/own_server.h"

namespace turnpike::cli {

// How clients reach the server as that user.
webrtc::OwnServer announcement_of(const config::Config& config, const net::HostAddresses& host,
                                  const FirstUser& user);

// The iceServers to standard output, remarks to the log.
void announce(const config::Config& config, const FirstUser& user);

}  // namespace turnpike::cli
