#include "nat/publisher.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace turnpike::nat {
namespace {

namespace fs = std::filesystem;
using Outcome = Publisher::Outcome;

const PublishedAddress kFirst{"203.0.113.1", 1000, "192.168.1.100", 5060};
const PublishedAddress kSecond{"203.0.113.1", 2000, "192.168.1.100", 5060};

class PublisherTest : public ::testing::Test {
 protected:
  PublisherTest() {
    std::string name = (fs::temp_directory_path() / "turnpike-publish-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    settings_.file = folder_ / "config.json";
    settings_.hook = "echo $SERVER_PUBLIC_PORT >> " + (folder_ / "hooks").string();
  }
  ~PublisherTest() override { fs::remove_all(folder_); }

  // What is left by a process that was killed when the file was written and the hook had not ended.
  void publish_and_be_killed(const PublishedAddress& address) const {
    const fs::path pending = settings_.file + ".hook";
    const fs::path left = folder_ / "left";
    PublisherSettings killed = settings_;
    killed.hook = "cp " + pending.string() + " " + left.string();
    Publisher(killed).publish(address).value();
    EXPECT_FALSE(fs::exists(pending));
    fs::rename(left, pending);
  }

  // The ports that the hook was told, one word each.
  [[nodiscard]] std::string hooks() const {
    std::ifstream file(folder_ / "hooks");
    std::string all;
    for (std::string line; std::getline(file, line);) all += line + ' ';
    return all;
  }

  fs::path folder_;
  PublisherSettings settings_;
};

TEST_F(PublisherTest, RunsTheHookOncePerChange) {
  Publisher publisher(settings_);
  EXPECT_EQ(publisher.publish(kFirst), Outcome::published);
  EXPECT_EQ(publisher.publish(kFirst), Outcome::unchanged);
  EXPECT_EQ(publisher.publish(kSecond), Outcome::published);
  EXPECT_EQ(publisher.publish(kSecond), Outcome::unchanged);
  EXPECT_EQ(hooks(), "1000 2000 ");
}

TEST_F(PublisherTest, DoesNotCallItAChangeWhenTheFileSaysItAlready) {
  Publisher(settings_).publish(kFirst).value();
  Publisher after_restart(settings_);
  EXPECT_EQ(after_restart.publish(kFirst), Outcome::unchanged);
  EXPECT_EQ(after_restart.publish(kSecond), Outcome::published);
  EXPECT_EQ(hooks(), "1000 2000 ");
}

TEST_F(PublisherTest, MakesUpForAHookThatACrashPrevented) {
  publish_and_be_killed(kFirst);
  EXPECT_EQ(Publisher(settings_).publish(kFirst), Outcome::published);
  EXPECT_EQ(Publisher(settings_).publish(kFirst), Outcome::unchanged);
  EXPECT_EQ(hooks(), "1000 ");
}

TEST_F(PublisherTest, MakesUpForItWhereTheFileHasNoPort) {
  settings_.form = Template::freeswitch;
  std::ofstream(settings_.file) << R"(<X-PRE-PROCESS cmd="set" data="external_sip_ip=192.0.2.1"/>)"
                                   "\n";
  publish_and_be_killed(kFirst);
  EXPECT_EQ(Publisher(settings_).publish(kSecond), Outcome::published);
  EXPECT_EQ(Publisher(settings_).publish(kFirst), Outcome::unchanged);
  EXPECT_EQ(hooks(), "2000 ");
}

TEST_F(PublisherTest, MakesUpForItThoughSomebodyHasEditedTheFile) {
  publish_and_be_killed(kFirst);
  std::ofstream(settings_.file, std::ios::app) << "\n";
  EXPECT_EQ(Publisher(settings_).publish(kFirst), Outcome::published);
  EXPECT_EQ(hooks(), "1000 ");
}

TEST_F(PublisherTest, PassesOverACrashFromBeforeTheFileWasWritten) {
  Publisher(settings_).publish(kFirst).value();
  const fs::path before = folder_ / "before";
  fs::copy_file(settings_.file, before);
  publish_and_be_killed(kSecond);
  fs::rename(before, settings_.file);
  EXPECT_EQ(Publisher(settings_).publish(kFirst), Outcome::unchanged);
  EXPECT_EQ(Publisher(settings_).publish(kSecond), Outcome::published);
  EXPECT_EQ(hooks(), "1000 2000 ");
}

TEST_F(PublisherTest, TriesAgainWhenTheFileCouldNotBeWritten) {
  std::ofstream(settings_.file) << "broken";
  Publisher publisher(settings_);
  EXPECT_FALSE(publisher.publish(kFirst));
  EXPECT_EQ(hooks(), "");
  std::ofstream(settings_.file) << "{}";
  EXPECT_EQ(publisher.publish(kFirst), Outcome::published);
  EXPECT_EQ(hooks(), "1000 ");
}

TEST_F(PublisherTest, TellsOfAHookThatFailsAndDoesNotRepeatIt) {
  settings_.hook += "; exit 5";
  Publisher publisher(settings_);
  EXPECT_EQ(publisher.publish(kFirst), Outcome::published);
  EXPECT_NE(publisher.hook_problem().find('5'), std::string::npos);
  EXPECT_EQ(publisher.publish(kFirst), Outcome::unchanged);
  EXPECT_TRUE(publisher.hook_problem().empty());
  EXPECT_EQ(hooks(), "1000 ");
}

TEST_F(PublisherTest, NeedsNeitherFileNorHook) {
  Publisher publisher({});
  EXPECT_EQ(publisher.publish(kFirst), Outcome::published);
}

}  // namespace
}  // namespace turnpike::nat
