// Requests on their way through the core, and what a handler answers.
#pragma once

#include <optional>
#include <vector>

#include "auth/long_term.h"
#include "base/result.h"
#include "base/time.h"
#include "stun/builder.h"
#include "stun/message.h"
#include "turn/outbox.h"
#include "turn/route.h"

namespace turnpike::turn {

struct Core;

struct Request {
  const Now& now;
  const ClientRoute& from;
  stun::MessageView message;
  Outbox& out;
  Duration waited{};  // For the user store, before it was taken up again.
};

// The proof that a request passed the gate: only authenticate.cc makes one, and its message ends
// where the verified integrity attribute began.
class AuthenticatedRequest : public Request {
 public:
  // Empty when the server runs without authentication.
  [[nodiscard]] std::string_view user() const { return who_ ? who_->name : std::string_view(); }
  [[nodiscard]] std::string_view realm() const {
    return who_ ? std::string_view(who_->realm) : std::string_view();
  }
  [[nodiscard]] auth::Proof proof() const { return who_ ? who_->proof : auth::Proof::nothing; }
  [[nodiscard]] std::string_view quota_user() const {
    return who_ ? who_->quota_name : std::string_view();
  }
  [[nodiscard]] const auth::Identity* identity() const { return who_ ? &*who_ : nullptr; }

 private:
  friend class Gate;
  AuthenticatedRequest(const Request& request, std::optional<auth::Identity> who)
      : Request(request), who_(std::move(who)) {}

  std::optional<auth::Identity> who_;
};

// A rejection is a value that the dispatcher must turn into an error response.
struct Reject {
  stun::ErrorCode code = stun::ErrorCode::server_error;
  std::vector<stun::AttributeType> unknown = {};  // For 420.
  std::optional<Endpoint> alternate = {};         // For 300.
};

// A request that waits for the outside is answered later, by whoever hears of the outcome.
enum class Answer : uint8_t { now, later };
struct Done {
  Answer answer = Answer::now;
};
// On success the handler has put its attributes into the response it was given.
using Outcome = Result<Done, Reject>;

inline tl::unexpected<Reject> reject(stun::ErrorCode code) {
  return unexpected(Reject{code});
}

}  // namespace turnpike::turn
