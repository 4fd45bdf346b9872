// The REST API on its sockets and on a thread of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mailbox.h"
#include "http/service.h"
#include "webrtc/rest_api.h"

namespace turnpike::webrtc {

class RestServer {
 public:
  // Listens before it returns. The error is a sentence.
  static Result<std::unique_ptr<RestServer>, std::string> start(
      const std::vector<Endpoint>& addresses, std::shared_ptr<const RestSettings> settings);
  ~RestServer();
  RestServer(const RestServer&) = delete;
  RestServer& operator=(const RestServer&) = delete;

  // Any thread: requests that come from now on see these.
  void use(std::shared_ptr<const RestSettings> settings);
  [[nodiscard]] const RestCounters& counters() const { return api_.counters(); }

 private:
  using News = std::shared_ptr<const RestSettings>;

  RestServer(std::vector<net::Fd> listeners, std::shared_ptr<const RestSettings> settings);
  http::Response answer(const http::Request& request, const http::Caller& caller);
  void take_news();

  RestApi api_;
  std::vector<net::Fd> listeners_;
  Mailbox<News> mailbox_;
  std::vector<News> news_;  // Scratch of take_news().
  http::Service service_;
  net::Doorbell bell_;  // Of the service's loop, so it goes first.
};

}  // namespace turnpike::webrtc
