#include "server/external_address.h"

#include <algorithm>

#include "base/log.h"

namespace turnpike::server {
namespace {

// When the next way is tried, counted from the beginning of a round. All are over before kPatience.
constexpr Duration kMetadataAfter = milliseconds(1500);
constexpr Duration kPagesAfter = milliseconds(2500);
constexpr Duration kRound = milliseconds(4400);
constexpr Duration kStunPatience = milliseconds(4200);
// One server's word is enough here, but servers that disagree are to be heard.
constexpr Duration kSecondOpinion = milliseconds(700);
constexpr Duration kPagePatience = milliseconds(1800);
// As long as nothing is known.
constexpr Duration kImpatience = seconds(10);

}  // namespace

ExternalAddress::ExternalAddress(net::EventLoop& loop, ExternalAddressSettings settings,
                                 std::function<void(std::optional<Ip>)> on_known)
    : loop_(loop), settings_(std::move(settings)), on_known_(std::move(on_known)) {
  for (const std::string& text : settings_.stun) {
    if (const auto server = client::ServerName::parse(text)) {
      servers_.push_back(*server);
    } else {
      log_warning("external_ip_server_ignored", {{"server", text}});
    }
  }
  for (const std::string& text : settings_.http) {
    if (const auto url = client::HttpUrl::parse(text)) {
      pages_.push_back(*url);
    } else {
      log_warning("external_ip_server_ignored", {{"server", text}});
    }
  }
  patience_over_ = loop_.after(kPatience, [this] {
    if (!known_) on_known_(std::nullopt);
  });
  look();
}

void ExternalAddress::look() {
  end_round();
  const bool stun = !servers_.empty();
  const bool metadata = settings_.metadata;
  if (stun) ask_stun();
  if (metadata) {
    const Duration wait = stun ? kMetadataAfter : Duration::zero();
    metadata_at_ = loop_.after(wait, [this] { ask_metadata(); });
  }
  if (!pages_.empty()) {
    const Duration wait = stun || metadata ? kPagesAfter : Duration::zero();
    pages_at_ = loop_.after(wait, [this] { ask_pages(); });
  }
  ends_at_ = loop_.after(kRound, [this] { end_round(); });
  const Duration next = known_ ? settings_.interval : std::min(settings_.interval, kImpatience);
  // No round is cut short by the next one.
  next_round_ = loop_.after(std::max(next, kRound), [this] { look(); });
}

// Called from within callbacks of what it destroys, which allow for that.
void ExternalAddress::end_round() {
  metadata_at_.reset();
  pages_at_.reset();
  ends_at_.reset();
  discovery_.reset();
  resolver_.reset();
  questions_.clear();
}

void ExternalAddress::ask_stun() {
  client::DiscoveryOptions options;
  options.servers = servers_;
  options.family = IpFamily::v4;
  options.patience = kStunPatience;
  options.second_opinion = kSecondOpinion;
  discovery_ = std::make_unique<client::Discovery>(
      loop_, random_, std::move(options),
      [this](const client::DiscoveryReport& report) { on_stun(report); });
}

void ExternalAddress::on_stun(const client::DiscoveryReport& report) {
  if (const auto seen = client::public_ip_seen(report.result)) return on_found(*seen, "stun");
  std::string told;
  for (const client::ServerReport& server : report.result.servers) {
    if (server.mapped) told += (told.empty() ? "" : ", ") + server.mapped->ip.to_string();
  }
  if (!told.empty()) log_warning("external_ip_unclear", {{"servers_see", told}});
}

void ExternalAddress::ask_metadata() {
  for (const client::HttpPage& page : client::metadata_pages()) {
    if (const auto ip = Ip::parse(page.url.host)) ask_page(*ip, page, "metadata");
  }
}

void ExternalAddress::ask_pages() {
  resolver_ = std::make_unique<net::Resolver>(loop_);
  for (const client::HttpUrl& url : pages_) {
    resolver_->resolve(url.host, IpFamily::v4, [this, url](const net::Resolver::Addresses& found) {
      if (!found) return;
      const auto v4 =
          std::find_if(found->begin(), found->end(), [](const Ip& ip) { return ip.is_v4(); });
      if (v4 != found->end()) ask_page(*v4, {.url = url}, url.host);
    });
  }
}

void ExternalAddress::ask_page(const Ip& server, const client::HttpPage& page,
                               const std::string& way) {
  questions_.push_back(std::make_unique<client::HttpAddress>(loop_, server, page, kPagePatience,
                                                             [this, way](std::optional<Ip> ip) {
                                                               if (ip) on_found(*ip, way);
                                                             }));
}

void ExternalAddress::on_found(const Ip& ip, const std::string& way) {
  patience_over_.reset();
  // Not here: what called us is part of the round.
  ending_ = loop_.after(Duration::zero(), [this] { end_round(); });
  if (known_ == ip) return;
  log_info("external_ip_found", {{"address", ip.to_string()}, {"by", way}});
  known_ = ip;
  next_round_ = loop_.after(settings_.interval, [this] { look(); });
  on_known_(ip);
}

}  // namespace turnpike::server
