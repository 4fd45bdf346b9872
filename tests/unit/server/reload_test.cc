#include "server/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/option.h"

namespace turnpike::server {
namespace {

using config::Config;
using testing::ElementsAre;
using testing::IsEmpty;

// Values that change something, of every kind that options take; the first that fits is taken.
bool change(const config::Option& option, Config& config) {
  const Config before = config;
  for (const char* value :
       {"on", "off", "7", "9999", "60001", "5M", "192.0.2.7", "127.0.0.9", "ipv6", "x:y",
        "192.0.2.0/25", "json", "debug", "#", "/a/path/of/a/file", "http://192.0.2.7/",
        "192.0.2.7:8080", "https://a.example"}) {
    config = before;
    if (!option.apply(config, value) && !(config == before)) return true;
  }
  return false;
}

TEST(ConfigChanges, KnowWhatBecomesOfEveryOption) {
  for (const config::OptionGroup& group : config::option_groups()) {
    for (const config::Option& option : group.options) {
      if (option.apply == nullptr) continue;
      const Config before;
      Config after;
      ASSERT_TRUE(change(option, after)) << option.name;
      const ConfigChanges changes = changes_between(before, after);
      // static-auth-secret switches use-auth-secret on as well.
      EXPECT_GE(changes.live.size() + changes.needs_restart.size(), 1U) << option.name;
      Config kept = after;
      keep_what_needs_restart(before, kept);
      // Nothing is lost: what is put back is what needs a restart, and all the rest stays.
      EXPECT_EQ(changes_between(before, kept).live, changes.live) << option.name;
      EXPECT_THAT(changes_between(before, kept).needs_restart, IsEmpty()) << option.name;
      EXPECT_EQ(changes_between(kept, after).needs_restart, changes.needs_restart) << option.name;
      EXPECT_EQ(kept == before, changes.live.empty()) << option.name;
    }
  }
}

TEST(ConfigChanges, ThereAreNoneBetweenEqualConfigurations) {
  const ConfigChanges changes = changes_between(Config(), Config());
  EXPECT_THAT(changes.live, IsEmpty());
  EXPECT_THAT(changes.needs_restart, IsEmpty());
}

TEST(ConfigChanges, AnOptionIsNamedOnceHoweverManyMembersItHas) {
  Config after;
  after.log_target = LogTarget::file;
  after.log_file_path = "/var/log/x";
  EXPECT_THAT(changes_between(Config(), after).live, ElementsAre("log-file"));
}

TEST(ConfigChanges, PortsNeedARestartAndQuotasDoNot) {
  Config after;
  after.listening_port = 1;
  after.user_quota = 1;
  const ConfigChanges changes = changes_between(Config(), after);
  EXPECT_THAT(changes.needs_restart, ElementsAre("listening-port"));
  EXPECT_THAT(changes.live, ElementsAre("user-quota"));
}

TEST(ConfigChanges, WhatNeedsARestartIsToldAsItWasRead) {
  const config::AppliedValues current = {{"relay-threads", {{"2", {"f", 1}}}},
                                         {"user-quota", {{"5", {"f", 2}}}}};
  config::AppliedValues next = {{"relay-threads", {{"3", {"f", 1}}}},
                                {"listening-port", {{"99", {"f", 2}}}},
                                {"user-quota", {{"6", {"f", 3}}}}};
  keep_applied(current, {"relay-threads", "listening-port"}, next);
  EXPECT_EQ(next.at("relay-threads").front().text, "2");
  EXPECT_FALSE(next.contains("listening-port"));
  EXPECT_EQ(next.at("user-quota").front().text, "6");
}

}  // namespace
}  // namespace turnpike::server
