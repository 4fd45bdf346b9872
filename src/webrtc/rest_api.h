// Time-limited credentials over HTTP, for the server behind a web page: the "TURN REST API" of
// draft-uberti-behave-turn-rest. From a request to an answer, without a socket.
//
// Who shows no key gets nothing and leaves nothing behind but a number.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/counter.h"
#include "base/token_bucket.h"
#include "http/message.h"
#include "turn/reply_limiter.h"
#include "webrtc/ice_servers.h"

namespace turnpike::webrtc {

struct RestSettings {
  std::vector<std::string> keys;     // Any of them opens.
  std::vector<std::string> origins;  // Pages that may ask by themselves; "*": all.
  uint32_t ttl_s = 86'400;
  std::string secret;
  char separator = ':';               // Between timestamp and name.
  uint32_t per_second = 0;            // Credentials given altogether; 0: no limit.
  uint32_t per_second_of_source = 0;  // Requests, whatever becomes of them; 0: no limit.
  IceServer server;                   // Without a user.
  std::string closed;                 // Why none are given now; empty: they are.
};

// What became of a request.
enum class RestResult : uint8_t {
  issued,
  preflight,     // A browser asked whether its page may.
  malformed,     // Path, method, parameters.
  no_key,        // 401.
  wrong_key,     // 403.
  wrong_origin,  // 403.
  limited,       // 429.
  closed,        // 503.
};
constexpr size_t kRestResults = 8;
std::string_view to_string(RestResult result);

class RestCounters {
 public:
  void add(RestResult result) { counts_.at(static_cast<size_t>(result)).add(); }
  [[nodiscard]] uint64_t get(RestResult result) const {
    return counts_.at(static_cast<size_t>(result)).get();
  }

 private:
  std::array<Counter, kRestResults> counts_;
};

class RestApi {
 public:
  RestApi(std::shared_ptr<const RestSettings> settings, const HashKey& hash_key, Instant now);

  // From now on. What has been spent of the limits stays spent, unless they are others.
  void use(std::shared_ptr<const RestSettings> settings, Instant now);

  http::Response handle(const http::Request& request, const Ip& source, Instant now,
                        WallTime wall_now);

  // Any thread.
  [[nodiscard]] const RestCounters& counters() const { return counters_; }

 private:
  struct Outcome {
    RestResult result;
    http::Response response;
  };
  Outcome judge(const http::Request& request, const Ip& source, Instant now, WallTime wall_now);
  [[nodiscard]] Outcome issue(const http::Request& request, WallTime wall_now) const;
  [[nodiscard]] bool may_ask(const std::string& origin) const;
  [[nodiscard]] bool is_key(std::string_view shown) const;

  std::shared_ptr<const RestSettings> settings_;
  turn::ReplyBuckets sources_;
  std::optional<TokenBucket> all_;
  RestCounters counters_;
};

}  // namespace turnpike::webrtc
