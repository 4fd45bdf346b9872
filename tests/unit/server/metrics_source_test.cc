#include "server/metrics_source.h"

#include <set>

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

// One worker's counters, and what a page says of them.
class MetricsSourceTest : public ::testing::Test {
 protected:
  MetricsSourceTest() {
    setup_.workers.push_back({&turn_, &io_, &clients_, &stats_, [] { return size_t{0}; }});
    setup_.realm = "r";
  }
  [[nodiscard]] std::string text() const {
    metrics::Page page;
    add_protocol_metrics(setup_, page);
    add_transport_metrics(setup_, page);
    return page.to_text();
  }
  [[nodiscard]] std::string coturn_text() const {
    metrics::Page page;
    add_coturn_metrics(setup_, page);
    return page.to_text();
  }
  [[nodiscard]] bool says(const std::string& line) const {
    return ("\n" + text()).find("\n" + line + "\n") != std::string::npos;
  }

  // The counters of a struct that holds nothing else. A Gauge is laid out as a Counter.
  template <typename Struct>
  static std::vector<Counter*> counters_of(Struct& all) {
    static_assert(sizeof(Struct) % sizeof(Counter) == 0 && sizeof(Gauge) == sizeof(Counter));
    std::vector<Counter*> found;
    auto* first = reinterpret_cast<Counter*>(&all);
    for (size_t i = 0; i < sizeof(Struct) / sizeof(Counter); ++i) found.push_back(first + i);
    return found;
  }

  // Indices of those whose change changes nothing on the page.
  template <typename Struct>
  std::vector<size_t> untold(Struct& all, const std::set<const Counter*>& impossible) {
    std::vector<size_t> indices;
    const auto counters = counters_of(all);
    for (Counter* counter : counters) counter->add(1000);
    for (size_t i = 0; i < counters.size(); ++i) {
      if (impossible.contains(counters[i])) continue;
      const std::string before = text();
      counters[i]->add(5);
      if (text() == before) indices.push_back(i);
    }
    return indices;
  }

  turn::Counters turn_;
  net::IoCounters io_;
  ClientCounters clients_;
  WorkerStats stats_;
  MetricsSetup setup_;
};

// Whoever adds a counter adds a metric. Told as sums of others: the totals whose parts have labels.
TEST_F(MetricsSourceTest, TellsEveryCounterOfTheCore) {
  const std::set<const Counter*> told_in_parts = {
      &turn_.binding_requests,
      &turn_.binding_successes,
      &turn_.requests,
      &turn_.successes,
      &turn_.errors,
      &turn_.challenges,
      &turn_.stale_nonces,
      &turn_.wrong_credentials,
      &turn_.allocations_opened,
      &turn_.allocations_closed,
      &turn_.peers_refused,
      &turn_.by.peers_refused[turn::PeerReason::allowed]};
  const auto requests_of_no_method = untold(turn_, told_in_parts);
  // The two places of TallyOf for methods that nobody serves: such requests are drops.
  EXPECT_EQ(requests_of_no_method.size(), 2U) << ::testing::PrintToString(requests_of_no_method);
}

TEST_F(MetricsSourceTest, TellsEveryCounterOfTheSockets) {
  EXPECT_EQ(untold(io_, {}), std::vector<size_t>());
}

TEST_F(MetricsSourceTest, TellsEveryCounterOfTheConnections) {
  std::set<const Counter*> impossible;
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    impossible.insert(&clients_.handshakes_done[transport]);
    impossible.insert(&clients_.handshakes_failed[transport]);
  }
  impossible.insert(&clients_.handshakes_late[Transport::udp]);
  EXPECT_EQ(untold(clients_, impossible), std::vector<size_t>());
}

TEST_F(MetricsSourceTest, TellsEveryNumberOfAWorker) {
  EXPECT_EQ(untold(stats_, {}), std::vector<size_t>());
}

TEST_F(MetricsSourceTest, TellsWhatBecameOfRequestsForCredentials) {
  EXPECT_EQ(text().find("turnpike_rest"), std::string::npos);
  webrtc::RestCounters rest;
  setup_.rest = &rest;
  for (size_t i = 0; i < webrtc::kRestResults; ++i) {
    rest.add(static_cast<webrtc::RestResult>(i));
    const std::string result(to_string(static_cast<webrtc::RestResult>(i)));
    EXPECT_TRUE(says("turnpike_rest_requests_total{result=\"" + result + "\"} 1")) << result;
  }
}

// A counter that has no family of its own gets one by its name, which may be taken already.
TEST_F(MetricsSourceTest, TellsEachFamilyOnce) {
  metrics::Page page;
  add_protocol_metrics(setup_, page);
  add_transport_metrics(setup_, page);
  add_coturn_metrics(setup_, page);
  std::set<std::string> names;
  for (const metrics::Family& family : page.families()) {
    EXPECT_TRUE(names.insert(family.name()).second) << family.name();
  }
}

TEST_F(MetricsSourceTest, AddsUpTheWorkers) {
  turn::Counters second;
  setup_.workers.push_back({&second, &io_, &clients_, &stats_, [] { return size_t{3}; }});
  turn_.by.allocations_opened[Transport::tls].add(2);
  second.by.allocations_opened[Transport::tls].add(5);
  second.by.allocations_closed[Transport::tls].add(1);
  EXPECT_TRUE(says("turnpike_allocations{transport=\"tls\"} 6"));
  EXPECT_TRUE(says("turnpike_worker_allocations{worker=\"0\"} 2"));
  EXPECT_TRUE(says("turnpike_worker_allocations{worker=\"1\"} 4"));
  EXPECT_TRUE(says("turnpike_mailbox_letters{worker=\"1\"} 3"));
}

