#include "server/proxied_streams.h"

#include <algorithm>

#include "base/log.h"
#include "net/proxy_protocol.h"

namespace turnpike::server {
namespace {

struct RefusalGate : LogGate {
  RefusalGate() : LogGate(seconds(60)) {}
};

void log_refused(LogGate& gate, const char* event, const Endpoint& source, std::string_view reason,
                 Instant now) {
  const int64_t held_back = gate.pass(now);
  if (held_back < 0) return;
  log_warning(event, {{"source", source}, {"reason", reason}, {"suppressed", held_back}});
}

}  // namespace

struct ProxiedStreams::Waiting {
  net::AcceptedStream stream;
  std::vector<uint8_t> header;  // What was read of it so far.
  Instant opened;
  net::Watch readable;  // Declared last: it must go before the descriptor.
};

ProxiedStreams::ProxiedStreams(net::EventLoop& loop, ClientCounters& counters, ProxyLimits limits,
                               Clock now, TakeOver take_over)
    : loop_(loop),
      counters_(counters),
      limits_(std::move(limits)),
      now_(std::move(now)),
      take_over_(std::move(take_over)),
      peeked_(net::kProxyHeaderMax) {}

ProxiedStreams::~ProxiedStreams() = default;

Accepting ProxiedStreams::accept_from(const net::Fd& listener) {
  return accept_waiting(listener, counters_,
                        [this](net::AcceptedStream&& accepted) { open(std::move(accepted)); });
}

void ProxiedStreams::open(net::AcceptedStream accepted) {
  const Ip& source = accepted.peer.ip;
  const bool listed = std::any_of(limits_.sources.begin(), limits_.sources.end(),
                                  [&](const IpRange& range) { return range.contains(source); });
  if (!listed) {
    static RefusalGate gate;
    counters_.proxy_source_refused.add();
    log_refused(gate, "proxy_source_refused", accepted.peer, "not in proxy-from", now_());
    return;
  }
  if (waiting_.size() >= limits_.waiting_max) {
    counters_.proxy_waiting_refused.add();
    return;
  }
  const SlabHandle handle = waiting_.emplace();
  Waiting& waiting = *waiting_.find(handle);
  waiting.stream = std::move(accepted);
  waiting.opened = now_();
  waiting.readable = loop_.watch(waiting.stream.fd.get(), [this, handle] { on_readable(handle); });
  if (!waiting.readable) waiting_.erase(handle);
}

void ProxiedStreams::on_readable(SlabHandle handle) {
  Waiting& waiting = *waiting_.find(handle);
  const Progress progress = read_header(waiting);
  if (progress == Progress::waits) return;
  waiting.readable.reset();
  net::AcceptedStream stream = std::move(waiting.stream);
  waiting_.erase(handle);
  if (progress == Progress::complete) take_over_(std::move(stream));
}

ProxiedStreams::Progress ProxiedStreams::read_header(Waiting& waiting) {
  std::vector<uint8_t>& header = waiting.header;
  const size_t before = header.size();
  const net::Fd& fd = waiting.stream.fd;
  const net::StreamRead seen =
      net::peek_stream(fd, ByteSpan(peeked_).first(net::kProxyHeaderMax - before));
  if (seen.result == net::StreamResult::would_block) return Progress::waits;
  if (seen.result == net::StreamResult::closed) return Progress::broken;
  header.insert(header.end(), seen.bytes.begin(), seen.bytes.end());
  const auto parsed = net::parse_proxy_header(header);
  if (!parsed) {
    static RefusalGate gate;
    counters_.proxy_header_refused.add();
    log_refused(gate, "proxy_header_refused", waiting.stream.peer, net::to_string(parsed.error()),
                now_());
    return Progress::broken;
  }
  // What was looked at is there to be read, and no more is taken than belongs to the header.
  const size_t taken = (*parsed ? (*parsed)->consumed : header.size()) - before;
  const net::StreamRead read = net::read_stream(fd, ByteSpan(peeked_).first(taken));
  if (read.bytes.size() != taken) return Progress::broken;
  if (!*parsed) return Progress::waits;
  if ((*parsed)->kind == net::ProxyKind::proxied) waiting.stream.peer = (*parsed)->source;
  counters_.proxy_headers.add();
  return Progress::complete;
}

void ProxiedStreams::on_tick() {
  const Instant now = now_();
  waiting_.for_each([&](SlabHandle handle, const Waiting& waiting) {
    if (now - waiting.opened > limits_.header_max) overdue_.push_back(handle);
  });
  for (const SlabHandle handle : overdue_) {
    counters_.proxy_header_late.add();
    waiting_.erase(handle);
  }
  overdue_.clear();
}

}  // namespace turnpike::server
