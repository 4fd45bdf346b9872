#include "auth/mobility_ticket.h"

#include <algorithm>
#include <memory>
#include <span>

#include <openssl/evp.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/wire.h"
#include "stun/integrity.h"

namespace turnpike::auth {
namespace {

constexpr size_t kTagBytes = 12;
constexpr size_t kPlainBytes = 12;
static_assert(kMobilityTicketSize == (kTagBytes + kPlainBytes) / 3 * 4);

using Tag = std::array<uint8_t, kTagBytes>;
using Plain = std::array<uint8_t, kPlainBytes>;

Tag tag_of(const MobilityKey& key, const Plain& plain) {
  const auto mac = stun::hmac_sha256(ByteView(key).first(32), plain);
  Tag tag;
  std::copy_n(mac.begin(), tag.size(), tag.begin());
  return tag;
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// AES-256-CTR is its own inverse.
Plain apply_cipher(const MobilityKey& key, const Tag& tag, const Plain& in) {
  std::array<uint8_t, 16> block{};
  std::ranges::copy(tag, block.begin());
  const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(EVP_CIPHER_CTX_new());
  CHECK(context != nullptr);
  Plain out;
  int size = 0;
  const bool done = EVP_EncryptInit_ex(context.get(), EVP_aes_256_ctr(), nullptr, key.data() + 32,
                                       block.data()) == 1 &&
                    EVP_EncryptUpdate(context.get(), out.data(), &size, in.data(),
                                      static_cast<int>(in.size())) == 1;
  CHECK(done && size == static_cast<int>(out.size()));
  return out;
}

}  // namespace

MobilityTickets::Sealed MobilityTickets::seal(const MobilityTicket& ticket) const {
  Plain plain;
  WireWriter writer(plain);
  writer.u32(ticket.worker << 24 | ticket.index);
  writer.u32(ticket.generation);
  writer.u32(ticket.serial);
  const Tag tag = tag_of(key_, plain);
  std::array<uint8_t, kTagBytes + kPlainBytes> bytes;
  std::ranges::copy(apply_cipher(key_, tag, plain), std::ranges::copy(tag, bytes.begin()).out);
  Sealed sealed;
  base64_encode_groups(bytes, sealed);
  return sealed;
}

std::optional<MobilityTicket> MobilityTickets::open(ByteView sealed) const {
  if (sealed.size() != kMobilityTicketSize) return {};
  std::array<uint8_t, kTagBytes + kPlainBytes> bytes;
  for (size_t i = 0; i < sealed.size() / 4; ++i) {
    const auto group = base64_decode_group(sealed.subspan(4 * i).first<4>());
    if (!group) return {};
    std::ranges::copy(*group, bytes.begin() + static_cast<ptrdiff_t>(3 * i));
  }
  Tag tag;
  Plain hidden;
  std::copy_n(bytes.begin(), tag.size(), tag.begin());
  std::copy_n(bytes.begin() + kTagBytes, hidden.size(), hidden.begin());
  const Plain plain = apply_cipher(key_, tag, hidden);
  if (!stun::constant_time_equal(tag_of(key_, plain), tag)) return {};
  WireReader reader(plain);
  MobilityTicket ticket;
  const uint32_t place = reader.u32();
  ticket.worker = place >> 24;
  ticket.index = place & 0x00ff'ffff;
  ticket.generation = reader.u32();
  ticket.serial = reader.u32();
  return ticket;
}

}  // namespace turnpike::auth
