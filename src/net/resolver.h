// Names to addresses without waiting: for what runs in an event loop. resolve.h is for tools that
// have nothing else to do.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "net/event_loop.h"

namespace turnpike::net {

// Asks the name servers of resolv.conf and reads the hosts file. Lives on the loop's thread.
class Resolver {
 public:
  using Addresses = Result<std::vector<Ip>, std::string>;
  // The error is a sentence of the resolver's. May destroy the Resolver.
  using Callback = std::function<void(const Addresses&)>;

  // `loop` outlives the resolver.
  explicit Resolver(EventLoop& loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // All addresses of a name, each once, or the one that is written there. With a family nothing
  // else is asked for: some name servers drop questions for the other one, which takes long to
  // notice. Calls back later, never from within; not at all after the resolver's end.
  void resolve(const std::string& host, std::optional<IpFamily> family, Callback callback);

 private:
  struct Question;
  struct Request;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace turnpike::net
