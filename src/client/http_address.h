// Asks one web server or metadata service for our public IPv4 address, in an event loop.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/http_text.h"
#include "net/event_loop.h"
#include "net/fd.h"

namespace turnpike::client {

// One page that holds an address. Some metadata services want a token first, which another page
// hands out.
struct HttpPage {
  HttpUrl url;
  std::string headers = {};
  std::string token_path = {};  // Asked for by PUT; empty: no token is needed.
  std::string token_headers = {};
  std::string token_name = {};  // The header that the token goes into.
};

// Those of the clouds that have one at 169.254.169.254, where no name needs to be resolved.
std::vector<HttpPage> metadata_pages();

class HttpAddress {
 public:
  // `loop` outlives it. `on_answer` is called once, from the loop, unless it is destroyed before;
  // it may destroy it.
  HttpAddress(net::EventLoop& loop, const Ip& server, HttpPage page, Duration patience,
              std::function<void(std::optional<Ip>)> on_answer);
  HttpAddress(const HttpAddress&) = delete;
  HttpAddress& operator=(const HttpAddress&) = delete;

 private:
  void connect(std::string request);
  void on_writable();
  void on_readable();
  void on_end();
  void finish(std::optional<Ip> ip);

  net::EventLoop& loop_;
  Endpoint server_;
  HttpPage page_;
  std::function<void(std::optional<Ip>)> on_answer_;
  bool asking_token_ = false;
  std::string unsent_;
  std::string received_;
  net::Fd fd_;
  net::Watch readable_;
  net::Watch writable_;
  net::Watch limit_;
  net::Watch failure_;
};

}  // namespace turnpike::client
