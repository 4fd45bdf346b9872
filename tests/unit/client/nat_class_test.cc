#include "client/nat_class.h"

#include <gtest/gtest.h>

namespace turnpike::client {
namespace {

using B = NatBehavior;

struct Row {
  NatPresence presence;
  B mapping;
  B filtering;
  NatClass expected;
  std::optional<int> level;
};

TEST(NatClassTest, NamesTheAxesAsRfc3489Does) {
  const B ei = B::endpoint_independent;
  const B ad = B::address_dependent;
  const B apd = B::address_and_port_dependent;
  const auto none = NatPresence::none;
  const auto nat = NatPresence::translated;
  const Row rows[] = {
      {none, ei, ei, NatClass::open_internet, 0},
      {none, ei, ad, NatClass::firewall, {}},
      {none, ei, apd, NatClass::symmetric_firewall, {}},
      {none, ei, B::unknown, NatClass::untranslated, {}},
      {nat, ei, ei, NatClass::full_cone, 1},
      {nat, ei, ad, NatClass::restricted_cone, 2},
      {nat, ei, apd, NatClass::port_restricted_cone, 3},
      {nat, ei, B::unknown, NatClass::cone, {}},
      {nat, ad, ei, NatClass::symmetric, 4},
      {nat, apd, apd, NatClass::symmetric, 4},
      {nat, B::endpoint_dependent, B::unknown, NatClass::symmetric, 4},
      {nat, B::unknown, ei, NatClass::unknown, {}},
      {NatPresence::blocked, B::unknown, B::unknown, NatClass::blocked, {}},
      {NatPresence::unknown, ei, ei, NatClass::unknown, {}},
  };
  for (const Row& row : rows) {
    const NatClass found = classify_nat(row.presence, row.mapping, row.filtering);
    EXPECT_EQ(found, row.expected) << name(found);
    EXPECT_EQ(nat_level(found), row.level);
  }
}

TEST(NatClassTest, HasAdviceForEveryClass) {
  for (int i = 0; i <= static_cast<int>(NatClass::untranslated); ++i) {
    EXPECT_FALSE(advice(static_cast<NatClass>(i)).empty());
    EXPECT_FALSE(name(static_cast<NatClass>(i)).empty());
  }
}

}  // namespace
}  // namespace turnpike::client
