// One session and a server played by the test: it reads what was sent and makes answers by hand.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/turn_session.h"
#include "stun/attributes.h"
#include "stun/builder.h"
#include "stun/integrity.h"
#include "support/messages.h"

namespace turnpike::client {

inline constexpr std::string_view kUser = "alice";
inline constexpr std::string_view kPassword = "wonderland";
inline constexpr std::string_view kRealm = "example.org";
inline constexpr std::string_view kNonce = "first-nonce";
// Nonce cookies with bit 0, and with bits 0 and 1, of the security features (RFC 8489 section 9.2).
inline constexpr std::string_view kNonceWithAlgorithms = "obMatJos2gAAAn1";
inline constexpr std::string_view kNonceWithUserhash = "obMatJos2wAAAn1";

inline const Endpoint kRelayed{Ip::v4(0xc0000201), 50000};
inline const Endpoint kMapped{Ip::v4(0xc6336401), 40000};
inline const Endpoint kPeer{Ip::v4(0xcb007101), 7000};

inline SessionSettings settings_of_alice() {
  return {.credentials = {.username = std::string(kUser), .password = std::string(kPassword)}};
}

using testing::AddAttributes;
using testing::Bytes;

class Conversation {
 public:
  explicit Conversation(SessionSettings with = settings_of_alice())
      : settings(std::move(with)), session(settings, random_) {}

  SessionSettings settings;  // Before the session, which refers to it.

 private:
  RandomSource random_{7};

 public:
  TurnSession session;
  Instant now{seconds(1000)};
  Output out;

  void pass(Duration time) { now += time; }

  // Sends nothing but time.
  void tick() {
    out.clear();
    session.on_time(now, out);
  }

  // What the session has sent since the last clear; copies, so that answers may be made from it.
  [[nodiscard]] std::vector<Bytes> sent() const {
    std::vector<Bytes> packets;
    for (size_t i = 0; i < out.packet_count(); ++i) {
      packets.emplace_back(out.packet(i).begin(), out.packet(i).end());
    }
    return packets;
  }
  [[nodiscard]] Bytes only_sent() const {
    const auto packets = sent();
    return packets.size() == 1 ? packets.front() : Bytes();
  }

  bool deliver(ByteView packet) {
    out.clear();
    return session.on_packet(now, packet, out);
  }

  template <typename T>
  [[nodiscard]] std::optional<T> event() const {
    for (const Event& event : out.events()) {
      if (const T* found = std::get_if<T>(&event)) return *found;
    }
    return {};
  }

  // A 401 or 438 for `request`.
  static Bytes challenge(const Bytes& request, std::string_view nonce = kNonce,
                         stun::ErrorCode code = stun::ErrorCode::unauthenticated,
                         const AddAttributes& add = {}, std::string_view realm = kRealm) {
    const auto view = testing::parsed(request);
    return testing::make_message(view.method(), stun::Class::error, view.transaction_id(),
                                 [&](stun::MessageBuilder& builder) {
                                   builder.add_error(code);
                                   builder.add(stun::AttributeType::realm, realm);
                                   builder.add(stun::AttributeType::nonce, nonce);
                                   if (add) add(builder);
                                 });
  }

  // An answer with integrity, as a server that knows alice's password gives it.
  static Bytes answer(const Bytes& request, stun::Class message_class, const AddAttributes& add,
                      stun::IntegrityKind kind = stun::IntegrityKind::sha1,
                      std::string_view password = kPassword) {
    const auto view = testing::parsed(request);
    return testing::make_message(
        view.method(), message_class, view.transaction_id(), [&](stun::MessageBuilder& builder) {
          if (add) add(builder);
          if (kind == stun::IntegrityKind::sha1) {
            builder.add_integrity_sha1(stun::long_term_key_md5(kUser, kRealm, password));
          } else {
            builder.add_integrity_sha256(stun::long_term_key_sha256(kUser, kRealm, password));
          }
        });
  }
  static Bytes success(const Bytes& request, const AddAttributes& add = {}) {
    return answer(request, stun::Class::success, add);
  }
  static Bytes refusal(const Bytes& request, stun::ErrorCode code) {
    return answer(request, stun::Class::error,
                  [&](stun::MessageBuilder& builder) { builder.add_error(code); });
  }

  static AddAttributes allocation(seconds lifetime = seconds(600)) {
    return [lifetime](stun::MessageBuilder& builder) {
      builder.add_xor_address(stun::AttributeType::xor_relayed_address, kRelayed);
      builder.add_xor_address(stun::AttributeType::xor_mapped_address, kMapped);
      builder.add_u32(stun::AttributeType::lifetime, static_cast<uint32_t>(lifetime.count()));
    };
  }

  // Asks, is challenged, and answers: the signed request.
  Bytes allocate_until_signed() {
    out.clear();
    session.allocate(now, {}, out);
    deliver(challenge(only_sent()));
    return only_sent();
  }
  void have_allocation(seconds lifetime = seconds(600)) {
    deliver(success(allocate_until_signed(), allocation(lifetime)));
    out.clear();
  }
  void have_permission(const Ip& peer) {
    session.create_permission(now, std::array{Endpoint{peer, 9000}}, out);
    deliver(success(only_sent()));
    out.clear();
  }
  void have_channel(uint16_t number, const Endpoint& peer) {
    session.bind_channel(now, number, peer, out);
    deliver(success(only_sent()));
    out.clear();
  }
};

// What stands in a request.
inline bool has(const Bytes& packet, stun::AttributeType type) {
  return testing::parsed(packet).has(type);
}
inline std::string text_of(const Bytes& packet, stun::AttributeType type) {
  const auto value = testing::parsed(packet).find(type);
  return value ? std::string(as_text(*value)) : std::string("(none)");
}
inline stun::Method method_of(const Bytes& packet) {
  return testing::parsed(packet).method();
}

}  // namespace turnpike::client
