// The page that Prometheus scrapes, over HTTP.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"
#include "http/service.h"

namespace turnpike::metrics {

struct ExposerSettings {
  std::vector<Endpoint> addresses;
  std::string path = "/metrics";
  http::Limits limits = {};
  // A page that is younger is given again, so that a storm of scrapes costs no more than this many
  // pages a second.
  Duration page_life = milliseconds(50);
};

class Exposer {
 public:
  // `make_page` is called on the exposer's thread, as long as the exposer lives.
  using MakePage = std::function<std::string()>;

  // Listens before it returns. The error is a sentence.
  static Result<std::unique_ptr<Exposer>, std::string> start(const ExposerSettings& settings,
                                                             MakePage make_page);
  Exposer(const Exposer&) = delete;
  Exposer& operator=(const Exposer&) = delete;

 private:
  Exposer(const ExposerSettings& settings, MakePage make_page, std::vector<net::Fd> listeners);
  http::Response answer(const http::Request& request);
  const std::string& page(Instant now);

  const ExposerSettings settings_;
  const MakePage make_page_;
  std::string page_;
  Instant page_made_{};
  bool has_page_ = false;
  std::vector<net::Fd> listeners_;
  http::Service service_;  // Last: its thread uses all of the above.
};

}  // namespace turnpike::metrics
