// What a server that connects back tells of a NAT, over loopback.
#include "client/tcp_filter_probe.h"

#include <string>

#include <gtest/gtest.h>

#include "unit/client/tcp_stand_in.h"

namespace turnpike::client {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::ErrorCode;
using Servers = std::vector<Endpoint>;

const Ip kStranger = Ip::v4(0x7f000004);

// Where nothing comes, that is known soon; what comes is there before.
constexpr Duration kShort = milliseconds(100);
// The connection and an answer come first, which a busy machine may take its time for.
constexpr Duration kAfterBinding = seconds(1);

std::optional<Bytes> silence_about(const Bytes& request, stun::Method method) {
  if (method_of(request) != method) return {};
  return Bytes();
}

Bytes refusal(const Bytes& request, ErrorCode code) {
  return testing::make_message(method_of(request), Class::error,
                               testing::parsed(request).transaction_id(),
                               [code](stun::MessageBuilder& builder) { builder.add_error(code); });
}

class TcpFilterProbeTest : public ::testing::Test {
 protected:
  TcpFiltering ask(const Servers& servers) {
    std::optional<TcpFiltering> result;
    const TcpFilterProbe probe(
        loop_, random_, credentials_, local_, servers,
        [&](const TcpFiltering& told) {
          EXPECT_FALSE(result.has_value());
          result = told;
        },
        patience_);
    EXPECT_FALSE(result.has_value());
    while (!result) loop_.run_turn(net::EventLoop::kForever);
    return *result;
  }
  TcpFiltering ask() { return ask({server_.address()}); }
  // A server is given up for that reason.
  void fails_with(const std::string& why) {
    const TcpFiltering told = ask();
    EXPECT_EQ(told.filtering, NatBehavior::unknown);
    EXPECT_EQ(told.note, "filtering over TCP is unknown: " + server_.address().to_string() + why);
  }
  void has_two_addresses() { server_.other = Endpoint{kOther, 3479}; }
  static bool asks_for_other(const Bytes& request) {
    return has(request, AttributeType::change_request);
  }
  static bool is_signed(const Bytes& request) { return has(request, AttributeType::username); }

