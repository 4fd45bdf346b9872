// A client's two connections, a peer, and the joint between them, over loopback (RFC 6062).
#include "server/tcp_relays.h"

#include <array>
#include <cerrno>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/tcp_connect.h"
#include "net/tcp_probe.h"
#include "unit/server/streams_fixture.h"

namespace turnpike::server {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::Bytes;
using testing::Received;

// Loopback addresses that no other process uses.
const Ip kRelayIp = Ip::v4(0x7f400000U | (static_cast<uint32_t>(::getpid()) & 0x3fffffU));
const Ip kPeerIp = Ip::v4(0x7f800000U | (static_cast<uint32_t>(::getpid()) & 0x3fffffU));

// More than what all the kernel's buffers on the way take.
constexpr size_t kVeryMuch = size_t{16} << 20;

// A base as well: relayed addresses outlive the core that has leases of them.
struct RealRelays {
  OwnLoop loop;
  RandomSource random{3};
  relay::Reservations reservations;
  std::function<void(turn::RelayId)> on_readable;
  relay::RelaySockets relays{
      {.min_port = 21000, .max_port = 21999, .relay_ips = {kRelayIp}, .external_ips = {}},
      std::make_shared<const net::HostAddresses>(*net::HostAddresses::read()),
      {.loop = loop.own_loop, .random = random, .reservations = reservations},
      [this](turn::RelayId id) { on_readable(id); }};

  testing::CoreDriver::Options options() {
    testing::CoreDriver::Options options = open_to_all();
    options.peers.allow_loopback_peers = true;
    options.relays = &relays;
    return options;
  }
};

enum class End : uint8_t { none, in_order, reset };

class TcpRelaysTest : public ::testing::Test, protected RealRelays, protected StreamsFixture {
 protected:
  TcpRelaysTest()
      : StreamsFixture(loop.own_loop, {.buffers = 16384, .core = options()}),
        tcp_(loop_, turn(), relays, clients_, counters),
        peer_listener_(*net::listen_tcp({kPeerIp, 0}, net::ReusePort::no)) {
    set_buffers(peer_listener_, buffers_);
    on_readable = [this](turn::RelayId id) { tcp_.accept_at(id); };
    // As the worker does it.
    send_packets = [this] {
      do {
        write_to_clients();
        const auto effects = std::exchange(core.out.effects, {});
        core.out.clear();
        for (const turn::Effect& effect : effects) carry_out(effect);
      } while (!core.out.empty());
    };
  }

  void carry_out(const turn::Effect& effect) {
    if (const auto* wanted = std::get_if<turn::ConnectPeer>(&effect)) {
      latest_ = wanted->connection;
      tcp_.carry_out(*wanted);
    } else if (const auto* closed = std::get_if<turn::ClosePeer>(&effect)) {
      tcp_.carry_out(*closed);
    } else if (const auto* bound = std::get_if<turn::BindLink>(&effect)) {
      tcp_.carry_out(*bound);
    }
  }
  bool work_until(const std::function<bool()>& done) {
    const Instant deadline = net::monotonic_now() + seconds(30);
    while (!done()) {
      if (net::monotonic_now() > deadline) return false;
      loop_.run_turn(milliseconds(1));
      finish_turn();
      while (clients_.resume()) flush();
    }
    return true;
  }
  void tick_after(Duration time) {
    StreamsFixture::tick_after(time);
    tcp_.on_tick();
    work();
  }

