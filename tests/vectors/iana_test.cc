// Numbers and names of src/stun/types.h against the IANA registries, kept beside this file as they
// were published.
#include <charconv>
#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "stun/types.h"
#include "support/source_tree.h"

namespace turnpike::stun {
namespace {

using Registry = std::map<unsigned, std::string>;

// "0x0016,NAME,reference" or "401,Name,reference"; ranges and what is not assigned are left out.
Registry read_registry(const std::string& file_name) {
  std::ifstream file(testing::source_tree() + "/tests/vectors/" + file_name);
  EXPECT_TRUE(file.is_open()) << file_name;
  Registry registry;
  for (std::string line; std::getline(file, line);) {
    const size_t comma = line.find(',');
    if (comma == std::string::npos) continue;
    const bool hexadecimal = line.compare(0, 2, "0x") == 0;
    unsigned number = 0;
    const char* begin = line.data() + (hexadecimal ? 2 : 0);
    const auto [stop, error] =
        std::from_chars(begin, line.data() + comma, number, hexadecimal ? 16 : 10);
    if (error != std::errc() || stop != line.data() + comma) continue;
    const size_t end = line.find(',', comma + 1);
    const std::string name = line.substr(comma + 1, end - comma - 1);
    if (name != "Unassigned" && name != "Reserved") registry[number] = name;
  }
  return registry;
}

// The registry keeps a withdrawn number as "Reserved; was NAME prior to [RFC5389]".
std::string former_name(const std::string& entry) {
  const size_t was = entry.find("was ");
  if (was == std::string::npos) return entry;
  const size_t end = entry.find_first_of(" )", was + 4);
  return entry.substr(was + 4, end == std::string::npos ? end : end - was - 4);
}

TEST(Iana, EveryMethodOfOursIsRegisteredUnderItsName) {
  const Registry registry = read_registry("iana_methods.csv");
  ASSERT_EQ(registry.at(0x001), "Binding");
  size_t known = 0;
  for (unsigned number = 0; number <= 0xfff; ++number) {
    const std::string_view ours = name(static_cast<Method>(number));
    if (ours == "?") continue;
    ++known;
    ASSERT_EQ(registry.count(number), 1U) << number;
    EXPECT_EQ(registry.at(number), ours);
  }
  EXPECT_EQ(known, 10U);
}

TEST(Iana, EveryRegisteredMethodIsOursButSharedSecret) {
  for (const auto& [number, entry] : read_registry("iana_methods.csv")) {
    if (number == 0x002) continue;  // Withdrawn by RFC 5389.
    EXPECT_EQ(name(static_cast<Method>(number)), entry);
  }
}

TEST(Iana, EveryAttributeOfOursIsRegisteredUnderItsName) {
  const Registry registry = read_registry("iana_attributes.csv");
  size_t known = 0;
  for (unsigned number = 0; number <= 0xffff; ++number) {
    const std::string_view ours = name(static_cast<AttributeType>(number));
    if (ours == "?") continue;
    ++known;
    ASSERT_EQ(registry.count(number), 1U) << number;
    // CHANGE-REQUEST (taken up again by RFC 5780), SOURCE-ADDRESS and CHANGED-ADDRESS (sent to
    // RFC 3489 clients only) stand in the registry as former names.
    EXPECT_EQ(former_name(registry.at(number)), ours);
  }
  EXPECT_EQ(known, 44U);
}

TEST(Iana, FormerNamesAreOnlyTheThreeOfRfc3489) {
  for (const auto& [number, entry] : read_registry("iana_attributes.csv")) {
    const bool withdrawn = former_name(entry) != entry;
    const bool ours = name(static_cast<AttributeType>(number)) != "?";
    if (withdrawn) {
      EXPECT_EQ(ours, number >= 0x0003 && number <= 0x0005) << entry;
    }
  }
}

// What a server or client of STUN and TURN must understand: all of the required range.
TEST(Iana, EveryRequiredAttributeIsOurs) {
  for (const auto& [number, entry] : read_registry("iana_attributes.csv")) {
    if (former_name(entry) != entry || number >= 0x8000) continue;
    EXPECT_EQ(name(static_cast<AttributeType>(number)), entry);
  }
}

TEST(Iana, RequiredIsTheLowerHalfOfTheNumbers) {
  EXPECT_TRUE(is_required(AttributeType::mapped_address));
  EXPECT_TRUE(is_required(static_cast<AttributeType>(0x7fff)));
  EXPECT_FALSE(is_required(AttributeType::additional_address_family));
  EXPECT_FALSE(is_required(static_cast<AttributeType>(0xffff)));
}

TEST(Iana, EveryErrorCodeOfOursIsRegisteredUnderItsName) {
  const Registry registry = read_registry("iana_error_codes.csv");
  size_t known = 0;
  for (unsigned number = 0; number < 1000; ++number) {
    const std::string_view ours = reason(static_cast<ErrorCode>(number));
    if (ours == "?") continue;
    ++known;
    ASSERT_EQ(registry.count(number), 1U) << number;
    // RFC 8489 section 14.8 renamed 401; the registry still has the phrase of RFC 5389.
    const std::string expected = number == 401 ? "Unauthenticated" : registry.at(number);
    EXPECT_EQ(expected, ours);
  }
  EXPECT_EQ(known, 17U);
}

TEST(Iana, EveryRegisteredErrorCodeIsOursButThatOfIce) {
  for (const auto& [number, entry] : read_registry("iana_error_codes.csv")) {
    const bool ours = reason(static_cast<ErrorCode>(number)) != "?";
    EXPECT_EQ(ours, number != 487) << entry;  // Role Conflict, RFC 8445.
  }
}

}  // namespace
}  // namespace turnpike::stun
