// external-ip=auto: finds the public IPv4 address of this host, and follows it.
//
// STUN is asked first; when it is silent for a while the metadata service of the cloud, and web
// pages last. Who answers first wins a round. Rounds repeat; one that finds nothing changes
// nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/discovery.h"
#include "client/http_address.h"
#include "net/event_loop.h"
#include "net/resolver.h"

namespace turnpike::server {

struct ExternalAddressSettings {
  std::vector<std::string> stun;  // HOST[:PORT]; what can't be parsed is left out, with a warning.
  bool metadata = true;
  std::vector<std::string> http;  // http:// URLs
  Duration interval = seconds(60);
};

class ExternalAddress {
 public:
  // From then on allocations get the local address, until there is a better one.
  static constexpr Duration kPatience = milliseconds(4500);

  // `loop` outlives it. `on_known` is called from the loop with the first address and each other
  // one; with nothing when kPatience is over without one.
  ExternalAddress(net::EventLoop& loop, ExternalAddressSettings settings,
                  std::function<void(std::optional<Ip>)> on_known);
  ExternalAddress(const ExternalAddress&) = delete;
  ExternalAddress& operator=(const ExternalAddress&) = delete;

  // The addresses of this host have changed: look now.
  void look();

 private:
  void ask_stun();
  void ask_metadata();
  void ask_pages();
  void ask_page(const Ip& server, const client::HttpPage& page, const std::string& way);
  void on_stun(const client::DiscoveryReport& report);
  void on_found(const Ip& ip, const std::string& way);
  void end_round();

  net::EventLoop& loop_;
  ExternalAddressSettings settings_;
  std::function<void(std::optional<Ip>)> on_known_;
  RandomSource random_;
  std::vector<client::ServerName> servers_;
  std::vector<client::HttpUrl> pages_;
  std::optional<Ip> known_;

  // One round.
  std::unique_ptr<client::Discovery> discovery_;
  std::unique_ptr<net::Resolver> resolver_;
  std::vector<std::unique_ptr<client::HttpAddress>> questions_;
  net::Watch metadata_at_;
  net::Watch pages_at_;
  net::Watch ends_at_;

  net::Watch next_round_;
  net::Watch patience_over_;
  net::Watch ending_;
};

}  // namespace turnpike::server