  net::EventLoop loop_;
  RandomSource random_{1};
  Credentials credentials_{.username = std::string(kUser), .password = std::string(kPassword)};
  Endpoint local_{kHost, 0};
  TcpFilterPatience patience_{.arrival = kShort};
  TcpStandIn server_{loop_, kServer};
};

TEST_F(TcpFilterProbeTest, IsEndpointIndependentWhenTheOtherAddressComesThrough) {
  has_two_addresses();
  server_.let_in = {kServer, kOther};
  // It is told as soon as it is known.
  patience_.arrival = seconds(600);
  const TcpFiltering told = ask();
  EXPECT_EQ(told.filtering, NatBehavior::endpoint_independent);
  EXPECT_EQ(told.note, "");
}

TEST_F(TcpFilterProbeTest, IsAddressDependentWhenTheSameAddressAloneComesThrough) {
  has_two_addresses();
  server_.let_in = {kServer};
  const TcpFiltering told = ask();
  EXPECT_EQ(told.filtering, NatBehavior::address_dependent);
  EXPECT_EQ(told.note, "");
}

TEST_F(TcpFilterProbeTest, DependsOnThePortWhenNothingComesThrough) {
  for (const bool two_addresses : {false, true}) {
    server_.other.reset();
    if (two_addresses) has_two_addresses();
    const TcpFiltering told = ask();
    EXPECT_EQ(told.filtering, NatBehavior::address_and_port_dependent);
    EXPECT_EQ(told.note, "");
  }
}

TEST_F(TcpFilterProbeTest, TellsWhatAServerWithOneAddressCannotKnow) {
  server_.let_in = {kServer};
  const TcpFiltering told = ask();
  EXPECT_EQ(told.filtering, NatBehavior::unknown);
  EXPECT_EQ(told.note,
            "filtering over TCP is not by port; whether it is by address takes a server with two "
            "addresses");
  EXPECT_EQ(server_.asked_other, 0);
}

TEST_F(TcpFilterProbeTest, TakesAnotherPortForNoOtherAddress) {
  server_.other = Endpoint{kServer, 3479};
  server_.let_in = {kServer};
  EXPECT_EQ(ask().filtering, NatBehavior::unknown);
  EXPECT_EQ(server_.asked_other, 0);
}

TEST_F(TcpFilterProbeTest, AsksFiveTimesForEachSinceSomeMayBeLost) {
  has_two_addresses();
  ask();
  EXPECT_EQ(server_.asked_same, 5);
  EXPECT_EQ(server_.asked_other, 5);
  EXPECT_EQ(server_.connections, 1);
}

TEST_F(TcpFilterProbeTest, BelievesInNoOtherAddressThatWasNotGranted) {
  has_two_addresses();
  server_.let_in = {kServer};
  server_.instead = [](const Bytes& request) -> std::optional<Bytes> {
    if (!asks_for_other(request)) return {};
    return Conversation::refusal(request, ErrorCode::unknown_attribute);
  };
  const TcpFiltering told = ask();
  EXPECT_EQ(told.filtering, NatBehavior::unknown);
  EXPECT_NE(told.note, "");
}

TEST_F(TcpFilterProbeTest, BelievesInNoGrantWithoutIntegrity) {
  has_two_addresses();
  server_.let_in = {kServer};
  server_.instead = [](const Bytes& request) -> std::optional<Bytes> {
    if (!asks_for_other(request)) return {};
    return testing::make_message(stun::kConnectBackMethod, Class::success,
                                 testing::parsed(request).transaction_id());
  };
  EXPECT_EQ(ask().filtering, NatBehavior::unknown);
}

TEST_F(TcpFilterProbeTest, DoesNotCountStrangersWhoConnect) {
  has_two_addresses();
  net::Fd knocker;
  server_.instead = [&](const Bytes& request) -> std::optional<Bytes> {
    if (method_of(request) != stun::kConnectBackMethod || knocker) return {};
    knocker = *net::connect_from({kStranger, 0}, server_.latest_client());
    return {};
  };
  EXPECT_EQ(ask().filtering, NatBehavior::address_and_port_dependent);
  ASSERT_TRUE(knocker);
}

TEST_F(TcpFilterProbeTest, AsksAgainWithAFreshNonce) {
  has_two_addresses();
  server_.let_in = {kServer, kOther};
  int stale = 0;
  server_.instead = [&](const Bytes& request) -> std::optional<Bytes> {
    if (!is_signed(request) || stale > 0) return {};
    ++stale;
    return Conversation::challenge(request, "second-nonce", ErrorCode::stale_nonce);
  };
  EXPECT_EQ(ask().filtering, NatBehavior::endpoint_independent);
  EXPECT_EQ(stale, 1);
}

TEST_F(TcpFilterProbeTest, NeedsTheConnectionNoLongerOnceTheServerHasAgreed) {
  server_.hangs_up_after = 5;
  EXPECT_EQ(ask().filtering, NatBehavior::address_and_port_dependent);
}

TEST_F(TcpFilterProbeTest, GivesUpAServerThatIsNotThere) {
  const Endpoint nobody = [this] { return TcpStandIn(loop_, kStranger).address(); }();
  const TcpFiltering told = ask({nobody});
  EXPECT_EQ(told.filtering, NatBehavior::unknown);
  EXPECT_EQ(told.note, "filtering over TCP is unknown: " + nobody.to_string() + ": no connection");
}

TEST_F(TcpFilterProbeTest, GivesUpAServerThatCannotBeReached) {
  // The loopback address as a source leads nowhere else.
  const TcpFiltering told = ask({{Ip::v4(0xcb007101), 3478}});
  EXPECT_EQ(told.note, "filtering over TCP is unknown: 203.0.113.1:3478 can't be reached");
}

TEST_F(TcpFilterProbeTest, GivesUpAServerThatDoesNotAnswer) {
  patience_.answer = kShort;
  server_.instead = [](const Bytes& r) { return silence_about(r, stun::Method::binding); };
  fails_with(" does not answer over TCP");
}

TEST_F(TcpFilterProbeTest, GivesUpAServerThatRefusesBinding) {
  server_.instead = [](const Bytes& r) { return refusal(r, ErrorCode::server_error); };
  fails_with(" refuses Binding");
}

TEST_F(TcpFilterProbeTest, GivesUpAServerThatDoesNotKnowTheMethod) {
  patience_.answer = kAfterBinding;
  server_.instead = [](const Bytes& r) { return silence_about(r, stun::kConnectBackMethod); };
  fails_with(" does not connect back");
}

TEST_F(TcpFilterProbeTest, GivesUpAServerWhoseAnswerIsNotItsOwn) {
  patience_.answer = kAfterBinding;
  server_.let_in = {kServer};
  server_.instead = [](const Bytes& request) -> std::optional<Bytes> {
    if (!is_signed(request)) return {};
    return Conversation::answer(request, Class::success, {}, stun::IntegrityKind::sha1, "guessed");
  };
  fails_with(" does not connect back");
}

TEST_F(TcpFilterProbeTest, GivesUpAServerThatHasEnough) {
  server_.instead = [](const Bytes& request) -> std::optional<Bytes> {
    if (!is_signed(request)) return {};
    return Conversation::refusal(request, ErrorCode::insufficient_capacity);
  };
  fails_with(" refuses to connect back (508)");
}

TEST_F(TcpFilterProbeTest, GivesUpAServerThatDoesNotKnowTheUser) {
  server_.instead = [](const Bytes& request) -> std::optional<Bytes> {
    if (!is_signed(request)) return {};
    return Conversation::challenge(request);
  };
  fails_with(" does not accept the user and password");
}

TEST_F(TcpFilterProbeTest, GivesUpAServerThatHangsUp) {
  server_.hangs_up = true;
  fails_with(": no connection");
}

TEST_F(TcpFilterProbeTest, AsksTheNextServerAfterOneThatFails) {
  TcpStandIn first(loop_, kStranger);
  first.instead = [](const Bytes& r) { return refusal(r, ErrorCode::server_error); };
  has_two_addresses();
  server_.let_in = {kOther};
  const TcpFiltering told = ask({first.address(), server_.address()});
  EXPECT_EQ(told.filtering, NatBehavior::endpoint_independent);
  EXPECT_EQ(told.note, "");
}

TEST_F(TcpFilterProbeTest, AsksNoSecondServerAfterAVerdict) {
  TcpStandIn second(loop_, kStranger);
  EXPECT_EQ(ask({server_.address(), second.address()}).filtering,
            NatBehavior::address_and_port_dependent);
  EXPECT_EQ(second.connections, 0);
}

TEST_F(TcpFilterProbeTest, SaysWhenThereIsNobodyToAsk) {
  EXPECT_EQ(ask(Servers()).note, "filtering over TCP is unknown: no server was reached");
}

TEST_F(TcpFilterProbeTest, SaysWhenAProgramListensOnThePort) {
  const auto listener = net::listen_tcp({kHost, 0}, net::ReusePort::no);
  local_ = net::local_endpoint(*listener);
  const TcpFiltering told = ask();
  EXPECT_EQ(told.filtering, NatBehavior::unknown);
  EXPECT_EQ(told.note,
            "filtering over TCP can't be tested beside the program that listens on the port");
  EXPECT_EQ(server_.connections, 0);
}

TEST_F(TcpFilterProbeTest, SaysWhenTheLocalAddressIsNotOurs) {
  local_.ip = Ip::v4(0xcb007101);
  EXPECT_EQ(ask().note, "filtering over TCP can't be tested: no port to listen on");
}

TEST_F(TcpFilterProbeTest, MayBeDestroyedByWhomItTells) {
  std::unique_ptr<TcpFilterProbe> probe;
  bool told = false;
  probe = std::make_unique<TcpFilterProbe>(
      loop_, random_, credentials_, local_, Servers{server_.address()},
      [&](const TcpFiltering&) {
        probe.reset();
        told = true;
      },
      patience_);
  while (!told) loop_.run_turn(net::EventLoop::kForever);
  EXPECT_EQ(probe, nullptr);
}

TEST_F(TcpFilterProbeTest, MayBeGivenUpAtAnyTime) {
  for (int turns = 0; turns < 8; ++turns) {
    const TcpFilterProbe probe(loop_, random_, credentials_, local_, {server_.address()},
                               [](const TcpFiltering&) { ADD_FAILURE(); });
    for (int i = 0; i < turns; ++i) loop_.run_turn(Duration::zero());
  }
  loop_.run_turn(Duration::zero());
}

}  // namespace
}  // namespace turnpike::client
