// A server over TCP that is played by the test: it answers Binding requests, and connects back to
// those who ask for it. What a NAT would not let in, it does not try.
#pragma once

#include <algorithm>
#include <functional>
#include <list>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "net/event_loop.h"
#include "net/tcp.h"
#include "net/tcp_connect.h"
#include "net/tcp_probe.h"
#include "stun/connect_back.h"
#include "stun/stream_framer.h"
#include "unit/client/conversation.h"

namespace turnpike::client {

inline const Ip kHost = Ip::v4(0x7f000001);
inline const Ip kServer = Ip::v4(0x7f000002);
inline const Ip kOther = Ip::v4(0x7f000003);

class TcpStandIn {
 public:
  TcpStandIn(net::EventLoop& loop, const Ip& ip)
      : loop_(loop),
        listener_(*net::listen_tcp({ip, 0}, net::ReusePort::no)),
        address_(net::local_endpoint(listener_)),
        watch_(loop.watch(listener_.get(), [this] { accept(); })) {}

  [[nodiscard]] const Endpoint& address() const { return address_; }
  // Where the latest connection came from.
  [[nodiscard]] const Endpoint& latest_client() const { return clients_.back().from; }

  // What it says of its other address.
  std::optional<Endpoint> other;
  // What the NAT lets in: connections from these addresses.
  std::vector<Ip> let_in;
  // Says something else than usual; an empty answer is none.
  std::function<std::optional<Bytes>(const Bytes& request)> instead;
  bool hangs_up = false;   // At the first word.
  int hangs_up_after = 0;  // So many requests to connect; 0: never.

  // Signed requests to connect, from this address and from the other one.
  int asked_same = 0;
  int asked_other = 0;
  int connections = 0;

 private:
  struct Client {
    net::Fd fd;
    Endpoint from;
    stun::StreamFramer framer;
    net::Watch watch;  // After the descriptor: it goes first.
  };
  using Place = std::list<Client>::iterator;

  void accept() {
    auto accepted = net::accept_tcp(listener_);
    if (!accepted) return;
    ++connections;
    const Place place = clients_.insert(
        clients_.end(), Client{std::move(accepted->fd), accepted->peer, {}, net::Watch()});
    place->watch = loop_.watch(place->fd.get(), [this, place] { read(place); });
  }
  void read(Place place) {
    Bytes room(4096);
    const net::StreamRead read = net::read_stream(place->fd, room);
    if (read.result == net::StreamResult::closed || hangs_up) return drop(place);
    ByteView bytes = read.bytes;
    while (true) {
      const auto frame = place->framer.next(bytes);
      if (!frame || !*frame) return;
      const Bytes answer = answer_to({(*frame)->bytes.begin(), (*frame)->bytes.end()}, place->from);
      if (!answer.empty()) net::write_stream(place->fd, answer);
      if (hangs_up_after > 0 && asked_same == hangs_up_after) return drop(place);
    }
  }
  void drop(Place place) {
    net::reset_on_close(place->fd);
    clients_.erase(place);
  }
  Bytes answer_to(const Bytes& request, const Endpoint& from) {
    if (instead) {
      if (const auto other_answer = instead(request)) return *other_answer;
    }
    if (method_of(request) == stun::Method::binding) {
      return testing::make_message(
          stun::Method::binding, stun::Class::success, testing::parsed(request).transaction_id(),
          [&](stun::MessageBuilder& builder) {
            builder.add_xor_address(stun::AttributeType::xor_mapped_address, from);
            if (other) builder.add_address(stun::AttributeType::other_address, *other);
          });
    }
    EXPECT_EQ(method_of(request), stun::kConnectBackMethod);
    if (!has(request, stun::AttributeType::username)) return Conversation::challenge(request);
    const bool elsewhere = has(request, stun::AttributeType::change_request);
    ++(elsewhere ? asked_other : asked_same);
    connect_back(elsewhere && other ? other->ip : address_.ip, from);
    return Conversation::success(request);
  }
  void connect_back(const Ip& source, const Endpoint& target) {
    if (std::find(let_in.begin(), let_in.end(), source) == let_in.end()) return;
    auto fd = net::connect_from({source, 0}, target);
    ASSERT_TRUE(fd.has_value());
    connected_.push_back(std::move(*fd));
  }

  net::EventLoop& loop_;
  net::Fd listener_;
  Endpoint address_;
  std::list<Client> clients_;
  std::vector<net::Fd> connected_;
  net::Watch watch_;
};

}  // namespace turnpike::client
