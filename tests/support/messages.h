// Makes STUN messages for tests in a line or two.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "stun/builder.h"
#include "stun/integrity.h"
#include "stun/message.h"

namespace turnpike::testing {

using Bytes = std::vector<uint8_t>;

// What a client of the long-term mechanism adds to a request (RFC 8489 section 9.2).
struct Credentials {
  std::string username;
  std::string realm;
  std::string nonce;
  std::string password;
  stun::IntegrityKind kind = stun::IntegrityKind::sha1;
};

// A transaction id that differs for each number and shows it in a dump.
stun::TransactionId transaction(uint64_t number);

using AddAttributes = std::function<void(stun::MessageBuilder&)>;

// Builds into a buffer full of junk and stops the test when the message does not fit.
Bytes make_message(stun::Method method, stun::Class message_class, const stun::TransactionId& id,
                   const AddAttributes& add = {});

inline Bytes make_request(stun::Method method, const AddAttributes& add = {}) {
  return make_message(method, stun::Class::request, transaction(1), add);
}

// The attributes, then USERNAME, REALM, NONCE and the integrity attribute of `who.kind`.
Bytes make_request(stun::Method method, const Credentials& who, const AddAttributes& add = {},
                   const stun::TransactionId& id = transaction(1));

// Parses what must be right; valid as long as `bytes`.
stun::MessageView parsed(ByteView bytes);

}  // namespace turnpike::testing
