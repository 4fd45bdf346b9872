#include "nat/file_update.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

namespace turnpike::nat {
namespace {

namespace fs = std::filesystem;
using Text = Result<std::string, std::string>;

class FileUpdate : public ::testing::Test {
 protected:
  FileUpdate() {
    std::string name = (fs::temp_directory_path() / "turnpike-file-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ / "config";
  }
  ~FileUpdate() override { fs::remove_all(folder_); }

  void put(const std::string& text) const { std::ofstream(path_) << text; }
  static std::string text_of(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  [[nodiscard]] size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }

  fs::path folder_;
  fs::path path_;
};

Text add_x(const std::string& text) {
  return text + "x";
}

TEST_F(FileUpdate, WritesAndKeepsTheOldTextBeside) {
  put("a");
  EXPECT_EQ(update_file(path_, Missing::is_error, add_x), true);
  EXPECT_EQ(text_of(path_), "ax");
  EXPECT_EQ(text_of(path_.string() + ".bak"), "a");
  EXPECT_EQ(files(), 2u);
}

TEST_F(FileUpdate, KeepsTheTextFromBeforeTheFirstChange) {
  put("a");
  ASSERT_TRUE(update_file(path_, Missing::is_error, add_x));
  ASSERT_TRUE(update_file(path_, Missing::is_error, add_x));
  EXPECT_EQ(text_of(path_), "axx");
  EXPECT_EQ(text_of(path_.string() + ".bak"), "a");
}

TEST_F(FileUpdate, WritesNothingWhenNothingChanges) {
  put("a");
  const auto before = fs::last_write_time(path_);
  EXPECT_EQ(
      update_file(path_, Missing::is_error, [](const std::string& text) { return Text(text); }),
      false);
  EXPECT_EQ(fs::last_write_time(path_), before);
  EXPECT_EQ(files(), 1u);
}

TEST_F(FileUpdate, LeavesTheFileAloneWhenTheTextIsRefused) {
  put("a");
  const auto result = update_file(path_, Missing::is_error, [](const std::string&) {
    return Text(unexpected(std::string("no")));
  });
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().find("no"), std::string::npos);
  EXPECT_EQ(text_of(path_), "a");
  EXPECT_EQ(files(), 1u);
}

TEST_F(FileUpdate, MakesAMissingFileOnlyWhereTold) {
  EXPECT_FALSE(update_file(path_, Missing::is_error, add_x));
  EXPECT_EQ(files(), 0u);
  EXPECT_EQ(update_file(path_, Missing::is_empty, add_x), true);
  EXPECT_EQ(text_of(path_), "x");
  EXPECT_EQ(files(), 1u);
}

TEST_F(FileUpdate, KeepsPermissions) {
  put("a");
  ::chmod(path_.c_str(), 0640);
  ASSERT_TRUE(update_file(path_, Missing::is_error, add_x));
  struct stat now {};
  ::stat(path_.c_str(), &now);
  EXPECT_EQ(now.st_mode & 07777, 0640u);
}

TEST_F(FileUpdate, ReplacesTheTargetOfALinkAndNotTheLink) {
  put("a");
  const fs::path link = folder_ / "link";
  fs::create_symlink(path_, link);
  ASSERT_TRUE(update_file(link, Missing::is_error, add_x));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(text_of(path_), "ax");
}

TEST_F(FileUpdate, RefusesWhatIsNoFile) {
  EXPECT_FALSE(update_file(folder_, Missing::is_empty, add_x));
  EXPECT_FALSE(update_file(folder_ / "none" / "config", Missing::is_empty, add_x));
}

}  // namespace
}  // namespace turnpike::nat
