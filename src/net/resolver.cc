#include "net/resolver.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <event2/dns.h>
#include <event2/util.h>
#include <netdb.h>

#include "net/socket.h"

namespace turnpike::net {
namespace {

std::vector<Ip> addresses_of(const evutil_addrinfo* list) {
  std::vector<Ip> found;
  for (const evutil_addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    SockAddr address{};
    std::memcpy(&address, entry->ai_addr, std::min<size_t>(sizeof(address), entry->ai_addrlen));
    const Ip ip = from_sockaddr(address).ip;
    if (std::find(found.begin(), found.end(), ip) == found.end()) found.push_back(ip);
  }
  return found;
}

struct FreeBase {
  void operator()(evdns_base* base) const { evdns_base_free(base, 1); }
};

}  // namespace

// Owned by libevent from the asking to the callback, and by nobody else. `owner` is what tells
// whether anybody still wants to know.
struct Resolver::Request {
  State* owner;
  Callback callback;
  evdns_getaddrinfo_request* handle = nullptr;
};

struct Resolver::State {
  EventLoop* loop;
  std::unique_ptr<evdns_base, FreeBase> dns;
  std::vector<Request*> open;
  std::vector<Watch> literals;

  static void on_answer(int error, evutil_addrinfo* raw, void* self) noexcept {
    const std::unique_ptr<Request> request(static_cast<Request*>(self));
    const std::unique_ptr<evutil_addrinfo, void (*)(evutil_addrinfo*)> list(raw,
                                                                            evutil_freeaddrinfo);
    State* owner = request->owner;
    if (owner == nullptr) return;
    owner->open.erase(std::find(owner->open.begin(), owner->open.end(), request.get()));
    Addresses found = addresses_of(list.get());
    if (error != 0) {
      found = unexpected(std::string(evutil_gai_strerror(error)));
    } else if (found->empty()) {
      found = unexpected(std::string("the name has no address"));
    }
    request->callback(found);
  }
};

Resolver::Resolver(EventLoop& loop) : state_(std::make_unique<State>()) {
  state_->loop = &loop;
  constexpr int kFlags = EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE;
  state_->dns.reset(evdns_base_new(&loop.base(), kFlags));
  if (state_->dns == nullptr) {
    // A system without name servers still has its hosts file.
    state_->dns.reset(evdns_base_new(&loop.base(), EVDNS_BASE_DISABLE_WHEN_INACTIVE));
    if (state_->dns != nullptr) evdns_base_load_hosts(state_->dns.get(), "/etc/hosts");
  }
}

Resolver::~Resolver() {
  for (Request* request : std::exchange(state_->open, {})) {
    request->owner = nullptr;
    // Calls back, maybe at once, and that gives the request back.
    if (request->handle != nullptr) evdns_getaddrinfo_cancel(request->handle);
  }
}

void Resolver::resolve(const std::string& host, Callback callback) {
  if (const auto ip = Ip::parse(host)) {
    state_->literals.push_back(state_->loop->after(
        Duration::zero(),
        [answer = std::move(callback), found = *ip] { answer(std::vector<Ip>{found}); }));
    return;
  }
  if (state_->dns == nullptr) {
    state_->literals.push_back(
        state_->loop->after(Duration::zero(), [answer = std::move(callback)] {
          answer(unexpected(std::string("there is no resolver")));
        }));
    return;
  }
  evutil_addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  auto request = std::make_unique<Request>(Request{nullptr, std::move(callback)});
  Request* raw = request.release();
  // Names in the hosts file are answered from within this call; what comes from within goes back
  // through the loop, so that no caller is surprised.
  raw->owner = state_.get();
  state_->open.push_back(raw);
  auto inner = std::move(raw->callback);
  EventLoop* loop = state_->loop;
  State* state = state_.get();
  raw->callback = [loop, state, answer = std::move(inner)](const Addresses& found) {
    state->literals.push_back(loop->after(Duration::zero(), [answer, found] { answer(found); }));
  };
  evdns_getaddrinfo_request* handle =
      evdns_getaddrinfo(state_->dns.get(), host.c_str(), nullptr, &hints, State::on_answer, raw);
  // Null: it was answered, and `raw` is gone.
  if (handle != nullptr) raw->handle = handle;
}

}  // namespace turnpike::net
