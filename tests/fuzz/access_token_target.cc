// Any bytes as an ACCESS-TOKEN; and any bytes sealed as one, which is what lies behind the tag.
#include "auth/access_token.h"
#include "base/check.h"
#include "support/tokens.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace turnpike;
  static const auto key =
      auth::AccessTokenKey::make(testing::kUnionKey, "A128GCM", 0, 0, "").value();
  constexpr std::string_view kServer = "turn.example";
  const ByteView input(data, size);
  const auto check = [](const auth::AccessToken& token) {
    CHECK(token.mac_key().size() >= auth::kMinMacKeySize);
    CHECK(token.mac_key().size() <= auth::kMaxMacKeySize);
    const WallTime now{seconds(1'700'000'000)};
    CHECK(token.is_good_at(now) == (token.left(now) > Duration::zero()));
  };
  if (const auto token = auth::open_access_token(key, kServer, input)) check(*token);
  if (const auto token =
          auth::open_access_token(key, kServer, testing::seal_token(key.bytes(), kServer, input))) {
    check(*token);
    // It reads back as it was written.
    CHECK(testing::token_plain_text({.mac_key = as_text(token->mac_key()),
                                     .issued_unix_s = token->issued_unix_s(),
                                     .lifetime_s = token->lifetime_s()})
              .size() == size);
  }
  return 0;
}
