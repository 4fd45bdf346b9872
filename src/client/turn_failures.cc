// From a request that failed to what that means: an event, another try, or the end.
#include <algorithm>

#include "client/turn_session.h"

namespace turnpike::client {

using stun::ErrorCode;
using stun::Method;

namespace {

bool is(uint16_t code, ErrorCode error) {
  return code == static_cast<uint16_t>(error);
}

}  // namespace

TurnSession::Pending TurnSession::take(size_t index) {
  Pending taken = std::move(pending_[index]);
  pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
  return taken;
}

void TurnSession::fail(Instant now, Pending done, const Failure& failure, Output& out) {
  const Question& question = done.question;
  const Duration took = now - done.schedule.first_sent();
  const bool refresh_mismatch =
      question.method == Method::refresh && is(failure.code, ErrorCode::allocation_mismatch);
  if (refresh_mismatch && question.lifetime == seconds(0)) {
    // RFC 8656 section 8.2: what was to be deleted is gone, by an earlier copy of this request.
    forget_allocation();
    out.add_event(Released{question.request, took});
    return;
  }
  if (question.request == RequestId::automatic) {
    fail_automatic(now, std::move(done.question), failure, out);
    return;
  }
  out.add_event(RequestFailed{.request = question.request,
                              .took = took,
                              .method = question.method,
                              .kind = failure.kind,
                              .code = failure.code,
                              .alternate = failure.alternate});
  if (refresh_mismatch) lose_allocation(failure, out);
}

void TurnSession::fail_automatic(Instant now, Question question, const Failure& failure,
                                 Output& out) {
  if (!allocation_) return;
  // Where the network is at fault another try is right for as long as there is something to keep:
  // each try takes the whole retransmission schedule, and the end of the allocation ends them.
  if (failure.kind == FailureKind::timed_out) {
    transmit(now, std::move(question), 1, out);
    return;
  }
  if (question.method == Method::refresh) {
    lose_allocation(failure, out);
    return;
  }
  if (question.method == Method::create_permission) {
    fail_permissions(now, std::move(question), failure, out);
    return;
  }
  const auto gone = std::erase_if(
      channels_, [&](const Channel& channel) { return channel.number == question.channel; });
  if (gone == 0) return;
  out.add_event(ChannelLost{question.channel, question.peers.front(), failure.kind, failure.code});
}

void TurnSession::fail_permissions(Instant now, Question question, const Failure& failure,
                                   Output& out) {
  // RFC 8656 section 10.2: all or nothing, so one bad peer takes the others with it. Asked one by
  // one, only that one is lost.
  if (question.peers.size() > 1) {
    for (const Endpoint& peer : question.peers) {
      transmit(now,
               Question{.request = RequestId::automatic,
                        .method = Method::create_permission,
                        .peers = {peer}},
               1, out);
    }
    return;
  }
  const Ip peer = question.peers.front().ip;
  const auto gone =
      std::erase_if(permissions_, [&](const Endpoint& permitted) { return permitted.ip == peer; });
  if (gone == 0) return;
  out.add_event(PermissionLost{peer, failure.kind, failure.code});
}

void TurnSession::lose_allocation(const Failure& failure, Output& out) {
  if (!allocation_) return;
  forget_allocation();
  out.add_event(AllocationLost{failure.kind, failure.code});
}

void TurnSession::forget_allocation() {
  allocation_.reset();
  ticket_.clear();
  permissions_.clear();
  permissions_refresh_at_ = Instant::max();
  channels_.clear();
  std::erase_if(pending_, [](const Pending& pending) {
    return pending.question.request == RequestId::automatic;
  });
}

}  // namespace turnpike::client
