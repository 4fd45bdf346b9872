#include "auth/mobility_ticket.h"

#include <gtest/gtest.h>

namespace turnpike::auth {
namespace {

constexpr MobilityTicket kTicket = {3, 70000, 9, 12};

class MobilityTicketTest : public ::testing::Test {
 protected:
  MobilityTickets tickets_{MobilityKey{1, 2, 3}};
};

TEST_F(MobilityTicketTest, OpensWhatItSealed) {
  EXPECT_EQ(tickets_.open(tickets_.seal(kTicket)), kTicket);
}

TEST_F(MobilityTicketTest, IsOpenedByAWorkerWithTheSameKey) {
  EXPECT_EQ(MobilityTickets(MobilityKey{1, 2, 3}).open(tickets_.seal(kTicket)), kTicket);
}

TEST_F(MobilityTicketTest, IsWorthNothingUnderAnotherKey) {
  EXPECT_FALSE(MobilityTickets(MobilityKey{1, 2, 4}).open(tickets_.seal(kTicket)));
}

TEST_F(MobilityTicketTest, IsWorthNothingWithAnyBitChanged) {
  const auto sealed = tickets_.seal(kTicket);
  for (size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    auto forged = sealed;
    forged.at(bit / 8) ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_FALSE(tickets_.open(forged)) << bit;
  }
}

TEST_F(MobilityTicketTest, IsWorthNothingInAnotherLength) {
  const auto sealed = tickets_.seal(kTicket);
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(tickets_.open(ByteView(sealed).first(size)));
  }
  std::array<uint8_t, kMobilityTicketSize + 1> longer{};
  std::copy(sealed.begin(), sealed.end(), longer.begin());
  EXPECT_FALSE(tickets_.open(longer));
}

TEST_F(MobilityTicketTest, IsShortText) {
  for (uint32_t serial = 0; serial < 200; ++serial) {
    const auto sealed = tickets_.seal({3, 70000, 9, serial});
    EXPECT_LE(sealed.size(), 32U);
    for (const uint8_t c : sealed) EXPECT_TRUE(c > 0x20 && c < 0x7f);
  }
}

TEST_F(MobilityTicketTest, TellsNothingOfWhatIsInIt) {
  const auto one = tickets_.seal({3, 70000, 9, 12});
  const auto next = tickets_.seal({3, 70000, 9, 13});
  size_t equal = 0;
  for (size_t i = 0; i < one.size(); ++i) equal += one.at(i) == next.at(i) ? 1 : 0;
  EXPECT_LT(equal, 8U);
}

TEST_F(MobilityTicketTest, HoldsTheLargestNumbers) {
  const MobilityTicket largest = {255, (1U << 24) - 1, UINT32_MAX, UINT32_MAX};
  EXPECT_EQ(tickets_.open(tickets_.seal(largest)), largest);
}

}  // namespace
}  // namespace turnpike::auth
