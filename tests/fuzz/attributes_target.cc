// The bytes choose a message's attributes; what is decoded must be what was encoded.
#include <algorithm>
#include <functional>
#include <vector>

#include "base/check.h"
#include "fuzz/byte_source.h"
#include "stun/attributes.h"
#include "stun/builder.h"
#include "stun/integrity.h"
#include "stun/message.h"

namespace turnpike::stun {
namespace {

using fuzz::ByteSource;

constexpr size_t kMaxAttributes = 40;

// Compares the value that was written with the one that was read.
using Expectation = std::function<void(ByteView value, const TransactionId& id)>;

Endpoint choose_endpoint(ByteSource& source) {
  const bool v4 = source.u8() % 2 == 0;
  const Ip ip = v4 ? Ip::from_v4(source.array<4>()) : Ip::from_v6(source.array<16>());
  return {ip, source.u16()};
}

Expectation add_number(MessageBuilder& builder, ByteSource& source) {
  if (source.u8() % 2 == 0) {
    const uint32_t value = source.u32();
    builder.add_u32(AttributeType::lifetime, value);
    return [value](ByteView read, const TransactionId&) { CHECK(decode_u32(read) == value); };
  }
  const uint64_t value = source.u64();
  builder.add_u64(AttributeType::reservation_token, value);
  return [value](ByteView read, const TransactionId&) { CHECK(decode_u64(read) == value); };
}

Expectation add_endpoint(MessageBuilder& builder, ByteSource& source) {
  const bool plain = source.u8() % 2 == 0;
  const Endpoint value = choose_endpoint(source);
  if (plain) {
    builder.add_address(AttributeType::mapped_address, value);
    return [value](ByteView read, const TransactionId&) { CHECK(decode_address(read) == value); };
  }
  builder.add_xor_address(AttributeType::xor_peer_address, value);
  return [value](ByteView read, const TransactionId& id) {
    CHECK(decode_xor_address(read, id) == value);
  };
}

Expectation add_error(MessageBuilder& builder, ByteSource& source) {
  const auto code = static_cast<uint16_t>(300 + source.u16() % 400);
  const ByteView text = source.bytes(100);
  builder.add_error(static_cast<ErrorCode>(code), as_text(text));
  return [code, text](ByteView read, const TransactionId&) {
    const auto decoded = decode_error_code(read);
    CHECK(decoded && decoded->code == code && decoded->reason == as_text(text));
  };
}

Expectation add_small(MessageBuilder& builder, ByteSource& source) {
  const uint8_t kind = source.u8() % 4;
  const uint16_t value = source.u16();
  switch (kind) {
    case 0:
      builder.add_channel_number(value);
      return [value](ByteView read, const TransactionId&) {
        CHECK(decode_channel_number(read) == value);
      };
    case 1:
      builder.add_even_port(value % 2 == 0);
      return [value](ByteView read, const TransactionId&) {
        CHECK(decode_even_port(read) == (value % 2 == 0));
      };
    case 2:
      builder.add_requested_transport(static_cast<uint8_t>(value));
      return [value](ByteView read, const TransactionId&) {
        CHECK(decode_requested_transport(read) == static_cast<uint8_t>(value));
      };
    default:
      builder.add_change_request({(value & 1) != 0, (value & 2) != 0});
      return [value](ByteView read, const TransactionId&) {
        const auto decoded = decode_change_request(read);
        CHECK(decoded && decoded->change_ip == ((value & 1) != 0) &&
              decoded->change_port == ((value & 2) != 0));
      };
  }
}

Expectation add_icmp(MessageBuilder& builder, ByteSource& source) {
  const IcmpValue value = {static_cast<uint8_t>(source.u8() & 0x7f), source.u8(), source.u32()};
  builder.add_icmp(value);
  return [value](ByteView read, const TransactionId&) {
    const auto decoded = decode_icmp(read);
    CHECK(decoded && decoded->type == value.type && decoded->code == value.code &&
          decoded->error_data == value.error_data);
  };
}

Expectation add_list(MessageBuilder& builder, ByteSource& source) {
  const uint8_t kind = source.u8() % 3;
  const ByteView choices = source.bytes(20);
  std::vector<PasswordAlgorithm> algorithms;
  std::vector<uint16_t> numbers;
  std::vector<AttributeType> types;
  for (const uint8_t choice : choices) {
    numbers.push_back(static_cast<uint16_t>(1 + choice % 2));
    algorithms.push_back(static_cast<PasswordAlgorithm>(numbers.back()));
    types.push_back(static_cast<AttributeType>(choice * 257));
  }
  switch (kind) {
    case 0:
      builder.add_password_algorithms(algorithms);
      return [numbers](ByteView read, const TransactionId&) {
        CHECK(decode_password_algorithms(read) == numbers);
      };
    case 1:
      builder.add_unknown_attributes(types);
      return [types](ByteView read, const TransactionId&) {
        CHECK(decode_unknown_attributes(read) == types);
      };
    default: {
      const auto one = algorithms.empty() ? PasswordAlgorithm::md5 : algorithms.front();
      builder.add_password_algorithm(one);
      return [one](ByteView read, const TransactionId&) {
        CHECK(decode_password_algorithm(read) == one);
      };
    }
  }
}

Expectation add_bytes(MessageBuilder& builder, ByteSource& source) {
  const ByteView value = source.bytes(255);
  builder.add(AttributeType::data, value);
  return [value](ByteView read, const TransactionId&) {
    CHECK(std::equal(read.begin(), read.end(), value.begin(), value.end()));
  };
}

Expectation add_any(MessageBuilder& builder, ByteSource& source) {
  switch (source.u8() % 7) {
    case 0:
      return add_number(builder, source);
    case 1:
      return add_endpoint(builder, source);
    case 2:
      return add_error(builder, source);
    case 3:
      return add_small(builder, source);
    case 4:
      return add_icmp(builder, source);
    case 5:
      return add_list(builder, source);
    default:
      return add_bytes(builder, source);
  }
}

enum Seals : uint8_t { kSha1 = 1, kSha256 = 2, kFingerprint = 4 };

void check_seals(const MessageView& message, uint8_t seals, ByteView key) {
  CHECK(verify_integrity(message, IntegrityKind::sha1, key) == ((seals & kSha1) != 0));
  CHECK(verify_integrity(message, IntegrityKind::sha256, key) == ((seals & kSha256) != 0));
  CHECK(message.has(AttributeType::fingerprint) == ((seals & kFingerprint) != 0));
}

void run(ByteSource source) {
  const auto method = static_cast<Method>(source.u16() & 0xfff);
  const auto message_class = static_cast<Class>(source.u8() & 3);
  const uint8_t seals = source.u8();
  const auto id = source.array<12>();
  const auto key = source.array<16>();

  // The size of the buffer is a choice too: what does not fit must be noticed.
  std::vector<uint8_t> buffer(source.u8() % 4 == 0 ? source.u16() % 2048 : 65552, 0xee);
  MessageBuilder builder(buffer, method, message_class, id);
  std::vector<Expectation> expectations;
  while (!source.empty() && expectations.size() < kMaxAttributes) {
    expectations.push_back(add_any(builder, source));
  }
  if ((seals & kSha1) != 0) builder.add_integrity_sha1(key);
  if ((seals & kSha256) != 0) builder.add_integrity_sha256(key);
  if ((seals & kFingerprint) != 0) builder.add_fingerprint();
  const ByteView bytes = builder.finish();
  if (bytes.empty()) {
    CHECK(buffer.size() < 2048);
    return;
  }
  const auto message = MessageView::parse(bytes);
  CHECK(message);
  CHECK(message->method() == method && message->message_class() == message_class);
  CHECK(message->transaction_id() == id);
  auto attribute = message->begin();
  for (const Expectation& expect : expectations) {
    expect((*attribute).value, id);
    ++attribute;
  }
  check_seals(*message, seals, key);
}

}  // namespace
}  // namespace turnpike::stun

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  turnpike::stun::run(turnpike::fuzz::ByteSource(turnpike::ByteView(data, size)));
  return 0;
}
