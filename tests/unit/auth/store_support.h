// What the tests of the user stores share: places for files, databases made by us and as coturn
// makes them.
#pragma once

#include <string>
#include <string_view>

#include "auth/store/sqlite_connection.h"
#include "auth/store/user_database.h"

namespace turnpike::auth {

// A directory that any user may enter, gone with its content at the end of the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] std::string path(std::string_view name) const;

 private:
  std::string path_;
};

// Acts as an ordinary user towards the file system, since nothing is read-only for root.
class WithoutRootPowers {
 public:
  WithoutRootPowers();
  ~WithoutRootPowers();
  WithoutRootPowers(const WithoutRootPowers&) = delete;
  WithoutRootPowers& operator=(const WithoutRootPowers&) = delete;

 private:
  unsigned int fsuid_;
};

void make_empty_database(const std::string& path);
// The eight tables by the statements that coturn's tools use.
void make_coturn_database(const std::string& path);
void run_sql(const std::string& path, const std::string& sql);
// The first column of the first row, or "".
std::string ask_sql(const std::string& path, std::string_view sql);

void put_user(const std::string& path, std::string_view realm, std::string_view name,
              std::string_view password);
// As turnadmin -a does it: turnusers_lt alone.
void put_user_as_coturn(const std::string& path, std::string_view realm, std::string_view name,
                        std::string_view password);

}  // namespace turnpike::auth
