// Giving root's rights up, for good.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace turnpike::server {

struct Account {
  uint32_t user = 0;
  uint32_t group = 0;
  std::string name;
};

// `group` may be empty: the user's own. The error is a sentence.
Result<Account, std::string> find_account(const std::string& user, const std::string& group);
// By name or number.
std::optional<uint32_t> find_group(const std::string& group);

// Of the whole process, while it has one thread. Verifies that there is no way back.
Result<void, std::string> become(const Account& account);

}  // namespace turnpike::server
