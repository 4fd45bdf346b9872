#include "net/resolver.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include <event2/dns.h>
#include <netinet/in.h>

namespace turnpike::net {
namespace {

// Those that the hosts file has for the name.
std::vector<Ip> find_in_hosts_file(const std::string& host) {
  std::vector<Ip> found;
  std::ifstream file("/etc/hosts");
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address;
    words >> address;
    const auto ip = Ip::parse(address);
    if (!ip) continue;
    for (std::string name; words >> name;) {
      if (name == host && std::find(found.begin(), found.end(), *ip) == found.end()) {
        found.push_back(*ip);
      }
    }
  }
  return found;
}

void add_addresses(char type, int count, const void* addresses, std::vector<Ip>& out) {
  const auto* bytes = static_cast<const uint8_t*>(addresses);
  for (int i = 0; i < count; ++i) {
    if (type == DNS_IPv4_A) {
      out.push_back(Ip::from_v4(std::span<const uint8_t, 4>(bytes + 4 * i, 4)));
    } else if (type == DNS_IPv6_AAAA) {
      out.push_back(Ip::from_v6(std::span<const uint8_t, 16>(bytes + 16 * i, 16)));
    }
  }
}

// With what is still being asked: each question is answered from the loop, as failed. (libevent's
// own evdns_getaddrinfo() would touch the base again then; evdns_base_resolve_*() does not.)
struct FreeBase {
  void operator()(evdns_base* base) const { evdns_base_free(base, 1); }
};

}  // namespace

struct Resolver::Request {
  Callback callback;
  int open = 0;  // Questions to the name servers, one for each family.
  std::vector<Ip> found = {};
  int error = DNS_ERR_NONE;
};

// One question. Freed by its answer, which always comes if the loop runs on; `owner` tells whether
// anybody still wants to know.
struct Resolver::Question {
  State* owner;
  Request* request;
};

struct Resolver::State {
  EventLoop* loop = nullptr;
  std::vector<Question*> questions;
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<Watch> answers;
  std::unique_ptr<evdns_base, FreeBase> dns;

  // From the loop: callers are not to be surprised from within their own call.
  void answer_later(Callback callback, Addresses addresses) {
    answers.push_back(loop->after(
        Duration::zero(),
        [answer = std::move(callback), found = std::move(addresses)] { answer(found); }));
  }

  void on_answer(Question* question, int error, char type, int count, const void* addresses) {
    Request* request = question->request;
    questions.erase(std::find(questions.begin(), questions.end(), question));
    if (error == DNS_ERR_NONE) {
      add_addresses(type, count, addresses, request->found);
    } else {
      request->error = error;
    }
    if (--request->open == 0) finish(request);
  }

  void finish(Request* request) {
    const auto entry = std::find_if(
        requests.begin(), requests.end(),
        [request](const std::unique_ptr<Request>& own) { return own.get() == request; });
    const std::unique_ptr<Request> done = std::move(*entry);
    requests.erase(entry);
    Addresses found = std::move(done->found);
    if (found->empty()) {
      found =
          unexpected(done->error == DNS_ERR_NONE ? std::string("the name has no address")
                                                 : std::string(evdns_err_to_string(done->error)));
    }
    answer_later(std::move(done->callback), std::move(found));
  }

  static void on_reply(int error, char type, int count, int, void* addresses, void* self) noexcept {
    const std::unique_ptr<Question> question(static_cast<Question*>(self));
    if (question->owner != nullptr) {
      question->owner->on_answer(question.get(), error, type, count, addresses);
    }
  }

  void ask(Request* request, IpFamily family, const std::string& host) {
    auto question = std::make_unique<Question>(Question{this, request});
    questions.push_back(question.get());
    ++request->open;
    const bool v4 = family == IpFamily::v4;
    evdns_request* handle =
        v4 ? evdns_base_resolve_ipv4(dns.get(), host.c_str(), 0, on_reply, question.get())
           : evdns_base_resolve_ipv6(dns.get(), host.c_str(), 0, on_reply, question.get());
    if (handle != nullptr) {
      question.release();  // The answer frees it.
      return;
    }
    questions.pop_back();
    --request->open;
    request->error = DNS_ERR_UNKNOWN;
  }
};

Resolver::Resolver(EventLoop& loop) : state_(std::make_unique<State>()) {
  state_->loop = &loop;
  constexpr int kFlags = EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE;
  state_->dns.reset(evdns_base_new(&loop.base(), kFlags));
}

Resolver::~Resolver() {
  for (Question* question : std::exchange(state_->questions, {})) question->owner = nullptr;
}

void Resolver::resolve(const std::string& host, std::optional<IpFamily> family, Callback callback) {
  if (const auto ip = Ip::parse(host)) {
    return state_->answer_later(std::move(callback), std::vector<Ip>{*ip});
  }
  if (auto found = find_in_hosts_file(host); !found.empty()) {
    return state_->answer_later(std::move(callback), std::move(found));
  }
  if (state_->dns == nullptr) {
    return state_->answer_later(std::move(callback),
                                unexpected(std::string("there is no name server")));
  }
  state_->requests.push_back(std::make_unique<Request>(Request{std::move(callback)}));
  Request* request = state_->requests.back().get();
  // Held open until both are asked, since an answer may come at once.
  request->open = 1;
  for (const IpFamily one : {IpFamily::v4, IpFamily::v6}) {
    if (!family || *family == one) state_->ask(request, one, host);
  }
  if (--request->open == 0) state_->finish(request);
}

}  // namespace turnpike::net
