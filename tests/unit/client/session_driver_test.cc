// The driver with real sockets on loopback, against a server of a few lines on a driver of its own.
#include "client/session_driver.h"

#include <gtest/gtest.h>

#include "client/binding_question.h"
#include "client/blocking_turn_client.h"
#include "conversation.h"
#include "net/clock.h"

namespace turnpike::client {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;

const Endpoint kLoopback{Ip::v4(0x7f000001), 0};
constexpr Duration kPatience = seconds(5);

// Answers Binding and, without credentials, Allocate and Refresh. It shares the client's driver,
// so that one thread runs both.
class TinyServer {
 public:
  explicit TinyServer(SessionDriver& driver) : driver_(driver) {
    link_ = *driver.open(kLoopback, [this](const Endpoint& from, ByteView bytes) {
      ++requests;
      if (silent) return;
      const auto view = testing::parsed(bytes);
      static_cast<void>(driver_.send_to(
          link_, from,
          testing::make_message(view.method(), Class::success, view.transaction_id(),
                                [&](stun::MessageBuilder& builder) {
                                  builder.add_xor_address(AttributeType::xor_mapped_address, from);
                                  if (view.method() == Method::binding) return;
                                  builder.add_xor_address(AttributeType::xor_relayed_address,
                                                          kRelayed);
                                  builder.add_u32(AttributeType::lifetime, 600);
                                })));
    });
  }
  [[nodiscard]] Endpoint address() const { return driver_.local(link_); }

  int requests = 0;
  bool silent = false;

 private:
  SessionDriver& driver_;
  SessionDriver::Link link_{};
};

TEST(SessionDriver, CarriesAQuestionAndItsAnswer) {
  SessionDriver driver;
  TinyServer server(driver);
  RandomSource random(1);
  BindingQuestion question;
  std::optional<Endpoint> mapped;
  const auto link = driver.connect(question, server.address(), [&](const Event& event) {
    if (const auto* answered = std::get_if<BindingAnswered>(&event)) mapped = answered->mapped;
  });
  ASSERT_TRUE(link);
  driver.call(*link, [&](Instant now, Output& out) { question.ask(now, random, out); });
  EXPECT_TRUE(
      driver.run_until([&] { return mapped.has_value(); }, net::monotonic_now() + kPatience));
  EXPECT_EQ(mapped, driver.local(*link));
}

TEST(SessionDriver, RunsTheScheduleOfASession) {
  SessionDriver driver;
  TinyServer server(driver);
  server.silent = true;
  RandomSource random(1);
  BindingQuestion question({.rto = milliseconds(1), .sends = 3, .last_wait = 2});
  bool failed = false;
  const auto link = driver.connect(question, server.address(), [&](const Event& event) {
    failed = std::holds_alternative<RequestFailed>(event);
  });
  driver.call(*link, [&](Instant now, Output& out) { question.ask(now, random, out); });
  EXPECT_TRUE(driver.run_until([&] { return failed; }, net::monotonic_now() + kPatience));
  EXPECT_EQ(server.requests, 3);
}

TEST(SessionDriver, NoticesAClosedPort) {
  SessionDriver driver;
  const auto gone = *driver.open(kLoopback, {});
  const Endpoint nobody = driver.local(gone);
  driver.close(gone);
  RandomSource random(1);
  BindingQuestion question;
  const auto link = driver.connect(question, nobody, {});
  driver.call(*link, [&](Instant now, Output& out) { question.ask(now, random, out); });
  EXPECT_TRUE(
      driver.run_until([&] { return driver.refused(*link); }, net::monotonic_now() + kPatience));
}

TEST(SessionDriver, StopsAtTheDeadline) {
  SessionDriver driver;
  EXPECT_FALSE(driver.run_until([] { return false; }, net::monotonic_now() + milliseconds(2)));
}

TEST(SessionDriver, HandlersMayCloseTheirOwnLink) {
  SessionDriver driver;
  TinyServer server(driver);
  RandomSource random(1);
  BindingQuestion question;
  bool answered = false;
  std::optional<SessionDriver::Link> link;
  link = *driver.connect(question, server.address(), [&](const Event&) {
    answered = true;
    driver.close(*link);
  });
  driver.call(*link, [&](Instant now, Output& out) { question.ask(now, random, out); });
  EXPECT_TRUE(driver.run_until([&] { return answered; }, net::monotonic_now() + kPatience));
}

TEST(SessionDriver, AnOpenSocketServesASessionAndEverybodyElse) {
  SessionDriver driver;
  TinyServer server(driver);
  RandomSource random(1);
  BindingQuestion question;
  bool answered = false;
  std::string heard;
  const auto both = *driver.open(
      kLoopback, [&](const Endpoint&, ByteView bytes) { heard = std::string(as_text(bytes)); });
  driver.attach(both, question, server.address(), [&](const Event&) { answered = true; });
  driver.call(both, [&](Instant now, Output& out) { question.ask(now, random, out); });
  const auto other = *driver.open(kLoopback, {});
  EXPECT_EQ(driver.send_to(other, driver.local(both), as_bytes("hello")), 0);
  EXPECT_TRUE(driver.run_until([&] { return answered && !heard.empty(); },
                               net::monotonic_now() + kPatience));
  EXPECT_EQ(heard, "hello");
}

TEST(BlockingTurnClient, AllocatesAndReleases) {
  SessionDriver driver;
  TinyServer server(driver);
  RandomSource random(1);
  const SessionSettings settings;
  BlockingTurnClient client(driver, settings, random, kPatience);
  ASSERT_FALSE(client.open(server.address()));
  const auto allocated = client.allocate({});
  ASSERT_TRUE(allocated);
  EXPECT_EQ(allocated->relayed, kRelayed);
  EXPECT_TRUE(client.release());
  EXPECT_FALSE(client.session().allocated());
}

TEST(BlockingTurnClient, GivesUpAfterItsPatience) {
  SessionDriver driver;
  TinyServer server(driver);
  server.silent = true;
  RandomSource random(1);
  const SessionSettings settings;
  BlockingTurnClient client(driver, settings, random, milliseconds(2));
  ASSERT_FALSE(client.open(server.address()));
  const auto allocated = client.allocate({});
  ASSERT_FALSE(allocated);
  EXPECT_EQ(allocated.error().kind, FailureKind::timed_out);
}

}  // namespace
}  // namespace turnpike::client
