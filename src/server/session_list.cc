#include "server/session_list.h"

#include <algorithm>
#include <iterator>

namespace turnpike::server {
namespace {

using turn::Allocation;

SessionId id_of(const Allocation& allocation, uint32_t worker) {
  return {worker, allocation.handle.index, allocation.handle.generation};
}

// "1700000000:ann" is ann, too.
bool is_user(const std::string& user, const std::string& wanted, char separator) {
  if (user == wanted) return true;
  const size_t digits = user.find_first_not_of("0123456789");
  return digits != std::string::npos && digits > 0 && user[digits] == separator &&
         std::string_view(user).substr(digits + 1) == wanted;
}

class Matcher {
 public:
  Matcher(const SessionFilter& filter, const turn::Settings& settings, uint32_t worker)
      : filter_(filter), settings_(settings), worker_(worker) {}

  [[nodiscard]] bool operator()(const Allocation& allocation) const {
    if (filter_.id && *filter_.id != id_of(allocation, worker_)) return false;
    if (!filter_.realm.empty() && filter_.realm != allocation.realm) return false;
    if (filter_.client && !filter_.client->contains(allocation.route.tuple.client.ip)) return false;
    return filter_.user.empty() ||
           is_user(allocation.user, filter_.user, settings_.secret_separator);
  }

 private:
  const SessionFilter& filter_;
  const turn::Settings& settings_;
  uint32_t worker_;
};

seconds until(Instant deadline, Instant now) {
  return std::max(seconds(0), std::chrono::ceil<seconds>(deadline - now));
}

SessionTraffic traffic_of(const turn::Traffic& total, const turn::Traffic& before, Duration over) {
  SessionTraffic traffic{total.packets, total.bytes, 0, 0};
  const double length = std::chrono::duration<double>(over).count();
  if (length <= 0) return traffic;
  traffic.packets_per_s = static_cast<double>(total.packets - before.packets) / length;
  traffic.bytes_per_s = static_cast<double>(total.bytes - before.bytes) / length;
  return traffic;
}

void describe_peers(const Allocation& allocation, Instant now, SessionInfo& info) {
  for (const turn::Permission& permission : allocation.permissions.entries()) {
    if (now >= permission.deadline) continue;
    info.permissions.push_back({permission.ip, until(permission.deadline, now)});
  }
  for (const turn::Channel& channel : allocation.channels.entries()) {
    if (now >= channel.deadline) continue;
    SessionChannel entry{channel.number, channel.peer, until(channel.deadline, now), {}};
    if (channel.last_used != Instant{}) {
      entry.idle = std::chrono::floor<seconds>(now - channel.last_used);
    }
    info.channels.push_back(entry);
  }
}

SessionInfo describe(Allocation& allocation, uint32_t worker, Instant now) {
  SessionInfo info;
  info.id = id_of(allocation, worker);
  info.tuple = allocation.route.tuple;
  for (const turn::RelayLease& relay : allocation.relays) {
    if (relay) info.relayed.push_back(relay.external());
  }
  info.user = allocation.user;
  info.realm = allocation.realm;
  info.age = std::chrono::floor<seconds>(now - allocation.opened);
  info.expires_in = until(allocation.deadline, now);
  const turn::TrafficMark& mark = allocation.mark;
  const Duration over = now - mark.at;
  info.rates_over = std::chrono::duration_cast<milliseconds>(over);
  info.from_client = traffic_of(allocation.from_client, mark.from_client, over);
  info.to_client = traffic_of(allocation.to_client, mark.to_client, over);
  if (over >= seconds(1)) allocation.mark = {now, allocation.from_client, allocation.to_client};
  describe_peers(allocation, now, info);
  return info;
}

}  // namespace

SessionPage list_sessions(turn::Server& server, uint32_t worker, const SessionQuery& query,
                          Instant now) {
  SessionPage page;
  const Matcher matches(query.filter, server.settings(), worker);
  server.for_each_allocation([&](Allocation& allocation) {
    if (now >= allocation.deadline || !matches(allocation)) return;
    ++page.matching;
    if (query.after && id_of(allocation, worker) <= *query.after) return;
    // Allocations are visited in the order of their ids.
    if (page.sessions.size() >= query.limit) {
      page.more = true;
      return;
    }
    page.sessions.push_back(describe(allocation, worker, now));
  });
  return page;
}

uint64_t kill_sessions(turn::Server& server, uint32_t worker, const SessionFilter& filter,
                       const Now& now, turn::Outbox& out) {
  return server.kill_if(now, Matcher(filter, server.settings(), worker), turn::CloseReason::killed,
                        out);
}

SessionPage merge_pages(std::vector<SessionPage> pages, size_t limit) {
  SessionPage all;
  for (SessionPage& page : pages) {
    all.matching += page.matching;
    all.more = all.more || page.more;
    std::move(page.sessions.begin(), page.sessions.end(), std::back_inserter(all.sessions));
  }
  std::sort(all.sessions.begin(), all.sessions.end(),
            [](const SessionInfo& a, const SessionInfo& b) { return a.id < b.id; });
  if (all.sessions.size() > limit) {
    all.sessions.resize(limit);
    all.more = true;
  }
  return all;
}

}  // namespace turnpike::server
