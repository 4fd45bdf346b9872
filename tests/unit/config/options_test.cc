#include <set>

#include <gtest/gtest.h>

#include "config/option.h"
#include "config/option_values.h"
#include "world.h"

namespace turnpike::config {
namespace {

std::vector<Option> all_options() {
  std::vector<Option> options;
  for (const OptionGroup& group : option_groups()) {
    options.insert(options.end(), group.options.begin(), group.options.end());
  }
  return options;
}

TEST(OptionTable, HasEachNameAndLetterOnce) {
  std::set<std::string_view> names;
  std::set<char> letters;
  for (const Option& option : all_options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    if (option.letter == 0) continue;
    EXPECT_TRUE(letters.insert(option.letter).second) << option.letter;
  }
}

// A rule against a peer that a later source says nothing about must go on counting.
TEST(OptionTable, AddsUpUsersAndPeerRulesOverTheSources) {
  std::set<std::string_view> names;
  for (const Option& option : all_options()) {
    if (option.repeat == Repeat::append) names.insert(option.name);
  }
  EXPECT_EQ(names, (std::set<std::string_view>{"user", "allowed-peer-ip", "denied-peer-ip"}));
}

TEST(OptionTable, KeepsTheLettersOfCoturn) {
  const std::map<char, std::string_view> letters = {{'L', "listening-ip"},
                                                    {'p', "listening-port"},
                                                    {'d', "listening-device"},
                                                    {'i', "relay-device"},
                                                    {'E', "relay-ip"},
                                                    {'X', "external-ip"},
                                                    {'m', "relay-threads"},
                                                    {'a', "lt-cred-mech"},
                                                    {'z', "no-auth"},
                                                    {'u', "user"},
                                                    {'b', "userdb"},
                                                    {'e', "psql-userdb"},
                                                    {'M', "mysql-userdb"},
                                                    {'J', "mongo-userdb"},
                                                    {'N', "redis-userdb"},
                                                    {'O', "redis-statsdb"},
                                                    {'v', "verbose"},
                                                    {'V', "Verbose"},
                                                    {'o', "daemon"},
                                                    {'f', "fingerprint"},
                                                    {'r', "realm"},
                                                    {'q', "user-quota"},
                                                    {'Q', "total-quota"},
                                                    {'s', "max-bps"},
                                                    {'B', "bps-capacity"},
                                                    {'S', "stun-only"},
                                                    {'l', "log-file"},
                                                    {'C', "rest-api-separator"},
                                                    {'A', "allocation-default-address-family"},
                                                    {'K', "keep-address-family"},
                                                    {'c', "config"},
                                                    {'n', "no-config"},
                                                    {'h', "help"}};
  for (const auto& [letter, name] : letters) {
    const Option* option = find_option_by_letter(letter);
    ASSERT_NE(option, nullptr) << letter;
    EXPECT_EQ(option->name, name);
  }
}

TEST(OptionTable, HasAnApplyExactlyWhereSomethingIsApplied) {
  for (const Option& option : all_options()) {
    const bool stores = option.support == Support::supported && option.alias_of.empty();
    EXPECT_EQ(option.apply != nullptr, stores) << option.name;
  }
}

TEST(OptionTable, ExplainsEveryOption) {
  for (const Option& option : all_options()) {
    EXPECT_FALSE(option.help.empty()) << option.name;
    const bool takes_value = option.argument != Argument::flag;
    EXPECT_EQ(!option.placeholder.empty(), takes_value) << option.name;
  }
}

TEST(OptionTable, DocumentsTheDefaultsThatConfigHas) {
  for (const Option& option : all_options()) {
    if (option.default_text.empty()) continue;
    ASSERT_NE(option.apply, nullptr) << option.name;
    Config config;
    EXPECT_EQ(option.apply(config, option.default_text), std::nullopt) << option.name;
    config.realm_is_set = false;  // The one thing that setting a default changes, on purpose.
    EXPECT_TRUE(config == Config()) << option.name;
  }
}

TEST(OptionTable, DocumentsADefaultForEverySwitchOfOurs) {
  for (const Option& option : all_options()) {
    if (option.support != Support::supported || !option.alias_of.empty()) continue;
    if (option.argument != Argument::flag) continue;
    EXPECT_FALSE(option.default_text.empty()) << option.name;
  }
}

TEST(OptionTable, GivesAliasesATargetThatIsDocumented) {
  for (const Option& option : all_options()) {
    if (option.alias_of.empty()) continue;
    EXPECT_TRUE(canonical(option).alias_of.empty()) << option.name;
    EXPECT_EQ(canonical(option).support, Support::supported) << option.name;
    EXPECT_EQ(!option.alias_value.empty(), option.argument == Argument::flag) << option.name;
  }
}

TEST(NearestOption, FindsWhatWasMeant) {
  EXPECT_EQ(nearest_option("listening_port"), "listening-port");
  EXPECT_EQ(nearest_option("LISTENING-PORT"), "listening-port");
  EXPECT_EQ(nearest_option("--realm"), "realm");
  EXPECT_EQ(nearest_option("listnening-ip"), "listening-ip");
  EXPECT_EQ(nearest_option("external_ips"), "external-ip");
  EXPECT_EQ(nearest_option("fingerprints"), "fingerprint");
  EXPECT_EQ(nearest_option("u"), "user");
}

TEST(NearestOption, IsSilentWhereNothingIsNear) {
  EXPECT_EQ(nearest_option("bandwidth-of-the-moon"), "");
  EXPECT_EQ(nearest_option(""), "");
  EXPECT_EQ(nearest_option(std::string(5000, 'a')), "");
}

}  // namespace
}  // namespace turnpike::config
