#include "server/control_desk.h"

#include "net/clock.h"
#include "server/refusal_log.h"
#include "server/session_list.h"

namespace turnpike::server {
namespace {

// A worker answers between two turns of its loop: after milliseconds, unless the machine is in
// trouble.
constexpr seconds kWorkerPatience{2};
// A reload reads files, and makes TLS contexts and a user store.
constexpr seconds kReloadPatience{20};

template <typename Content>
std::vector<Content> contents_of(std::vector<Answer> answers) {
  std::vector<Content> contents;
  for (Answer& answer : answers) {
    if (auto* content = std::get_if<Content>(&answer.content)) {
      contents.push_back(std::move(*content));
    }
  }
  return contents;
}

}  // namespace

ControlDesk::ControlDesk(const std::vector<std::unique_ptr<Worker>>& workers, Links links,
                         Instant started)
    : workers_(workers), links_(std::move(links)), started_(started) {}

template <typename Make>
Result<std::vector<Answer>, ControlError> ControlDesk::ask_workers(const Make& make) {
  const uint64_t question = desk_.open();
  for (const auto& worker : workers_) {
    if (!worker->post(WorkerMessage(make(question)))) return unexpected(ControlError::busy);
  }
  std::vector<Answer> answers = desk_.wait(workers_.size(), kWorkerPatience);
  if (answers.size() < workers_.size()) return unexpected(ControlError::no_answer);
  return answers;
}

Result<Answer, ControlError> ControlDesk::ask_main(
    const std::function<MainQuestion(uint64_t)>& make, Duration patience) {
  if (!links_.ask_main(make(desk_.open()))) return unexpected(ControlError::busy);
  std::vector<Answer> answers = desk_.wait(1, patience);
  if (answers.empty()) return unexpected(ControlError::no_answer);
  return std::move(answers.front());
}

Result<SessionPage, ControlError> ControlDesk::sessions(const SessionQuery& query) {
  auto answers = ask_workers([&](uint64_t question) { return ListSessions{question, query}; });
  if (!answers) return unexpected(answers.error());
  return merge_pages(contents_of<SessionPage>(std::move(*answers)), query.limit);
}

Result<uint64_t, ControlError> ControlDesk::kill(const SessionFilter& filter) {
  auto answers = ask_workers([&](uint64_t question) { return KillSessions{question, filter}; });
  if (!answers) return unexpected(answers.error());
  uint64_t count = 0;
  for (const Killed& killed : contents_of<Killed>(std::move(*answers))) count += killed.count;
  return count;
}

Result<std::vector<Refusal>, ControlError> ControlDesk::refusals(size_t limit) {
  auto answers = ask_workers([&](uint64_t question) { return ListRefusals{question, limit}; });
  if (!answers) return unexpected(answers.error());
  std::vector<std::vector<Refusal>> lists;
  for (Refusals& one : contents_of<Refusals>(std::move(*answers))) {
    lists.push_back(std::move(one.list));
  }
  return merge_refusals(std::move(lists), limit);
}

Result<ReloadReport, ControlError> ControlDesk::reload() {
  auto answer =
      ask_main([](uint64_t question) { return ReloadQuestion{question}; }, kReloadPatience);
  if (!answer) return unexpected(answer.error());
  auto* report = std::get_if<ReloadReport>(&answer->content);
  if (report == nullptr) return unexpected(ControlError::no_answer);
  return std::move(*report);
}

Result<void, ControlError> ControlDesk::drain(std::optional<seconds> within) {
  auto answer = ask_main(
      [within](uint64_t question) {
        return DrainQuestion{question, within};
      },
      kWorkerPatience);
  if (!answer) return unexpected(answer.error());
  return {};
}

void ControlDesk::users_changed() {
  links_.look_at_users();
  // Peer rules and options of the realm take the way over the main thread.
  static_cast<void>(ask_main([](uint64_t question) { return SyncQuestion{question}; }, seconds(1)));
}

ServerStatus ControlDesk::status() {
  ServerStatus status;
  const Instant now = net::monotonic_now();
  status.uptime = std::chrono::floor<seconds>(now - started_);
  status.draining = draining_.load();
  status.locating = locating_.load(std::memory_order_relaxed);
  for (const auto& worker : workers_) {
    const turn::Counters& c = worker->counters();
    const uint64_t sessions = worker->allocations();
    status.workers.push_back(
        {sessions, std::chrono::floor<seconds>(std::max(Duration(0), now - worker->last_tick()))});
    status.sessions += sessions;
    status.sessions_opened += c.allocations_opened.get();
    status.sessions_closed += c.allocations_closed.get();
    status.bytes_from_clients += c.relayed_to_peer_bytes.get() + c.tcp_to_peer_bytes.get();
    status.bytes_to_clients += c.relayed_to_client_bytes.get() + c.tcp_to_client_bytes.get();
    status.credentials_refused += c.wrong_credentials.get();
    status.quota_refusals += c.quota_refusals.get();
    status.capacity_refusals += c.capacity_refusals.get();
  }
  const std::lock_guard lock(mutex_);
  if (rare_.configuration) status.realm = rare_.configuration->config.realm;
  status.listening = rare_.listening;
  status.needs_restart = rare_.needs_restart;
  status.reloaded_at = rare_.reloaded_at;
  if (rare_.drain_deadline) {
    status.drain_left =
        std::max(seconds(0), std::chrono::ceil<seconds>(*rare_.drain_deadline - now));
  }
  return status;
}

std::shared_ptr<const Configuration> ControlDesk::configuration() {
  const std::lock_guard lock(mutex_);
  return rare_.configuration;
}

void ControlDesk::set_configuration(Configuration configuration, std::vector<Endpoint> listening) {
  const std::lock_guard lock(mutex_);
  rare_.configuration = std::make_shared<const Configuration>(std::move(configuration));
  rare_.listening = std::move(listening);
}

void ControlDesk::note_reload(std::vector<std::string> needs_restart, WallTime at) {
  const std::lock_guard lock(mutex_);
  rare_.needs_restart = std::move(needs_restart);
  rare_.reloaded_at = at;
}

void ControlDesk::note_draining(std::optional<Instant> deadline) {
  draining_.store(true);
  const std::lock_guard lock(mutex_);
  rare_.drain_deadline = deadline;
}

}  // namespace turnpike::server
