#include "server/alternate_probe.h"

#include "stun/builder.h"
#include "stun/demux.h"
#include "stun/message.h"

namespace turnpike::server {

AlternateProbe::AlternateProbe(const AlternateQuestion& question, net::EventLoop& loop,
                               RandomSource& random,
                               std::shared_ptr<const net::TlsClientContext> tls, Done done)
    : id_(random.bytes<12>()),
      request_(stun::kHeaderSize),
      done_(std::move(done)),
      repeats_(!is_stream(question.transport)) {
  stun::MessageBuilder builder(request_, stun::Method::binding, stun::Class::request, id_);
  request_.resize(builder.finish().size());
  auto link = client::ServerLink::open({.transport = question.transport,
                                        .server = question.address,
                                        .host = question.address.ip.to_string(),
                                        .tls = std::move(tls)},
                                       loop, nullptr,
                                       {.on_packet = [this](ByteView bytes) { on_packet(bytes); },
                                        .on_broken = [this] { give_up(); }});
  if (!link) {
    give_up();
    return;
  }
  link_ = std::move(*link);
  ask();
}

void AlternateProbe::on_tick() {
  if (!finished_ && repeats_) ask();
}

void AlternateProbe::ask() {
  link_->send(request_);
  link_->flush();
}

void AlternateProbe::on_packet(ByteView bytes) {
  if (stun::classify_datagram(bytes) != stun::PacketKind::stun) return;
  const auto message = stun::MessageView::parse(bytes);
  if (!message || message->method() != stun::Method::binding || message->transaction_id() != id_) {
    return;
  }
  if (message->message_class() == stun::Class::success ||
      message->message_class() == stun::Class::error) {
    finish(AlternateHealth::Result::answered);
  }
}

void AlternateProbe::finish(AlternateHealth::Result result) {
  if (finished_) return;
  finished_ = true;
  done_(result);
}

}  // namespace turnpike::server
