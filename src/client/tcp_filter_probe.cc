#include "client/tcp_filter_probe.h"

#include <algorithm>
#include <cerrno>

#include "client/answer.h"
#include "client/binding_exchange.h"
#include "net/tcp.h"
#include "net/tcp_connect.h"
#include "net/tcp_probe.h"
#include "stun/attributes.h"
#include "stun/builder.h"
#include "stun/connect_back.h"

namespace turnpike::client {
namespace {

using stun::Class;
using stun::ErrorCode;

// At 30 % loss each way a connection that the server tries for four seconds (three SYNs) fails
// about once in ten times: of five at least one comes through but in one case of 100,000.
constexpr int kTriesOfEachKind = 5;

}  // namespace

TcpFilterProbe::TcpFilterProbe(net::EventLoop& loop, RandomSource& random,
                               const Credentials& credentials, const Endpoint& local,
                               std::vector<Endpoint> servers,
                               std::function<void(const TcpFiltering&)> on_done,
                               const TcpFilterPatience& patience)
    : loop_(loop),
      random_(random),
      credentials_(credentials),
      local_(local),
      servers_(std::move(servers)),
      on_done_(std::move(on_done)),
      patience_(patience),
      why_("no server was reached") {
  // Through the loop, so that nothing is told from within the constructor.
  timer_ = loop_.after(Duration::zero(), [this] { next_server(); });
}

TcpFilterProbe::~TcpFilterProbe() = default;

void TcpFilterProbe::set_timer(Duration wait) {
  timer_ = loop_.after(wait, [this] {
    if (stage_ == Stage::waiting) return conclude();
    give_up(server_.to_string() +
            (stage_ == Stage::binding ? " does not answer over TCP" : " does not connect back"));
  });
}

void TcpFilterProbe::give_up(const std::string& why) {
  why_ = why;
  // Through the loop: we may have been called by the link.
  timer_ = loop_.after(Duration::zero(), [this] { next_server(); });
}

void TcpFilterProbe::next_server() {
  acceptable_.reset();
  link_.reset();
  listener_.reset();
  if (next_ == servers_.size()) {
    return finish({.note = "filtering over TCP is unknown: " + why_});
  }
  server_ = servers_[next_++];
  stage_ = Stage::binding;
  other_.reset();
  auth_.emplace(credentials_);
  auto listener = net::listen_alone(local_);
  if (!listener) {
    const bool taken = listener.error() == EADDRINUSE;
    return finish({.note = taken ? "filtering over TCP can't be tested beside the program that "
                                   "listens on the port"
                                 : "filtering over TCP can't be tested: no port to listen on"});
  }
  listener_ = std::move(*listener);
  const Endpoint from{local_.ip, net::local_endpoint(listener_).port};
  auto fd = net::connect_from(from, server_);
  if (!fd) return give_up(server_.to_string() + " can't be reached");
  acceptable_ = loop_.watch(listener_.get(), [this] { on_accepted(); });
  link_ = ServerLink::over_connection(std::move(*fd), loop_,
                                      {.on_packet = [this](ByteView packet) { on_packet(packet); },
                                       .on_broken =
                                           [this] {
                                             // Once the server has agreed, what it does does not
                                             // depend on this connection.
                                             if (stage_ != Stage::waiting)
                                               give_up(server_.to_string() + ": no connection");
                                           }});
  link_->reset_on_close();
  random_.fill(id_);
  link_->send(make_binding_request(id_, {}));
  link_->flush();
  set_timer(patience_.answer);
}

void TcpFilterProbe::on_packet(ByteView packet) {
  if (stage_ == Stage::binding) return on_binding(packet);
  const auto message = stun::MessageView::parse(packet);
  if (message && message->method() == stun::kConnectBackMethod) on_answer(*message);
}

void TcpFilterProbe::on_binding(ByteView packet) {
  if (answered_id(packet) != id_) return;
  const auto answer = parse_binding_answer(packet);
  if (!answer || answer->error != 0) return give_up(server_.to_string() + " refuses Binding");
  if (answer->other_address && answer->other_address->ip != server_.ip) {
    other_ = answer->other_address;
  }
  stage_ = Stage::first_request;
  ask(false);
  set_timer(patience_.answer);
}

void TcpFilterProbe::ask(bool other_address) {
  random_.fill(id_);
  if (other_address) other_ids_.push_back(id_);
  asked_in_ = auth_->epoch();
  std::vector<uint8_t> room(stun::kHeaderSize + 8 + auth_->signature_size() + 8);
  stun::MessageBuilder builder(room, stun::kConnectBackMethod, Class::request, id_);
  if (other_address) builder.add_change_request({.change_ip = true, .change_port = false});
  auth_->sign(builder);
  link_->send(builder.finish());
  link_->flush();
}

void TcpFilterProbe::on_answer(const stun::MessageView& answer) {
  if (answer.message_class() == Class::error && stage_ == Stage::first_request &&
      answer.transaction_id() == id_) {
    const auto code = static_cast<ErrorCode>(error_code(answer));
    const bool challenge = code == ErrorCode::unauthenticated || code == ErrorCode::stale_nonce;
    if (!challenge) {
      return give_up(server_.to_string() + " refuses to connect back (" +
                     std::to_string(error_code(answer)) + ")");
    }
    if (auth_->learn(answer, asked_in_)) {
      return give_up(server_.to_string() + " does not accept the user and password");
    }
    return ask(false);
  }
  if (answer.message_class() != Class::success || asked_in_ == 0 || !auth_->verify(answer)) return;
  const auto& id = answer.transaction_id();
  if (std::find(other_ids_.begin(), other_ids_.end(), id) != other_ids_.end()) {
    other_granted_ = true;
  }
  if (stage_ == Stage::first_request && id == id_) send_rest();
}

void TcpFilterProbe::send_rest() {
  stage_ = Stage::waiting;
  for (int i = 1; i < kTriesOfEachKind; ++i) ask(false);
  for (int i = 0; i < kTriesOfEachKind && other_; ++i) ask(true);
  set_timer(patience_.arrival);
}

void TcpFilterProbe::on_accepted() {
  while (true) {
    const auto accepted = net::accept_tcp(listener_);
    if (!accepted) {
      if (accepted.error() == net::AcceptError::try_next) continue;
      return;
    }
    net::reset_on_close(accepted->fd);
    // Anybody may connect to a port that is open to the world; these two count.
    if (accepted->peer.ip == server_.ip) port_reached_ = true;
    if (other_ && accepted->peer.ip == other_->ip) {
      timer_ = loop_.after(Duration::zero(),
                           [this] { finish({.filtering = NatBehavior::endpoint_independent}); });
      acceptable_.reset();
      return;
    }
  }
}

void TcpFilterProbe::conclude() {
  const bool both = other_ && other_granted_;
  if (!port_reached_) return finish({.filtering = NatBehavior::address_and_port_dependent});
  if (both) return finish({.filtering = NatBehavior::address_dependent});
  finish({.note = "filtering over TCP is not by port; whether it is by address takes a server with "
                  "two addresses"});
}

void TcpFilterProbe::finish(const TcpFiltering& told) {
  stage_ = Stage::over;
  timer_.reset();
  acceptable_.reset();
  link_.reset();
  listener_.reset();
  const auto on_done = std::move(on_done_);
  on_done(told);
}

}  // namespace turnpike::client
