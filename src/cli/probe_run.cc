#include "cli/probe_run.h"

#include <algorithm>

#include "client/binding_question.h"
#include "net/clock.h"

namespace turnpike::cli {

using client::BindingQuestion;
using client::RequestFailed;
using State = ProbeCheck::State;
using stun::ErrorCode;

ProbeRun::ProbeRun(const ProbeOptions& options, const Target& target)
    : options_(options),
      server_(target.server),
      address_{.transport = options.target.transport,
               .server = target.server,
               .host = options.target.host,
               .tls = options.tls},
      relay_family_(target.relay_family),
      settings_{.credentials = options.target.credentials,
                .delivery = client::delivery_over(options.target.transport)},
      run_id_(random_.next()) {
  report_.host = options.target.host;
  report_.server = server_;
  report_.transport = address_.transport;
  report_.relays = options.target.relays;
}

ProbeReport ProbeRun::run() {
  check_binding();
  // A server may answer no Binding requests; but where the port is closed nothing is to come.
  if (options_.target.relays && !hopeless_) check_relays();
  for (const auto& client : {first_.get(), second_.get()}) {
    // What is not released goes by itself, in ten minutes; so a lost answer is no one's worry.
    if (client != nullptr && client->session().allocated()) static_cast<void>(client->release());
  }
  return std::move(report_);
}

std::optional<Endpoint> ProbeRun::ask_binding(Link link, BindingQuestion& question,
                                              ProbeCheck& check, Duration patience) {
  std::optional<Endpoint> mapped;
  bool over = false;
  driver_.attach(link, question, server_, [&](const client::Event& event) {
    over = true;
    if (const auto* answered = std::get_if<client::BindingAnswered>(&event)) {
      mapped = answered->mapped;
      check.samples.times.push_back(answered->took);
    } else if (const auto* failed = std::get_if<RequestFailed>(&event)) {
      check.problem = explain(*failed);
    }
  });
  ++check.samples.tried;
  driver_.call(link, [&](Instant now, client::Output& out) { question.ask(now, random_, out); });
  driver_.run_until([&] { return over || driver_.refused(link); }, net::monotonic_now() + patience);
  driver_.detach(link);
  return mapped;
}

void ProbeRun::check_binding() {
  ProbeCheck& check = report_.binding;
  BindingQuestion question({}, settings_.delivery);
  const auto link = driver_.connect(question, address_, {});
  if (!link) {
    check.state = State::failed;
    check.problem = ProbeProblem{ProbeExit::unreachable, link.error().to_string(),
                                 "This host has no way to that address."};
    hopeless_ = true;
    return;
  }
  std::optional<Endpoint> mapped;
  for (uint32_t i = 0; i < options_.count && !check.problem; ++i) {
    const auto answer = ask_binding(*link, question, check, options_.patience);
    if (answer) mapped = answer;
    if (!answer && i == 0) break;
  }
  if (mapped) {
    check.state = State::passed;
    check.detail = "seen as " + mapped->to_string();
  } else {
    check.state = State::failed;
    hopeless_ = driver_.refused(*link);
    if (hopeless_) {
      check.problem = link_failed(address_.transport, server_, driver_.failure(*link));
    }
    if (!check.problem) {
      check.problem = explain(RequestFailed{.request = {},
                                            .took = options_.patience,
                                            .method = stun::Method::binding,
                                            .kind = client::FailureKind::timed_out,
                                            .code = 0});
    }
  }
  driver_.close(*link);
}

std::unique_ptr<ProbeRun::Client> ProbeRun::allocate() {
  // RFC 8656 section 7.4: on 437 three ports are tried before giving up.
  constexpr int kPorts = 3;
  ProbeCheck& check = report_.allocate;
  for (int attempt = 1;; ++attempt) {
    auto client = std::make_unique<Client>(driver_, settings_, random_, options_.patience);
    ++check.samples.tried;
    if (const auto error = client->open(address_)) {
      check.problem = ProbeProblem{ProbeExit::unreachable, error->to_string(), ""};
      return nullptr;
    }
    client::AllocateOptions wanted;
    if (relay_family_ == IpFamily::v6) wanted.family = stun::AddressFamily::ipv6;
    const auto answer = client->allocate(wanted);
    if (answer) {
      check.samples.times.push_back(answer->took);
      return client;
    }
    if (client->refused()) {
      check.problem = link_failed(address_.transport, server_, client->failure());
      return nullptr;
    }
    if (!answer.error().is(ErrorCode::allocation_mismatch) || attempt == kPorts) {
      check.problem = explain(answer.error());
      return nullptr;
    }
  }
}

void ProbeRun::check_relays() {
  first_ = allocate();
  if (first_) second_ = allocate();
  report_.allocate.state = second_ ? State::passed : State::failed;
  if (!second_) return;
  report_.allocate.detail = "relayed " + first_->session().relayed().to_string() + " and " +
                            second_->session().relayed().to_string();
  check_inside();
  check_outside();
}

}  // namespace turnpike::cli