  // Exactly so many bytes.
  Bytes receive(const net::Fd& fd, size_t size) {
    Bytes bytes(size);
    size_t got = 0;
    const bool came = work_until([&] {
      const ssize_t more = ::recv(fd.get(), bytes.data() + got, size - got, MSG_DONTWAIT);
      if (more > 0) got += static_cast<size_t>(more);
      return got == size;
    });
    EXPECT_TRUE(came) << got << " of " << size;
    bytes.resize(got);
    return bytes;
  }
  std::string receive_text(const net::Fd& fd, size_t size) {
    return std::string(as_text(receive(fd, size)));
  }
  Received receive_message(const net::Fd& fd) {
    Received message;
    message.bytes = receive(fd, stun::kHeaderSize);
    const Bytes rest =
        receive(fd, static_cast<size_t>(message.bytes.at(2) << 8 | message.bytes.at(3)));
    message.bytes.insert(message.bytes.end(), rest.begin(), rest.end());
    return message;
  }
  // How a connection ends that has nothing more to say.
  End end_of(const net::Fd& fd) {
    End end = End::none;
    work_until([&] {
      uint8_t byte = 0;
      const ssize_t size = ::recv(fd.get(), &byte, 1, MSG_DONTWAIT);
      EXPECT_LE(size, 0);
      if (size == 0) end = End::in_order;
      if (size < 0 && errno == ECONNRESET) end = End::reset;
      return size >= 0 || end != End::none;
    });
    return end;
  }
  // Nothing waits there, not even an end.
  static bool is_quiet(const net::Fd& fd) {
    uint8_t byte = 0;
    return ::recv(fd.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }
  // What the kernel takes at once.
  static size_t send_some(const net::Fd& fd, ByteView bytes) {
    const ssize_t size = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return size > 0 ? static_cast<size_t>(size) : 0;
  }
  // Sends until everything is taken or nobody takes any more; how much was taken.
  size_t push(const net::Fd& fd, ByteView bytes) {
    size_t sent = 0;
    for (int vain = 0; sent < bytes.size() && vain < 20; work()) {
      const size_t more = send_some(fd, bytes.subspan(sent));
      vain = more > 0 ? 0 : vain + 1;
      sent += more;
    }
    return sent;
  }
  // The reader gets what the writer could not be rid of before, once it reads, and in order.
  void arrives_once_it_is_read(const net::Fd& writer, const net::Fd& reader) {
    Bytes sent(kVeryMuch);
    random.fill(sent);
    const size_t taken = push(writer, sent);
    ASSERT_LT(taken, kVeryMuch);
    sent.resize(taken);
    EXPECT_TRUE(receive(reader, taken) == sent);
    send(writer, as_bytes("goes on"));
    EXPECT_EQ(receive_text(reader, 7), "goes on");
  }

  Received ask(const net::Fd& fd, Method method, const testing::AddAttributes& add) {
    send(fd, testing::make_request(method, add));
    return receive_message(fd);
  }
  void allocate() {
    control_ = connect();
    const Received answer = ask(control_, Method::allocate,
                                [](stun::MessageBuilder& b) { b.add_requested_transport(6); });
    ASSERT_TRUE(answer.is(Class::success));
    relayed_ = answer.relayed().at(0);
  }
  void permit_the_peer() {
    const Received answer = ask(control_, Method::create_permission, [](stun::MessageBuilder& b) {
      b.add_xor_address(AttributeType::xor_peer_address, {kPeerIp, 1});
    });
    ASSERT_TRUE(answer.is(Class::success));
  }
  static Bytes connect_request(const Endpoint& peer) {
    return testing::make_request(Method::connect, [&](stun::MessageBuilder& b) {
      b.add_xor_address(AttributeType::xor_peer_address, peer);
    });
  }
  static Bytes bind_request(uint32_t id) {
    return testing::make_request(Method::connection_bind, [&](stun::MessageBuilder& b) {
      b.add_u32(AttributeType::connection_id, id);
    });
  }
  static Bytes end_request() {
    return testing::make_request(
        Method::refresh, [](stun::MessageBuilder& b) { b.add_u32(AttributeType::lifetime, 0); });
  }
  // A connection with the peer that nobody has bound; its CONNECTION-ID.
  uint32_t reach_the_peer() {
    send(control_, connect_request(net::local_endpoint(peer_listener_)));
    const Received answer = receive_message(control_);
    EXPECT_TRUE(answer.is(Class::success)) << answer.error();
    auto accepted = net::accept_tcp(peer_listener_);
    EXPECT_TRUE(accepted.has_value());
    if (accepted) peer_ = std::move(accepted->fd);
    return answer.u32(AttributeType::connection_id).value_or(0);
  }
  // The peer comes by itself, and says so much at once.
  uint32_t let_the_peer_in(std::string_view first_words = {}) {
    peer_ = *net::connect_from({kPeerIp, 0}, relayed_);
    const Received attempt = receive_message(control_);
    EXPECT_EQ(attempt.view().method(), Method::connection_attempt);
    EXPECT_EQ(attempt.address(AttributeType::xor_peer_address), net::local_endpoint(peer_));
    if (!first_words.empty()) send(peer_, as_bytes(first_words));
    return attempt.u32(AttributeType::connection_id).value_or(0);
  }
  void bind(uint32_t id, std::string_view first_words = {}) {
    data_ = connect();
    Bytes bytes = bind_request(id);
    bytes.insert(bytes.end(), first_words.begin(), first_words.end());
    send(data_, bytes);
    const Received answer = receive_message(data_);
    ASSERT_TRUE(answer.is(Class::success)) << answer.error();
  }
  void join() {
    allocate();
    bind(reach_the_peer());
  }
  // Of both the core and the sockets.
  void expect_connections(size_t count) {
    EXPECT_EQ(core.server->connections(), count);
    EXPECT_EQ(tcp_.size(), count);
  }

  TcpRelays tcp_;
  net::Fd peer_listener_;
  Endpoint relayed_;
  net::Fd control_;
  net::Fd data_;
  net::Fd peer_;
  turn::ConnectionRef latest_;
};

TEST_F(TcpRelaysTest, JoinsTheClientWithThePeer) {
  join();
  EXPECT_EQ(counters.streams_bound.get(), 1U);
  EXPECT_EQ(clients_.size(), 1U);
  send(data_, as_bytes("to the peer"));
  EXPECT_EQ(receive_text(peer_, 11), "to the peer");
  send(peer_, as_bytes("to the client"));
  EXPECT_EQ(receive_text(data_, 13), "to the client");
  EXPECT_EQ(core.count(&turn::Counters::tcp_to_peer_bytes), 11U);
  EXPECT_EQ(core.count(&turn::Counters::tcp_to_client_bytes), 13U);
  expect_connections(1);
}

TEST_F(TcpRelaysTest, CountsReadsOfBothSides) {
  join();
  uint64_t before = counters.stream_reads.get();
  send(data_, as_bytes("to the peer"));
  EXPECT_EQ(counters.stream_reads.get(), before + 1);
  send(peer_, as_bytes("to the client"));
  EXPECT_EQ(counters.stream_reads.get(), before + 2);
  EXPECT_EQ(counters.stream_reads_left.get(), 0U);
}

TEST_F(TcpRelaysTest, ConnectsFromTheRelayedAddress) {
  allocate();
  send(control_, connect_request(net::local_endpoint(peer_listener_)));
  const auto accepted = net::accept_tcp(peer_listener_);
  ASSERT_TRUE(accepted.has_value());
  EXPECT_EQ(accepted->peer, relayed_);
}

TEST_F(TcpRelaysTest, TellsOfAPeerThatRefuses) {
  allocate();
  const Endpoint nobody = net::local_endpoint(peer_listener_);
  peer_listener_.reset();
  send(control_, connect_request(nobody));
  EXPECT_EQ(receive_message(control_).error(), 447);
  expect_connections(0);
}

TEST_F(TcpRelaysTest, GivesUpAPeerThatDoesNotAnswer) {
  allocate();
  // A backlog that is full: the kernel drops who comes next.
  ASSERT_EQ(::listen(peer_listener_.get(), 0), 0);
  const Endpoint peer = net::local_endpoint(peer_listener_);
  const auto filler = net::connect_from({kPeerIp, 0}, peer);
  send(control_, connect_request(peer));
  tick_after(seconds(29));
  EXPECT_TRUE(is_quiet(control_));
  expect_connections(1);
  tick_after(seconds(1));
  EXPECT_EQ(receive_message(control_).error(), 447);
  expect_connections(0);
}

TEST_F(TcpRelaysTest, ForgetsAConnectWhoseAllocationEndsInTheSameTurn) {
  allocate();
  Bytes both = connect_request(net::local_endpoint(peer_listener_));
  const Bytes end = end_request();
  both.insert(both.end(), end.begin(), end.end());
  send(control_, both);
  EXPECT_EQ(receive_message(control_).error(), 447);
  EXPECT_TRUE(receive_message(control_).is(Class::success));
  expect_connections(0);
}

TEST_F(TcpRelaysTest, ResetsPeersWithoutAPermission) {
  allocate();
  const auto knocker = net::connect_from({kPeerIp, 0}, relayed_);
  EXPECT_EQ(end_of(*knocker), End::reset);
  EXPECT_TRUE(is_quiet(control_));
  expect_connections(0);
}

TEST_F(TcpRelaysTest, LetsPermittedPeersIn) {
  allocate();
  permit_the_peer();
  bind(let_the_peer_in());
  send(data_, as_bytes("hello"));
  EXPECT_EQ(receive_text(peer_, 5), "hello");
}

TEST_F(TcpRelaysTest, LeavesPeersWaitingWhileThereAreNoDescriptors) {
  allocate();
  permit_the_peer();
  const auto knocker = net::connect_from({kPeerIp, 0}, relayed_);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  work();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  // It was looked at once, and is again with the next tick.
  EXPECT_EQ(counters.accept_no_descriptors.get(), 1U);
  work();
  expect_connections(0);
  tick_after(seconds(1));
  expect_connections(1);
}

TEST_F(TcpRelaysTest, KeepsWhatThePeerSaysBeforeConnectionBind) {
  allocate();
  permit_the_peer();
  const uint32_t id = let_the_peer_in("first words");
  EXPECT_EQ(core.count(&turn::Counters::tcp_to_client_bytes), 0U);
  bind(id);
  EXPECT_EQ(receive_text(data_, 11), "first words");
}

TEST_F(TcpRelaysTest, KeepsWhatThePeerSaysBeforeConnectionBindAndItsEnd) {
  allocate();
  permit_the_peer();
  const uint32_t id = let_the_peer_in("only words");
  peer_.reset();
  work();
  expect_connections(1);
  bind(id);
  EXPECT_EQ(receive_text(data_, 10), "only words");
  EXPECT_EQ(end_of(data_), End::in_order);
}

// It has said all that it will, and waits to be sent something.
TEST_F(TcpRelaysTest, KeepsAPeerThatEndsItsSideWithoutAWord) {
  allocate();
  permit_the_peer();
  const uint32_t id = let_the_peer_in();
  net::end_sending(peer_);
  tick_after(seconds(1));
  bind(id);
  EXPECT_EQ(end_of(data_), End::in_order);
  send(data_, as_bytes("x"));
  EXPECT_EQ(receive_text(peer_, 1), "x");
}

struct WithOnePlace : TcpRelaysTest {
  WithOnePlace() {
    turn::Settings settings = core.settings;
    settings.max_connections = 1;
    core.use_settings(settings);
  }
  void expect_the_next_is_sent_away() {
    const auto next = net::connect_from({kPeerIp, 0}, relayed_);
    EXPECT_EQ(end_of(*next), End::reset);
    EXPECT_TRUE(is_quiet(control_));
    expect_connections(1);
  }
};

TEST_F(WithOnePlace, ForgetsAPeerThatCalledAndLeftWithoutAWordOnceItsPlaceIsAskedFor) {
  allocate();
  permit_the_peer();
  let_the_peer_in();
  expect_the_next_is_sent_away();
  EXPECT_EQ(core.count(&turn::Counters::connection_cap), 1U);
  peer_.reset();
  tick_after(seconds(1));
  expect_connections(1);
  bind(let_the_peer_in());
  expect_connections(1);
  EXPECT_EQ(core.count(&turn::Counters::connection_cap), 1U);
  send(data_, as_bytes("hello"));
  EXPECT_EQ(receive_text(peer_, 5), "hello");
  // One that is bound is never in the way.
  peer_.reset();
  work();
  expect_the_next_is_sent_away();
}

TEST_F(WithOnePlace, KeepsThePlaceOfAPeerThatSaidSomethingAndLeft) {
  allocate();
  permit_the_peer();
  const uint32_t id = let_the_peer_in("only words");
  peer_.reset();
  expect_the_next_is_sent_away();
  bind(id);
  EXPECT_EQ(receive_text(data_, 10), "only words");
}

TEST_F(TcpRelaysTest, KeepsAPeerThatSaidSomethingAndLeft) {
  allocate();
  permit_the_peer();
  const uint32_t id = let_the_peer_in("only words");
  peer_.reset();
  tick_after(seconds(1));
  bind(id);
  EXPECT_EQ(receive_text(data_, 10), "only words");
}

TEST_F(TcpRelaysTest, DoesNotReadAPeerBeforeConnectionBind) {
  allocate();
  const uint32_t id = reach_the_peer();
  Bytes sent(kVeryMuch);
  random.fill(sent);
  const size_t taken = push(peer_, sent);
  ASSERT_LT(taken, kVeryMuch);
  EXPECT_EQ(core.count(&turn::Counters::tcp_to_client_bytes), 0U);
  bind(id);
  sent.resize(taken);
  EXPECT_TRUE(receive(data_, taken) == sent);
}

TEST_F(TcpRelaysTest, PassesOnWhatFollowsConnectionBindAtOnce) {
  allocate();
  bind(reach_the_peer(), "no frame, but data");
  EXPECT_EQ(receive_text(peer_, 18), "no frame, but data");
  EXPECT_EQ(core.count(&turn::Counters::tcp_to_peer_bytes), 18U);
  EXPECT_EQ(counters.closed_not_turn.get(), 0U);
  send(data_, as_bytes("and more"));
  EXPECT_EQ(receive_text(peer_, 8), "and more");
}

TEST_F(TcpRelaysTest, SlowsAPeerDownWhoseClientDoesNotRead) {
  join();
  arrives_once_it_is_read(peer_, data_);
}

TEST_F(TcpRelaysTest, SlowsAClientDownWhosePeerDoesNotRead) {
  join();
  arrives_once_it_is_read(data_, peer_);
}

TEST_F(TcpRelaysTest, LetsOneDirectionGoOnWhileTheOtherIsFull) {
  join();
  ASSERT_LT(push(data_, Bytes(kVeryMuch)), kVeryMuch);
  send(peer_, as_bytes("still here"));
  EXPECT_EQ(receive_text(data_, 10), "still here");
}

TEST_F(TcpRelaysTest, PassesThePeersEndOnAndStillCarriesTheOtherDirection) {
  join();
  send(peer_, as_bytes("bye"));
  net::end_sending(peer_);
  EXPECT_EQ(receive_text(data_, 3), "bye");
  EXPECT_EQ(end_of(data_), End::in_order);
  send(data_, as_bytes("one more thing"));
  EXPECT_EQ(receive_text(peer_, 14), "one more thing");
  expect_connections(1);
  data_.reset();
  EXPECT_EQ(end_of(peer_), End::in_order);
  expect_connections(0);
}

TEST_F(TcpRelaysTest, PassesTheClientsEndOnAndStillCarriesTheOtherDirection) {
  join();
  send(data_, as_bytes("question"));
  net::end_sending(data_);
  EXPECT_EQ(receive_text(peer_, 8), "question");
  EXPECT_EQ(end_of(peer_), End::in_order);
  send(peer_, as_bytes("answer"));
  EXPECT_EQ(receive_text(data_, 6), "answer");
  expect_connections(1);
  peer_.reset();
  EXPECT_EQ(end_of(data_), End::in_order);
  expect_connections(0);
  // The control connection has nothing to do with it.
  EXPECT_EQ(core.server->allocations(), 1U);
}

TEST_F(TcpRelaysTest, PassesAnEndOnBehindAllThatWaits) {
  join();
  Bytes sent(kVeryMuch);
  random.fill(sent);
  sent.resize(push(peer_, sent));
  peer_.reset();
  work();
  EXPECT_TRUE(receive(data_, sent.size()) == sent);
  EXPECT_EQ(end_of(data_), End::in_order);
}

TEST_F(TcpRelaysTest, EndsWhenThePeerResets) {
  join();
  net::reset_on_close(peer_);
  peer_.reset();
  EXPECT_EQ(end_of(data_), End::in_order);
  expect_connections(0);
}

TEST_F(TcpRelaysTest, EndsWhenTheClientResets) {
  join();
  net::reset_on_close(data_);
  data_.reset();
  EXPECT_EQ(end_of(peer_), End::in_order);
  expect_connections(0);
}

TEST_F(TcpRelaysTest, DropsWhatWaitsForAClientThatResets) {
  join();
  ASSERT_LT(push(peer_, Bytes(kVeryMuch)), kVeryMuch);
  net::reset_on_close(data_);
  data_.reset();
  EXPECT_TRUE(work_until([this] { return tcp_.size() == 0; }));
  expect_connections(0);
}

TEST_F(TcpRelaysTest, EndsWhenHalfOfItIsClosedAndTheRestSilentForFourMinutes) {
  join();
  net::end_sending(data_);
  work();
  tick_after(seconds(200));
  // What is said renews the time.
  send(peer_, as_bytes("still here"));
  EXPECT_EQ(receive_text(data_, 10), "still here");
  tick_after(seconds(240));
  expect_connections(1);
  tick_after(seconds(1));
  expect_connections(0);
  EXPECT_EQ(end_of(data_), End::in_order);
}

TEST_F(TcpRelaysTest, MayBeSilentForAsLongAsTheAllocationLives) {
  join();
  tick_after(seconds(599));
  expect_connections(1);
  for (int i = 0; i < 3; ++i) tick_after(seconds(1));
  expect_connections(0);
  EXPECT_EQ(end_of(data_), End::in_order);
  EXPECT_EQ(end_of(peer_), End::in_order);
}

TEST_F(TcpRelaysTest, ResetsAPeerWhoseConnectionNobodyBinds) {
  allocate();
  const uint32_t id = reach_the_peer();
  tick_after(seconds(29));
  expect_connections(1);
  tick_after(seconds(1));
  expect_connections(0);
  EXPECT_EQ(end_of(peer_), End::reset);
  const net::Fd late = connect();
  send(late, bind_request(id));
  EXPECT_EQ(receive_message(late).error(), 400);
}

TEST_F(TcpRelaysTest, EndsWithTheControlConnection) {
  join();
  const net::Fd bound = std::move(peer_);
  permit_the_peer();
  let_the_peer_in();
  expect_connections(2);
  control_.reset();
  EXPECT_EQ(end_of(data_), End::in_order);
  EXPECT_EQ(end_of(bound), End::in_order);
  EXPECT_EQ(end_of(peer_), End::reset);
  expect_connections(0);
}

TEST_F(TcpRelaysTest, ForgetsAConnectionWhoseClientLeavesInTheSameTurn) {
  allocate();
  reach_the_peer();
  tcp_.carry_out(turn::BindLink{latest_, make_link(LinkKind::stream, {77, 0})});
  expect_connections(0);
  EXPECT_EQ(counters.streams_bound.get(), 0U);
}

struct WithARate : TcpRelaysTest {
  WithARate() {
    turn::Settings settings = core.settings;
    settings.session.bytes_per_s = 100'000;
    core.use_settings(settings);
  }
};

TEST_F(WithARate, DoesNotReadWhatMayNotBeRelayedYet) {
  join();
  // A fifth of a second's worth may be saved up, and less than a kilobyte of it is not worth it.
  const Bytes sent(30'000);
  EXPECT_EQ(push(peer_, sent), sent.size());
  EXPECT_TRUE(work_until([this] { return counters.pipes_slowed.get() > 0; }));
  const uint64_t relayed = core.count(&turn::Counters::tcp_to_client_bytes);
  EXPECT_LE(relayed, 20'000U);
  EXPECT_GT(relayed, 20'000U - 1024U);
  // The other direction has its own.
  send(data_, as_bytes("hello"));
  EXPECT_EQ(receive_text(peer_, 5), "hello");
  core.advance(seconds(1));
  EXPECT_EQ(receive(data_, sent.size()).size(), sent.size());
}

// Its control connection is plain.
struct DataOverTls : TcpRelaysTest {
  // Here nothing is lost when a small buffer is full, so that nothing waits to be sent again.
  net::Fd connect_without_tcp() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    net::Fd ours(ends[0]);
    net::Fd theirs(ends[1]);
    set_buffers(ours, 4096);
    set_buffers(theirs, 4096);
    clients_.open(
        {std::move(theirs), testing::endpoint("127.0.0.1:40000"), net::local_endpoint(listener_)});
    return ours;
  }
  // What has come of the server's since, decrypted.
  std::string receive_tls(size_t size) {
    std::string text;
    const bool came = work_until([&] {
      Bytes room(65536);
      const ssize_t got = ::recv(data_.get(), room.data(), room.size(), MSG_DONTWAIT);
      if (got > 0) tls_.give(ByteView(room).first(static_cast<size_t>(got)));
      text += tls_.read();
      return text.size() >= size;
    });
    EXPECT_TRUE(came) << text.size() << " of " << size;
    return text;
  }
  void send_tls(std::string_view text) {
    tls_.write(std::string(text));
    send(data_, tls_.take_output());
  }
  // `first_words` follow in records of their own.
  void join_over_tls(std::string_view first_words = {}) {
    allocate();
    const uint32_t id = reach_the_peer();
    data_ = connect_without_tcp();
    shake_hands(tls_, data_);
    tls_.write(std::string(as_text(bind_request(id))));
    if (!first_words.empty()) tls_.write(std::string(first_words));
    send(data_, tls_.take_output());
    receive_tls(stun::kHeaderSize);
    ASSERT_EQ(counters.streams_bound.get(), 1U);
  }
  bool was_told_of_the_end() { return SSL_get_shutdown(tls_.ssl()) == SSL_RECEIVED_SHUTDOWN; }

  testing::TlsClient tls_;
};

TEST_F(DataOverTls, CarriesBothWays) {
  join_over_tls();
  send_tls("to the peer");
  EXPECT_EQ(receive_text(peer_, 11), "to the peer");
  send(peer_, as_bytes("to the client"));
  EXPECT_EQ(receive_tls(13), "to the client");
}

TEST_F(DataOverTls, PassesOnWhatFollowsConnectionBindAtOnce) {
  join_over_tls("first words");
  EXPECT_EQ(receive_text(peer_, 11), "first words");
  EXPECT_EQ(core.count(&turn::Counters::tcp_to_peer_bytes), 11U);
}

TEST_F(DataOverTls, PassesThePeersEndOnAsCloseNotify) {
  join_over_tls();
  send(peer_, as_bytes("bye"));
  net::end_sending(peer_);
  EXPECT_EQ(receive_tls(3), "bye");
  EXPECT_TRUE(work_until([this] {
    receive_tls(0);
    return was_told_of_the_end();
  }));
  EXPECT_EQ(end_of(data_), End::in_order);
  send_tls("one more thing");
  EXPECT_EQ(receive_text(peer_, 14), "one more thing");
}

TEST_F(DataOverTls, PassesTheClientsCloseNotifyOnAndStillCarriesTheOtherDirection) {
  join_over_tls();
  tls_.write("question");
  SSL_shutdown(tls_.ssl());
  send(data_, tls_.take_output());
  EXPECT_EQ(receive_text(peer_, 8), "question");
  EXPECT_EQ(end_of(peer_), End::in_order);
  send(peer_, as_bytes("answer"));
  EXPECT_EQ(receive_tls(6), "answer");
  expect_connections(1);
}

TEST_F(DataOverTls, EndsWithARecordThatIsBroken) {
  join_over_tls();
  tls_.write("altered");
  auto record = tls_.take_output();
  record.back() ^= 1;
  send(data_, record);
  EXPECT_EQ(end_of(peer_), End::in_order);
  expect_connections(0);
}

TEST_F(DataOverTls, IsNotReadWhileItWantsNewKeysAndDoesNotReadTheAnswers) {
  join_over_tls();
  for (int i = 0; i < 4'000; ++i) {
    ASSERT_EQ(SSL_key_update(tls_.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(tls_.ssl()), 1);
  }
  const auto updates = tls_.take_output();
  const size_t taken = push(data_, updates);
  EXPECT_LT(taken, updates.size());
  expect_connections(1);
  // And goes on once they are read.
  ByteView rest = ByteView(updates).subspan(taken);
  EXPECT_TRUE(work_until([&] {
    receive_tls(0);
    rest = rest.subspan(send_some(data_, rest));
    return rest.empty();
  })) << rest.size();
  send_tls("new keys");
  EXPECT_EQ(receive_text(peer_, 8), "new keys");
  send(peer_, as_bytes("on both sides"));
  EXPECT_EQ(receive_tls(13), "on both sides");
}

}  // namespace
}  // namespace turnpike::server
