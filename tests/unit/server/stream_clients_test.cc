#include "server/stream_clients.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "stun/channel_data.h"
#include "turn/limits.h"
#include "unit/server/streams_fixture.h"

namespace turnpike::server {
namespace {

using stun::Method;
using testing::Bytes;

// What begins no frame.
const Bytes kRaw = {0x90, 'r', 'a', 'w'};

const Endpoint kListener = testing::endpoint("127.0.0.1:3478");

// The two ends of a connection.
std::pair<net::Fd, net::Fd> stream_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  return {net::Fd(ends[0]), net::Fd(ends[1])};
}

class StreamClientsTest : public ::testing::Test, protected OwnLoop, protected StreamsFixture {
 protected:
  explicit StreamClientsTest(const StreamLimits& limits = {})
      : StreamsFixture(own_loop, {.limits = limits, .buffers = 4096}) {
    send_packets = [this] { write_to_clients(); };
  }

  // The connection has ended, and nothing is left to be read.
  static bool has_ended(const net::Fd& fd) {
    uint8_t byte = 0;
    return ::recv(fd.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
  }
  static bool is_answer(ByteView bytes) {
    const auto message = stun::MessageView::parse(bytes);
    return message && message->message_class() == stun::Class::success;
  }
  static bool is_refusal(ByteView bytes) {
    const auto message = stun::MessageView::parse(bytes);
    return message && message->message_class() == stun::Class::error;
  }
  static Bytes allocate_request() {
    return testing::make_request(Method::allocate, [](stun::MessageBuilder& builder) {
      builder.add_requested_transport(17);
    });
  }
  void allocate(const net::Fd& fd) {
    send(fd, allocate_request());
    ASSERT_EQ(core.server->allocations(), 1U);
  }
  // As the core does it for the only client there is.
  void to_client(size_t size, turn::Precious precious) {
    const Bytes payload(size);
    turn::ClientRoute route;
    core.server->for_each_allocation(
        [&](const turn::Allocation& allocation) { route = allocation.route; });
    clients_.queue({route.link, route.tuple.client, route.tuple.server.ip, {}, payload, precious});
    clients_.write_queued();
  }

  // More media than the client's queue and the kernel take.
  void overfill() {
    for (int i = 0; i < 200; ++i) to_client(1000, turn::Precious::no);
  }
  // The only client is still there after so long, and gone a second later.
  void ends_after(Duration time) {
    tick_after(time);
    EXPECT_EQ(clients_.size(), 1U);
    tick_after(seconds(1));
    EXPECT_EQ(clients_.size(), 0U);
  }
};

TEST_F(StreamClientsTest, ClosesAConnectionThatSaysNothing) {
  const net::Fd fd = connect();
  ends_after(seconds(10));
  EXPECT_EQ(counters.handshakes_late.total(), 1U);
}

TEST_F(StreamClientsTest, ClosesAHandshakeThatStops) {
  const net::Fd fd = connect();
  send(fd, Bytes{22, 3, 1, 2, 0, 1, 0, 1, 0xfc});
  tick_after(seconds(11));
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.handshakes_late.total(), 1U);
}

TEST_F(StreamClientsTest, ClosesAClientThatDripsAFrame) {
  const net::Fd fd = connect();
  allocate(fd);
  const Bytes frame = testing::make_request(Method::binding);
  for (size_t i = 0; i < 10; ++i) {
    send(fd, ByteView(frame).subspan(i, 1));
    tick_after(seconds(1));
  }
  EXPECT_EQ(clients_.size(), 1U);
  send(fd, ByteView(frame).subspan(10, 1));
  tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.closed_slow.get(), 1U);
  EXPECT_EQ(core.server->allocations(), 0U);
}

TEST_F(StreamClientsTest, TimesAFrameFromItsFirstByteAndNotFromTheSilenceBefore) {
  const net::Fd fd = connect();
  allocate(fd);
  tick_after(seconds(30));
  const Bytes frame = testing::make_request(Method::binding);
  send(fd, ByteView(frame).first(10));
  ends_after(seconds(10));
  EXPECT_EQ(counters.closed_slow.get(), 1U);
}

