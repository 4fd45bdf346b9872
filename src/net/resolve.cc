#include "net/resolve.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include <netdb.h>

#include "net/socket.h"

namespace turnpike::net {
namespace {

struct FreeList {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

}  // namespace

Result<std::vector<Ip>, std::string> resolve(const std::string& host) {
  if (const auto ip = Ip::parse(host)) return std::vector<Ip>{*ip};

  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* raw = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw);
  const std::unique_ptr<addrinfo, FreeList> list(raw);
  if (error != 0) return unexpected(std::string(::gai_strerror(error)));

  std::vector<Ip> found;
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    SockAddr address{};
    std::memcpy(&address, entry->ai_addr, std::min<size_t>(sizeof(address), entry->ai_addrlen));
    const Ip ip = from_sockaddr(address).ip;
    if (std::find(found.begin(), found.end(), ip) == found.end()) found.push_back(ip);
  }
  if (found.empty()) return unexpected(std::string("the name has no address"));
  return found;
}

}  // namespace turnpike::net
