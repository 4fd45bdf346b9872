// A TCP or TLS client on its way out of the hands that read it: to a connection with a peer (RFC
// 6062), or to another worker. All that has been received and not used, and all that has been said
// and not sent, goes along.
#pragma once

#include <memory>
#include <vector>

#include "base/five_tuple.h"
#include "net/fd.h"
#include "net/tls_channel.h"

namespace turnpike::server {

struct StreamHandover {
  net::Fd fd;
  FiveTuple tuple;
  std::unique_ptr<net::TlsChannel> tls;  // nullptr: plain TCP.
  std::vector<uint8_t> unsent;           // As it goes over the connection.
  std::vector<uint8_t> received;         // Behind the last request, decrypted.
  std::vector<uint8_t> encrypted;        // Behind that, as it came.
};

}  // namespace turnpike::server
