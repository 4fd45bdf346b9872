#include "turn/relay_directory.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

using testing::endpoint;
using testing::ip;

TEST(RelayDirectory, FindsAnOwnerByEitherForm) {
  RelayDirectory directory;
  const RelayOwner owner = {3, {77, 5}};
  EXPECT_TRUE(directory.set(endpoint("8.8.4.4:50000"), ip("10.0.0.5"), owner));
  EXPECT_EQ(directory.find(endpoint("8.8.4.4:50000")), owner);
  EXPECT_EQ(directory.find(endpoint("10.0.0.5:50000")), owner);
  EXPECT_EQ(directory.find(endpoint("8.8.4.4:50001")), std::nullopt);
  EXPECT_EQ(directory.find(endpoint("9.9.9.9:50000")), std::nullopt);
}

TEST(RelayDirectory, KnowsTheExternalFormOfItsAddressesOnly) {
  RelayDirectory directory;
  directory.set(endpoint("8.8.4.4:50000"), ip("10.0.0.5"), {0, {1, 1}});
  EXPECT_EQ(directory.external_form(ip("10.0.0.5")), ip("8.8.4.4"));
  EXPECT_EQ(directory.external_form(ip("8.8.4.4")), ip("8.8.4.4"));
  EXPECT_EQ(directory.external_form(ip("10.0.0.6")), std::nullopt);
}

TEST(RelayDirectory, ForgetsAnOwnerAndKeepsTheAddress) {
  RelayDirectory directory;
  directory.set(endpoint("8.8.4.4:50000"), ip("8.8.4.4"), {0, {1, 1}});
  directory.clear(endpoint("8.8.4.4:50000"));
  EXPECT_EQ(directory.find(endpoint("8.8.4.4:50000")), std::nullopt);
  EXPECT_TRUE(directory.external_form(ip("8.8.4.4")));
  directory.clear(endpoint("9.9.9.9:1"));
}

TEST(RelayDirectory, HoldsTheLargestNumbers) {
  RelayDirectory directory;
  const RelayOwner owner = {RelayDirectory::kMaxWorkers - 1,
                            {RelayDirectory::kMaxIndex, 0x7fffffff}};
  directory.set(endpoint("8.8.4.4:65535"), ip("8.8.4.4"), owner);
  EXPECT_EQ(directory.find(endpoint("8.8.4.4:65535")), owner);
}

TEST(RelayDirectory, TakesABoundedNumberOfAddresses) {
  RelayDirectory directory;
  size_t taken = 0;
  for (uint32_t i = 0; i < 100; ++i) {
    const Ip address = Ip::v4(0x08080000 + i);
    if (directory.set({address, 50000}, address, {0, {i, 1}})) ++taken;
  }
  EXPECT_EQ(taken, 64U);
  EXPECT_TRUE(directory.find({Ip::v4(0x08080000), 50000}));
  EXPECT_FALSE(directory.find({Ip::v4(0x08080000 + 64), 50000}));
}

}  // namespace
}  // namespace turnpike::turn