TEST_F(StreamClientsTest, KeepsAClientWhoseFramesNeverEndWithARead) {
  const net::Fd fd = connect();
  allocate(fd);
  const Bytes frame = testing::make_request(Method::binding);
  Bytes turned(frame.begin() + 10, frame.end());
  turned.insert(turned.end(), frame.begin(), frame.begin() + 10);
  send(fd, ByteView(frame).first(10));
  for (int i = 0; i < 30; ++i) {
    tick_after(seconds(1));
    send(fd, turned);
  }
  EXPECT_EQ(clients_.size(), 1U);
  // What is left of the last frame has its own ten seconds.
  ends_after(seconds(10));
}

TEST_F(StreamClientsTest, ClosesAClientThatDripsATlsRecord) {
  const net::Fd fd = connect();
  testing::TlsClient client;
  shake_hands(client, fd);
  client.write(std::string(as_text(allocate_request())));
  send(fd, client.take_output());
  ASSERT_EQ(core.server->allocations(), 1U);
  tick_after(seconds(30));
  client.write(std::string(as_text(testing::make_request(Method::binding))));
  const auto record = client.take_output();
  for (size_t i = 0; i < 10; ++i) {
    send(fd, ByteView(record).subspan(i, 1));
    tick_after(seconds(1));
  }
  EXPECT_EQ(clients_.size(), 1U);
  tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.closed_slow.get(), 1U);
}

TEST_F(StreamClientsTest, ClosesAClientWithoutAnAllocation) {
  const net::Fd fd = connect();
  for (int i = 0; i < 60; ++i) {
    tick_after(seconds(1));
    send(fd, testing::make_request(Method::binding));
  }
  ends_after(Duration(0));
  EXPECT_EQ(counters.closed_idle.get(), 1U);
}

TEST_F(StreamClientsTest, KeepsASilentClientAsLongAsItsAllocation) {
  const net::Fd fd = connect();
  allocate(fd);
  for (int i = 0; i < 602; ++i) tick_after(seconds(1));
  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_EQ(clients_.size(), 1U);
  for (int i = 0; i < 61; ++i) tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 0U);
}

TEST_F(StreamClientsTest, ClosesWhatIsNotTurnAndCountsIt) {
  const net::Fd fd = connect();
  send(fd, as_bytes("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.closed_not_turn.get(), 1U);
}

TEST_F(StreamClientsTest, AnswersWhatCameBeforeJunkInTheSameRead) {
  const net::Fd fd = connect();
  Bytes both = testing::make_request(Method::binding);
  both.insert(both.end(), kRaw.begin(), kRaw.end());
  send(fd, both);
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.closed_not_turn.get(), 1U);
  EXPECT_TRUE(is_answer(receive(fd)));
  EXPECT_TRUE(has_ended(fd));
}

TEST_F(StreamClientsTest, AnswersWhatCameBeforeTheGoodByeOfATlsClientAndTheGoodBye) {
  const net::Fd fd = connect();
  testing::TlsClient client;
  shake_hands(client, fd);
  client.give(receive(fd));
  client.write(std::string(as_text(testing::make_request(Method::binding))));
  SSL_shutdown(client.ssl());
  send(fd, client.take_output());
  EXPECT_EQ(clients_.size(), 0U);
  client.give(receive(fd));
  EXPECT_TRUE(is_answer(as_bytes(client.read())));
  EXPECT_EQ(client.read(), "");
  EXPECT_NE(SSL_get_shutdown(client.ssl()) & SSL_RECEIVED_SHUTDOWN, 0);
  EXPECT_TRUE(has_ended(fd));
}

TEST_F(StreamClientsTest, TakesOneStepOfAHandshakeATurnAndEverybodyElseAtOnce) {
  constexpr size_t kCount = 9;
  std::vector<net::Fd> shaking;
  for (size_t i = 0; i < kCount; ++i) {
    testing::TlsClient client;
    SSL_do_handshake(client.ssl());
    shaking.push_back(connect());
    send_only(shaking.back(), client.take_output());
  }
  const net::Fd plain = connect();
  send_only(plain, testing::make_request(Method::binding));
  size_t answered = 0;
  for (size_t turn = 1; turn <= kCount; ++turn) {
    work_one_turn();
    if (turn == 1) EXPECT_TRUE(is_answer(receive(plain)));
    const size_t before = answered;
    for (const net::Fd& fd : shaking) answered += receive(fd).empty() ? 0 : 1;
    EXPECT_LE(answered, before + 1);
    // Whose turn is the next one has something left to be read.
    EXPECT_EQ(counters.stream_reads_left.get(), std::min(turn, kCount - 1));
  }
  EXPECT_EQ(answered, kCount);
}

TEST_F(StreamClientsTest, GoesOnWhenAClientLeavesThatWaitsForItsHandshake) {
  std::vector<net::Fd> shaking;
  for (size_t i = 0; i < 6; ++i) {
    testing::TlsClient client;
    SSL_do_handshake(client.ssl());
    shaking.push_back(connect());
    send_only(shaking.back(), client.take_output());
  }
  work_one_turn();
  for (size_t i = 0; i < 5; ++i) shaking[i] = {};
  for (size_t turn = 0; turn < 2 * shaking.size(); ++turn) work_one_turn();
  EXPECT_EQ(clients_.size(), 1U);
  EXPECT_FALSE(receive(shaking[5]).empty());
}

TEST_F(StreamClientsTest, EndsTheAllocationWithTheConnection) {
  net::Fd fd = connect();
  allocate(fd);
  fd = {};
  work();
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(core.server->allocations(), 0U);
}

struct SmallQueue : StreamClientsTest {
  SmallQueue() : StreamClientsTest({.queue_max = 20000}) {}
};

TEST_F(SmallQueue, DropsMediaThatDoesNotFitAndCountsIt) {
  const net::Fd fd = connect();
  allocate(fd);
  overfill();
  EXPECT_GT(counters.drop_queue_full.get(), 100U);
  work();
  tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 1U);
  EXPECT_EQ(core.server->allocations(), 1U);
}