// A reader may see the end of a session before its beginning.
TEST_F(MetricsSourceTest, HasNoGaugeBelowZero) {
  turn_.by.allocations_closed[Transport::udp].add(1);
  clients_.streams_closed.add(1);
  EXPECT_TRUE(says("turnpike_allocations{transport=\"udp\"} 0"));
  EXPECT_TRUE(says("turnpike_client_connections{kind=\"stream\"} 0"));
  EXPECT_EQ(text().find("} -"), std::string::npos);
  EXPECT_EQ(coturn_text().find("} -"), std::string::npos);
}

TEST_F(MetricsSourceTest, TellsHowFullThePortsOfEachAddressAre) {
  turn::RelayDirectory directory;
  const Ip local = *Ip::parse("10.0.0.5");
  directory.set({*Ip::parse("9.9.9.9"), 50000}, local, {0, {1, 1}});
  directory.set({*Ip::parse("9.9.9.9"), 50001}, local, {0, {2, 1}});
  directory.set({*Ip::parse("9.9.9.9"), 50001}, local, {1, {3, 1}});
  directory.clear({*Ip::parse("9.9.9.9"), 50000});
  directory.clear({*Ip::parse("9.9.9.9"), 50000});
  setup_.directory = &directory;
  setup_.limits.ports_per_address = 100;
  EXPECT_TRUE(says("turnpike_relay_ports_used{address=\"9.9.9.9\",transport=\"udp\"} 1"));
  EXPECT_TRUE(says("turnpike_relay_ports_limit 100"));
}

TEST_F(MetricsSourceTest, TellsHowLongSessionsLasted) {
  stats_.session_length.add(seconds(20));
  EXPECT_TRUE(says("turnpike_session_duration_seconds_sum 20"));
  EXPECT_TRUE(says("turnpike_session_duration_seconds_bucket{le=\"15\"} 0"));
  EXPECT_TRUE(says("turnpike_session_duration_seconds_bucket{le=\"30\"} 1"));
}

TEST_F(MetricsSourceTest, TellsUsersOnlyWhenTheyAreCounted) {
  EXPECT_EQ(coturn_text().find("user="), std::string::npos);
  EXPECT_NE(coturn_text().find("turn_traffic_rcvp{realm=\"r\"} 0"), std::string::npos);
  auth::QuotaLedger ledger;
  UserTraffic users(1);
  turn::Allocation allocation;
  allocation.realm = "other";
  allocation.quota = ledger.take("other", "ann", {});
  allocation.to_client.add(9);
  users.book(0, allocation, Instant());
  setup_.traffic = &users;
  EXPECT_NE(coturn_text().find("turn_traffic_sentb{realm=\"other\",user=\"ann\"} 9"),
            std::string::npos);
}

TEST_F(MetricsSourceTest, CountsTheTrafficOfEachRealmForCoturnsDashboards) {
  auth::QuotaLedger ledger;
  UserTraffic realms(1, UserTraffic::By::realm);
  setup_.traffic = &realms;
  EXPECT_NE(coturn_text().find("turn_traffic_sentb{realm=\"r\"} 0\n"), std::string::npos);
  for (const auto& [realm, user, size] :
       {std::tuple("r", "ann", 9), std::tuple("r", "bob", 20), std::tuple("other", "ann", 100)}) {
    turn::Allocation allocation;
    allocation.realm = realm;
    allocation.quota = ledger.take(realm, user, {});
    allocation.to_client.add(static_cast<size_t>(size));
    realms.book(0, allocation, Instant());
  }
  const std::string text = coturn_text();
  EXPECT_NE(text.find("turn_traffic_sentb{realm=\"r\"} 29\n"), std::string::npos) << text;
  EXPECT_NE(text.find("turn_traffic_sentb{realm=\"other\"} 100\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("ann"), std::string::npos);
}

TEST_F(MetricsSourceTest, HasTheNamesOfCoturnAndItsTypes) {
  turn_.by.allocations_opened[Transport::tls].add(1);
  io_.tx_runs.add(1);
  io_.tx_runs.add(7);
  io_.tx_datagrams.add(8);
  const std::string text = coturn_text();
  EXPECT_NE(text.find("turn_total_allocations{type=\"TLS/TCP\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("turn_udp_sendmmsg_gso_datagrams 7\n"), std::string::npos);
}

TEST(MetricsSource, TellsTheLimitsInForce) {
  MetricsSource source({});
  EXPECT_EQ(source.page().to_text().find("turnpike_allocations_limit"), std::string::npos);
  source.set_limits({.errors = {}, .ports_per_address = 1000, .total_quota = 5});
  const std::string text = source.page().to_text();
  EXPECT_NE(text.find("\nturnpike_relay_ports_limit 1000\n"), std::string::npos);
  EXPECT_NE(text.find("\nturnpike_allocations_limit 5\n"), std::string::npos);
}

TEST(MetricsSource, SaysWhileItIsDraining) {
  MetricsSource source({});
  EXPECT_NE(source.page().to_text().find("\nturnpike_draining 0\n"), std::string::npos);
  source.set_draining();
  EXPECT_NE(source.page().to_text().find("\nturnpike_draining 1\n"), std::string::npos);
}

}  // namespace
}  // namespace turnpike::server
