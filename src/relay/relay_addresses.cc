#include "relay/relay_addresses.h"

#include <algorithm>

namespace turnpike::relay {

RelayAddresses::RelayAddresses(std::vector<Ip> relay_ips, std::vector<ExternalIp> external_ips,
                               std::shared_ptr<const net::HostAddresses> host)
    : relay_ips_(std::move(relay_ips)),
      external_ips_(std::move(external_ips)),
      host_(std::move(host)) {}

void RelayAddresses::choose(const turn::OpenRequest& request, size_t turn,
                            std::vector<Ip>& out) const {
  out.clear();
  if (relay_ips_.empty()) {
    choose_from_host(request, out);
    return;
  }
  for (size_t i = 0; i < relay_ips_.size(); ++i) {
    const Ip& ip = relay_ips_[(i + turn) % relay_ips_.size()];
    const bool allowed = !ip.is_loopback() || request.client_ip.is_loopback();
    if (ip.family() == request.family && allowed) out.push_back(ip);
  }
}

void RelayAddresses::choose_from_host(const turn::OpenRequest& request,
                                      std::vector<Ip>& out) const {
  const auto add = [&](const Ip& ip) {
    if (is_usable(ip, request) && std::find(out.begin(), out.end(), ip) == out.end()) {
      out.push_back(ip);
    }
  };
  add(request.server_ip);
  const std::optional<Ip>& source =
      request.family == IpFamily::v4 ? host_->default_v4 : host_->default_v6;
  if (source && out.empty()) add(*source);
  // A client on this very host that asks for the other family, on a host without the Internet.
  for (const net::LocalAddress& address : host_->addresses) {
    if (out.empty() && address.ip.is_loopback()) add(address.ip);
  }
}

bool RelayAddresses::is_usable(const Ip& ip, const turn::OpenRequest& request) const {
  if (ip.family() != request.family || ip.is_unspecified() || ip.is_link_local()) return false;
  if (ip.is_loopback() && !request.client_ip.is_loopback()) return false;
  // An address that we don't know may be newer than our list; bind() will tell.
  const net::LocalAddress* known = host_->find(ip);
  return known == nullptr || known->lasting();
}

Ip RelayAddresses::external_of(const Ip& local) const {
  const Ip* general = nullptr;
  for (const ExternalIp& entry : external_ips_) {
    if (entry.internal == local) return entry.external;
    // Nobody outside reaches a loopback address, so no external address can stand for it.
    const bool fits = !entry.internal && entry.external.family() == local.family();
    if (fits && !local.is_loopback() && general == nullptr) general = &entry.external;
  }
  return general == nullptr ? local : *general;
}

}  // namespace turnpike::relay