TEST_F(SmallQueue, GoesOnWhenTheClientReadsAgain) {
  const net::Fd fd = connect();
  allocate(fd);
  overfill();
  const uint64_t dropped = counters.drop_queue_full.get();
  Bytes room(65536);
  for (int i = 0; i < 100; ++i) {
    static_cast<void>(::recv(fd.get(), room.data(), room.size(), MSG_DONTWAIT));
    work();
  }
  to_client(1000, turn::Precious::no);
  EXPECT_EQ(counters.drop_queue_full.get(), dropped);
}

TEST_F(SmallQueue, ClosesTheLinkWhenAnAnswerDoesNotFit) {
  const net::Fd fd = connect();
  allocate(fd);
  overfill();
  EXPECT_EQ(counters.closed_queue_full.get(), 0U);
  to_client(1000, turn::Precious::yes);
  EXPECT_EQ(counters.closed_queue_full.get(), 1U);
  tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(core.server->allocations(), 0U);
}

TEST_F(SmallQueue, ClosesATlsClientThatWantsNewKeysAndDoesNotReadTheAnswers) {
  const net::Fd fd = connect();
  testing::TlsClient client;
  shake_hands(client, fd);
  for (int i = 0; i < 3000 && clients_.size() == 1; ++i) {
    ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(client.ssl()), 1);
    send(fd, client.take_output());
  }
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.closed_queue_full.get(), 1U);
}

struct TwoPerSource : StreamClientsTest {
  TwoPerSource() : StreamClientsTest({.per_source = 2}) {}
};

TEST_F(TwoPerSource, RefusesAThirdUntilOneHasEnded) {
  net::Fd first = connect();
  const net::Fd second = connect();
  const net::Fd third = connect();
  EXPECT_EQ(clients_.size(), 2U);
  EXPECT_EQ(counters.refused_source_limit.get(), 1U);
  first = {};
  work();
  const net::Fd fourth = connect();
  EXPECT_EQ(clients_.size(), 2U);
  EXPECT_EQ(counters.refused_source_limit.get(), 1U);
}

