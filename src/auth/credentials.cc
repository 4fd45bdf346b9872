#include "auth/credentials.h"

#include <openssl/crypto.h>

namespace turnpike::auth {

UserKeys::~UserKeys() {
  OPENSSL_cleanse(md5.data(), md5.size());
  OPENSSL_cleanse(sha256.data(), sha256.size());
}

UserKeys UserKeys::from_password(std::string_view username, std::string_view realm,
                                 std::string_view password) {
  UserKeys keys;
  keys.md5 = stun::long_term_key_md5(username, realm, password);
  keys.sha256 = stun::long_term_key_sha256(username, realm, password);
  keys.has_sha256 = true;
  return keys;
}

}  // namespace turnpike::auth
