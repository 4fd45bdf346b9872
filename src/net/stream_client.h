// A TCP or TLS connection to a server, whose calls wait: for command-line tools.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"

namespace turnpike::net {

enum class StreamSecurity : uint8_t {
  none,
  tls,  // Whoever it is: certificates are not verified.
};

class StreamClient {
 public:
  // The error is a sentence. Every later call gives up after `patience`, too.
  static Result<std::unique_ptr<StreamClient>, std::string> connect(const Endpoint& server,
                                                                    StreamSecurity security,
                                                                    milliseconds patience);
  StreamClient(const StreamClient&) = delete;
  StreamClient& operator=(const StreamClient&) = delete;
  ~StreamClient();

  // False: the connection is of no more use.
  [[nodiscard]] bool send(ByteView bytes);
  // What came, in `room`; empty at the end and when the time is over.
  [[nodiscard]] ByteView receive(ByteSpan room);

 private:
  struct State;
  explicit StreamClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turnpike::net