TEST_F(TwoPerSource, CountsThoseOfAnotherWorkerToo) {
  ClientCounters others;
  StreamClients neighbour(loop_, turn(), others, {.per_source = 2}, nullptr, sources);
  const auto open_there = [&] {
    auto [near, far] = stream_pair();
    neighbour.open({std::move(near), testing::endpoint("127.0.0.1:9"), kListener});
    return std::move(far);
  };
  const net::Fd first = connect();
  net::Fd second = open_there();
  const net::Fd third = open_there();
  EXPECT_EQ(others.refused_source_limit.get(), 1U);
  const net::Fd fourth = connect();
  EXPECT_EQ(counters.refused_source_limit.get(), 1U);
  second = {};
  work();
  const net::Fd fifth = connect();
  EXPECT_EQ(clients_.size(), 2U);
}

// Makes the descriptors that are left few, as long as it lives.
class Shortage {
 public:
  explicit Shortage(const net::Fd& any) : any_(any) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    // So many that an eighth is more than a few.
    while (fillers_.empty() || fillers_.back().get() < 200) fillers_.emplace_back(::dup(any.get()));
  }
  ~Shortage() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }
  Shortage(const Shortage&) = delete;
  Shortage& operator=(const Shortage&) = delete;
  // Others have closed theirs, so that low numbers are free again; the limit stays.
  void give_back() { fillers_.clear(); }
  // Of those that are not open yet, all are among the last eighth.
  void begin() const {
    const net::Fd next(::dup(any_.get()));
    const auto wanted = static_cast<rlim_t>(next.get());
    rlimit limit = before_;
    limit.rlim_cur = wanted;
    while (limit.rlim_cur - limit.rlim_cur / 8 < wanted) ++limit.rlim_cur;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }

 private:
  const net::Fd& any_;
  rlimit before_{};
  std::vector<net::Fd> fillers_;
};

struct FewDescriptors : StreamClientsTest {
  // A connection that comes from there, as far as the server knows.
  net::Fd open_from(std::string_view client) {
    auto [near, far] = stream_pair();
    clients_.open({std::move(near), testing::endpoint(client), kListener});
    return std::move(far);
  }

  Shortage shortage_{listener_};
};

TEST_F(FewDescriptors, TheOldestWithoutAnAllocationMakesRoomForTheNext) {
  const net::Fd known = connect();
  allocate(known);
  const net::Fd stranger = connect();
  shortage_.begin();
  const net::Fd next = connect();
  EXPECT_EQ(clients_.size(), 2U);
  EXPECT_EQ(counters.closed_scarce.get(), 1U);
  EXPECT_TRUE(has_ended(stranger));
  send(next, testing::make_request(Method::binding));
  EXPECT_TRUE(is_answer(receive(next)));
  EXPECT_EQ(core.server->allocations(), 1U);
}

TEST_F(FewDescriptors, AreNotTakenByOneStrangerAfterAnother) {
  std::vector<net::Fd> strangers;
  strangers.reserve(12);
  for (int i = 0; i < 4; ++i) strangers.push_back(connect());
  for (int i = 0; i < 8; ++i) strangers.push_back(call());
  shortage_.begin();
  clients_.accept_from(listener_);
  EXPECT_EQ(clients_.size(), 4U);
  EXPECT_EQ(counters.closed_scarce.get(), 8U);
}

TEST_F(FewDescriptors, NobodyMakesRoomForASourceThatHasEnough) {
  clients_.use(StreamLimits{.per_source = 1});
  const net::Fd honest = open_from("192.0.2.1:9");
  const net::Fd first = open_from("192.0.2.2:9");
  shortage_.begin();
  const net::Fd second = open_from("192.0.2.2:10");
  EXPECT_EQ(counters.refused_source_limit.get(), 1U);
  EXPECT_EQ(counters.closed_scarce.get(), 0U);
  EXPECT_EQ(clients_.size(), 2U);
}

TEST_F(FewDescriptors, AreTakenByThoseWhoComeInTheShortageAndNotByThoseWhoStayed) {
  // It has waited for its PROXY header.
  shortage_.begin();
  auto [near, far] = stream_pair();
  shortage_.give_back();
  ASSERT_TRUE(net::is_scarce(near));
  clients_.open({std::move(near), testing::endpoint("192.0.2.1:9"), kListener});
  EXPECT_EQ(counters.refused_scarce.get(), 0U);
  EXPECT_EQ(clients_.size(), 1U);
}

