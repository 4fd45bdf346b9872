#include "server/forwarding.h"

#include <utility>

namespace turnpike::server {
namespace {

void append(std::vector<uint8_t>& to, ByteView bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// As the worker that has the link names it.
turn::ClientRoute at_home(turn::ClientRoute route) {
  route.link.worker = turn::LinkId::kHere;
  return route;
}

}  // namespace

Forwarding::Letters& Forwarding::letters_for(uint32_t worker) {
  if (worker >= letters_.size()) letters_.resize(worker + 1);
  return letters_[worker];
}

void Forwarding::add(const turn::ToClient& packet) {
  ToLinks& letter = letters_for(packet.link.worker).to_links;
  turn::LinkId link = packet.link;
  link.worker = turn::LinkId::kHere;
  letter.items.push_back({link, packet.client, packet.server_ip, packet.precious,
                          packet.head.size() + packet.body.size()});
  append(letter.bytes, packet.head);
  append(letter.bytes, packet.body);
}

void Forwarding::add(const turn::ToOwner& packet) {
  FromLinks& letter = letters_for(packet.worker).from_links;
  turn::ClientRoute from = packet.from;
  from.link.worker = worker_;
  letter.items.push_back({from, packet.packet.size()});
  append(letter.bytes, packet.packet);
}

size_t Forwarding::post_all() {
  size_t lost = 0;
  const auto post_packets = [&](uint32_t worker, auto& letter) {
    const size_t count = letter.items.size();
    if (count > 0 && !post_(worker, std::exchange(letter, {}))) lost += count;
  };
  for (uint32_t worker = 0; worker < letters_.size(); ++worker) {
    post_packets(worker, letters_[worker].to_links);
    post_packets(worker, letters_[worker].from_links);
  }
  return lost;
}

void Forwarding::post(const turn::RouteHeld& event) {
  static_cast<void>(post_(event.route.link.worker,
                          turn::RouteHeld{event.owner, at_home(event.route), event.deadline}));
}

void Forwarding::post(const turn::RouteReleased& event) {
  static_cast<void>(
      post_(event.route.link.worker, turn::RouteReleased{event.owner, at_home(event.route)}));
}

void Forwarding::post(const turn::RouteLost& event) {
  turn::RouteLost lost = event;
  lost.route.link.worker = worker_;
  static_cast<void>(post_(event.owner, lost));
}

void for_each_packet(const ToLinks& letter,
                     const std::function<void(const turn::ToClient&)>& visit) {
  ByteView bytes = letter.bytes;
  for (const ToLinks::Item& item : letter.items) {
    visit({item.link, item.client, item.server_ip, {}, bytes.first(item.size), item.precious});
    bytes = bytes.subspan(item.size);
  }
}

void for_each_packet(const FromLinks& letter,
                     const std::function<void(const turn::ClientRoute&, ByteView)>& visit) {
  ByteView bytes = letter.bytes;
  for (const FromLinks::Item& item : letter.items) {
    visit(item.from, bytes.first(item.size));
    bytes = bytes.subspan(item.size);
  }
}

}  // namespace turnpike::server
