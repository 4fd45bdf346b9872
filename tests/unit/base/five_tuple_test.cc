#include "base/five_tuple.h"

#include <set>
#include <unordered_map>

#include <gtest/gtest.h>

namespace turnpike {
namespace {

FiveTuple sample() {
  return {.transport = Transport::udp,
          .client = Endpoint::parse("192.0.2.1:1000", 0).value(),
          .server = Endpoint::parse("198.51.100.1:3478", 0).value()};
}

TEST(FiveTuple, EachPartMakesItAnotherOne) {
  std::vector<FiveTuple> tuples(6, sample());
  tuples[1].transport = Transport::tcp;
  tuples[2].client.port = 1001;
  tuples[3].client.ip = Ip::v4(0xc0000202);
  tuples[4].server.port = 3479;
  tuples[5].server.ip = Ip::v4(0xc6336402);
  std::set<size_t> hashes;
  for (size_t i = 0; i < tuples.size(); ++i) {
    hashes.insert(FiveTupleHash{{1, 2}}(tuples[i]));
    for (size_t j = 0; j < tuples.size(); ++j) EXPECT_EQ(tuples[i] == tuples[j], i == j);
  }
  EXPECT_EQ(hashes.size(), tuples.size());
}

TEST(FiveTuple, HashesWithTheKey) {
  const HashKey one = {1, 2};
  const HashKey two = {1, 3};
  EXPECT_NE(FiveTupleHash{one}(sample()), FiveTupleHash{two}(sample()));
  EXPECT_NE(EndpointHash{one}(sample().client), EndpointHash{two}(sample().client));
  EXPECT_NE(IpHash{one}(sample().client.ip), IpHash{two}(sample().client.ip));
}

TEST(FiveTuple, SwappingPortsOrAddressesIsNotTheSame) {
  FiveTuple swapped = sample();
  std::swap(swapped.client, swapped.server);
  EXPECT_NE(FiveTupleHash{}(swapped), FiveTupleHash{}(sample()));
}

TEST(FiveTuple, IsAKeyOfAnUnorderedMap) {
  std::unordered_map<FiveTuple, int, FiveTupleHash> table(16, FiveTupleHash{{7, 9}});
  table[sample()] = 5;
  EXPECT_EQ(table.at(sample()), 5);
}

TEST(Transport, HasANameAndKnowsStreams) {
  EXPECT_EQ(to_string(Transport::udp), "udp");
  EXPECT_EQ(to_string(Transport::tcp), "tcp");
  EXPECT_EQ(to_string(Transport::tls), "tls");
  EXPECT_EQ(to_string(Transport::dtls), "dtls");
  EXPECT_FALSE(is_stream(Transport::udp));
  EXPECT_TRUE(is_stream(Transport::tcp));
  EXPECT_TRUE(is_stream(Transport::tls));
  EXPECT_FALSE(is_stream(Transport::dtls));
}

}  // namespace
}  // namespace turnpike