TEST_F(FewDescriptors, NobodyWithAnAllocationMakesRoom) {
  const net::Fd known = connect();
  allocate(known);
  shortage_.begin();
  const net::Fd next = connect();
  EXPECT_EQ(clients_.size(), 1U);
  EXPECT_EQ(counters.refused_scarce.get(), 1U);
  EXPECT_TRUE(has_ended(next));
  EXPECT_EQ(core.server->allocations(), 1U);
}

TEST_F(StreamClientsTest, ServesTlsByTheFirstByte) {
  const net::Fd fd = connect();
  testing::TlsClient client;
  shake_hands(client, fd);
  EXPECT_EQ(clients_.size(), 1U);
}

// However much it brings; and whether more may be left.
TEST_F(StreamClientsTest, CountsEachReadThatBroughtBytes) {
  const net::Fd fd = connect();
  allocate(fd);
  EXPECT_EQ(counters.stream_reads.get(), 1U);
  Bytes three;
  for (int i = 0; i < 3; ++i) {
    const Bytes request = testing::make_request(Method::binding);
    three.insert(three.end(), request.begin(), request.end());
  }
  send(fd, three);
  EXPECT_EQ(counters.stream_reads.get(), 2U);
  EXPECT_EQ(counters.stream_reads_left.get(), 0U);
  ::shutdown(fd.get(), SHUT_WR);
  work();
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.stream_reads.get(), 2U);
}

TEST_F(StreamClientsTest, CountsReadsThatFilledTheirRoom) {
  auto [near, far] = stream_pair();
  clients_.open({std::move(near), testing::endpoint("192.0.2.7:40000"), kServer});
  Bytes many;
  while (many.size() < size_t{20} * 1024) {
    const Bytes request = testing::make_request(Method::binding);
    many.insert(many.end(), request.begin(), request.end());
  }
  send(far, many);
  EXPECT_EQ(counters.stream_reads.get(), 2U);
  EXPECT_EQ(counters.stream_reads_left.get(), 1U);
}

TEST_F(StreamClientsTest, CountsReadsOfTlsClients) {
  const net::Fd fd = connect();
  testing::TlsClient client;
  shake_hands(client, fd);
  const uint64_t before = counters.stream_reads.get();
  client.write(std::string(as_text(testing::make_request(Method::binding))));
  send(fd, client.take_output());
  EXPECT_EQ(counters.stream_reads.get(), before + 1);
}

// Two connections through a load balancer that name the same client (PROXY protocol).
struct OneTupleTwice : StreamClientsTest {
  static constexpr std::string_view kClaimed = "8.8.8.8:40000";

  net::Fd open_claimed() {
    auto [near, far] = stream_pair();
    clients_.open(
        {std::move(near), testing::endpoint(kClaimed), testing::endpoint("192.0.2.1:3478")});
    return std::move(far);
  }
};

TEST_F(OneTupleTwice, TheSecondIsIdleWithoutAnAllocationOfItsOwn) {
  const net::Fd first = open_claimed();
  allocate(first);
  const net::Fd second = open_claimed();
  for (int i = 0; i < 61; ++i) {
    send(second, testing::make_request(Method::binding));
    tick_after(seconds(1));
  }
  EXPECT_EQ(counters.closed_idle.get(), 1U);
  EXPECT_EQ(clients_.size(), 1U);
  EXPECT_EQ(core.server->allocations(), 1U);
}

TEST_F(OneTupleTwice, TheSecondIsHeldToTheFramesOfAStranger) {
  const net::Fd first = open_claimed();
  allocate(first);
  const net::Fd second = open_claimed();
  send(second, Bytes{0x40, 0, 0x20, 0});
  EXPECT_EQ(counters.closed_not_turn.get(), 1U);
  EXPECT_EQ(core.server->allocations(), 1U);
  send(first, Bytes{0x40, 0, 0x20, 0});
  EXPECT_EQ(counters.closed_not_turn.get(), 1U);
  EXPECT_EQ(clients_.size(), 1U);
}

// What becomes of a connection behind its ConnectionBind (RFC 6062), while the user store is asked.
struct BehindConnectionBind : StreamClientsTest {
  BehindConnectionBind() {
    turn::Settings settings = core.settings;
    settings.auth = turn::AuthMode::long_term;
    core.use_settings(settings);
    helper_.learn_nonce();
    core.out.clear();
    const auto deliver = send_packets;
    send_packets = [this, deliver] {
      deliver();
      for (const turn::Effect& effect : core.out.effects) {
        if (const auto* fetch = std::get_if<turn::FetchKey>(&effect)) fetches_.push_back(*fetch);
      }
    };
  }

  // Whatever worker there is, nobody has that connection.
  Bytes connection_bind() {
    return helper_.sealed(Method::connection_bind, [](stun::MessageBuilder& builder) {
      builder.add_u32(stun::AttributeType::connection_id, 77);
    });
  }
  void work_and_resume() {
    work();
    while (clients_.resume()) work();
  }
  void answer_keys() {
    for (const turn::FetchKey& fetch : std::exchange(fetches_, {})) {
      core.server->on_key(core.now, fetch.ticket, core.look_up(fetch), core.out);
    }
    work_and_resume();
  }
  static Bytes joined(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  }

  // A nonce of a stream is good for the whole address.
  testing::CoreClient helper_{core, "127.0.0.1:9", "alice", "secret", Transport::tcp};
  std::vector<turn::FetchKey> fetches_;
  // Of the first connection.
  turn::LinkId link_ = make_link(LinkKind::stream, {0, 0});
};

TEST_F(BehindConnectionBind, NothingIsReadBeforeItIsAnswered) {
  const net::Fd fd = connect();
  send(fd, joined({connection_bind(), kRaw}));
  work_and_resume();
  ASSERT_EQ(fetches_.size(), 1U);
  EXPECT_EQ(clients_.size(), 1U);
  answer_keys();
  // It was refused, so what follows had to be STUN.
  EXPECT_EQ(counters.closed_not_turn.get(), 1U);
  EXPECT_EQ(clients_.size(), 0U);
}

TEST_F(BehindConnectionBind, TheAnswerToWhatCameBeforeDoesNotLetItsBytesBeRead) {
  const net::Fd fd = connect();
  send(fd, joined({testing::make_request(Method::binding), connection_bind(), kRaw}));
  work_and_resume();
  ASSERT_EQ(fetches_.size(), 1U);
  EXPECT_EQ(counters.closed_not_turn.get(), 0U);
  EXPECT_EQ(clients_.size(), 1U);
  answer_keys();
  EXPECT_EQ(clients_.size(), 0U);
}

TEST_F(BehindConnectionBind, RequestsAreReadWhenItWasRefused) {
  const net::Fd fd = connect();
  const uint64_t before = core.count(&turn::Counters::binding_requests);
  send(fd, joined({connection_bind(), testing::make_request(Method::binding)}));
  work_and_resume();
  EXPECT_EQ(core.count(&turn::Counters::binding_requests), before);
  answer_keys();
  EXPECT_EQ(core.count(&turn::Counters::binding_requests), before + 1);
  EXPECT_EQ(clients_.size(), 1U);
}

TEST_F(BehindConnectionBind, ItsBytesGoWithAConnectionThatIsGivenAway) {
  net::Fd fd = connect();
  send(fd, joined({testing::make_request(Method::binding), connection_bind(), kRaw}));
  work_and_resume();
  ASSERT_EQ(clients_.size(), 1U);
  const auto stream = clients_.release(link_);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(stream->received, kRaw);
  EXPECT_EQ(clients_.size(), 0U);
  // Its request no longer waits for an answer that nobody could be given.
  EXPECT_EQ(core.server->waiting(), 0U);
}

TEST_F(BehindConnectionBind, RecordsWaitAsTheyCame) {
  const net::Fd fd = connect();
  testing::TlsClient client;
  shake_hands(client, fd);
  const uint64_t before = core.count(&turn::Counters::binding_requests);
  // One record that ends in a second ConnectionBind, and one behind it.
  client.write(std::string(as_text(joined({connection_bind(), connection_bind()}))));
  client.write(std::string(as_text(testing::make_request(Method::binding))));
  send(fd, client.take_output());
  work_and_resume();
  EXPECT_EQ(core.count(&turn::Counters::binding_requests), before);
  answer_keys();
  EXPECT_EQ(core.count(&turn::Counters::binding_requests), before + 1);
  EXPECT_EQ(clients_.size(), 1U);
}

TEST_F(BehindConnectionBind, RecordsGoWithAConnectionThatIsGivenAway) {
  const net::Fd fd = connect();
  testing::TlsClient client;
  shake_hands(client, fd);
  client.write(std::string(as_text(joined({connection_bind(), kRaw}))));
  client.write("more");
  send(fd, client.take_output());
  work_and_resume();
  const auto stream = clients_.release(link_);
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(stream->received, kRaw);
  std::vector<uint8_t> out;
  ByteView encrypted = stream->encrypted;
  EXPECT_EQ(as_text(stream->tls->feed(encrypted, testing::plaintext_room(), out)), "more");
}

TEST_F(BehindConnectionBind, ClosesAConnectionThatIsNotAnswered) {
  const net::Fd fd = connect();
  send(fd, connection_bind());
  ends_after(turn::kParkedLifetime + seconds(1));
  EXPECT_EQ(counters.closed_unanswered.get(), 1U);
}

TEST_F(BehindConnectionBind, AnAdoptedOneIsReadOnlyAfterItsAnswer) {
  const net::Fd fd = connect();
  const Bytes request = connection_bind();
  send(fd, joined({request, testing::make_request(Method::binding)}));
  work_and_resume();
  auto stream = clients_.release(link_);
  ASSERT_NE(stream, nullptr);
  fetches_.clear();
  const uint64_t before = core.count(&turn::Counters::binding_requests);
  clients_.adopt(std::move(stream), request);
  work_and_resume();
  ASSERT_EQ(fetches_.size(), 1U);
  EXPECT_EQ(core.count(&turn::Counters::binding_requests), before);
  answer_keys();
  EXPECT_EQ(core.count(&turn::Counters::binding_requests), before + 1);
}

TEST_F(BehindConnectionBind, AnAdoptedOneMakesRoomWhenItWasRefused) {
  const Shortage shortage(listener_);
  const net::Fd fd = connect();
  const Bytes request = connection_bind();
  send(fd, request);
  work_and_resume();
  auto stream = clients_.release(link_);
  ASSERT_NE(stream, nullptr);
  fetches_.clear();
  clients_.adopt(std::move(stream), request);
  work_and_resume();
  answer_keys();
  ASSERT_EQ(clients_.size(), 1U);
  shortage.begin();
  const net::Fd next = connect();
  EXPECT_EQ(counters.closed_scarce.get(), 1U);
  EXPECT_TRUE(is_refusal(receive(fd)));
  EXPECT_TRUE(has_ended(fd));
}

TEST_F(BehindConnectionBind, WhoWaitedForAnAnswerMakesRoomWhenItHasCome) {
  const Shortage shortage(listener_);
  const net::Fd waiting = connect();
  send(waiting, connection_bind());
  work_and_resume();
  shortage.begin();
  const net::Fd refused = connect();
  EXPECT_EQ(counters.refused_scarce.get(), 1U);
  answer_keys();
  ASSERT_EQ(clients_.size(), 1U);
  const net::Fd next = connect();
  EXPECT_EQ(counters.closed_scarce.get(), 1U);
  EXPECT_TRUE(is_refusal(receive(waiting)));
  EXPECT_TRUE(has_ended(waiting));
  EXPECT_EQ(clients_.size(), 1U);
}

struct OneGivenAway : BehindConnectionBind {
  OneGivenAway() { clients_.use(StreamLimits{.per_source = 1}); }
};

TEST_F(OneGivenAway, MakesRoomForAnotherOfItsSource) {
  const net::Fd fd = connect();
  send(fd, connection_bind());
  work_and_resume();
  const net::Fd refused = connect();
  EXPECT_EQ(counters.refused_source_limit.get(), 1U);
  ASSERT_NE(clients_.release(link_), nullptr);
  const net::Fd next = connect();
  EXPECT_EQ(counters.refused_source_limit.get(), 1U);
  EXPECT_EQ(clients_.size(), 1U);
}

}  // namespace
}  // namespace turnpike::server
