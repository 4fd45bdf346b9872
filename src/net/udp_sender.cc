#include "net/udp_sender.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "net/tx_control.h"

namespace turnpike::net {
namespace {

constexpr size_t kSendsPerCall = 64;
constexpr size_t kPartsPerCall = 1024;
constexpr size_t kPartsPerItem = 2;  // Header and payload.
constexpr size_t kJoinedMax = 2048;  // Packets of an Ethernet.
static_assert(kPartsPerCall >= TxBatch::kMaxRunLength * kPartsPerItem);

size_t gather(const TxItem& item, iovec* parts) {
  size_t count = 0;
  for (const ByteView part : {item.header, item.payload}) {
    if (part.empty()) continue;
    // The kernel's structure has no const, but it only reads.
    parts[count++] = {.iov_base = const_cast<uint8_t*>(part.data()), .iov_len = part.size()};
  }
  return count;
}

// Requires that the parts fit.
const uint8_t* join(const msghdr& message, std::span<uint8_t> room) {
  size_t size = 0;
  for (const iovec& part : std::span(message.msg_iov, message.msg_iovlen)) {
    std::memcpy(&room[size], part.iov_base, part.iov_len);
    size += part.iov_len;
  }
  return room.data();
}

// DF on IPv4 is a property of the socket, so it is turned on around the sends that ask for it.
// PROBE sets it and, unlike DO, does not believe the path MTUs that ICMP told.
class DfScope {
 public:
  DfScope(int fd, bool wanted) : fd_(wanted ? fd : -1) { set(IP_PMTUDISC_PROBE); }
  DfScope(const DfScope&) = delete;
  DfScope& operator=(const DfScope&) = delete;
  ~DfScope() { set(IP_PMTUDISC_OMIT); }

 private:
  void set(int value) const {
    if (fd_ >= 0) ::setsockopt(fd_, IPPROTO_IP, IP_MTU_DISCOVER, &value, sizeof(value));
  }
  int fd_;
};

bool needs_df_scope(const TxItem& item) {
  return item.marks.dont_fragment && item.destination.ip.is_v4();
}

}  // namespace

struct UdpSender::Arrays {
  std::array<mmsghdr, kSendsPerCall> messages{};
  std::array<SockAddr, kSendsPerCall> destinations{};
  std::array<TxControl, kSendsPerCall> controls{};
  std::array<Piece, kSendsPerCall> pieces{};
  std::array<iovec, kPartsPerCall> parts{};
  std::array<uint8_t, kJoinedMax> joined{};
  size_t messages_used = 0;
  size_t parts_used = 0;
  bool df_scope = false;
};

UdpSender::UdpSender(IoCounters& counters, std::vector<IcmpError>& errors, const HashKey& key)
    : counters_(counters),
      errors_(errors),
      narrow_paths_(key),
      arrays_(std::make_unique<Arrays>()) {}

UdpSender::~UdpSender() = default;

void UdpSender::send(TxBatch& batch, Instant now) {
  for (const TxBatch::Queue& queue : batch.queues()) {
    if (queue.socket->lacks_sending_) queue.socket->tune_for_sending();
    send_queue(batch, queue, now);
  }
  batch.clear();
}

UdpSender::Cursor UdpSender::at_run(const TxBatch& batch, uint32_t run) {
  if (run == TxBatch::kNone) return {};
  return {.run = run, .item = batch.run(run).first_item, .items_left = batch.run(run).length};
}

void UdpSender::send_queue(const TxBatch& batch, const TxBatch::Queue& queue, Instant now) {
  Cursor cursor = at_run(batch, queue.first_run);
  while (cursor.run != TxBatch::kNone) {
    fill_chunk(batch, *queue.socket, cursor, now);
    if (send_chunk(batch, *queue.socket, now) == Outcome::next) continue;
    // A full send buffer will not take the rest either; media that waits is worthless.
    for (; cursor.run != TxBatch::kNone; cursor = at_run(batch, batch.run(cursor.run).next_run)) {
      count_dropped(EAGAIN, cursor.items_left);
    }
  }
}

// Takes as many runs as fit one system call, and stops early where the need for DF changes.
void UdpSender::fill_chunk(const TxBatch& batch, const UdpSocket& socket, Cursor& cursor,
                           Instant now) {
  Arrays& a = *arrays_;
  a.messages_used = 0;
  a.parts_used = 0;
  while (cursor.run != TxBatch::kNone && a.messages_used < kSendsPerCall) {
    const TxBatch::Run& run = batch.run(cursor.run);
    const TxItem& first = batch.item(cursor.item);
    if (a.messages_used == 0) a.df_scope = needs_df_scope(first);
    if (needs_df_scope(first) != a.df_scope) return;

    const bool joined =
        run.length > 1 && socket.gso_ && !narrow_paths_.has(first.destination.ip, now);
    const uint32_t length = joined ? cursor.items_left : 1;
    if (a.parts_used + length * kPartsPerItem > kPartsPerCall) return;
    add_message(batch, {.first_item = cursor.item,
                        .length = length,
                        .bytes = 0,
                        .segment_size = joined ? run.segment_size : uint16_t{0}});
    cursor.items_left -= length;
    if (cursor.items_left == 0) {
      cursor = at_run(batch, run.next_run);
    } else {
      cursor.item = batch.next_item(cursor.item);
    }
  }
}

void UdpSender::add_message(const TxBatch& batch, Piece piece) {
  Arrays& a = *arrays_;
  const size_t index = a.messages_used++;
  const TxItem& first = batch.item(piece.first_item);
  msghdr& message = a.messages[index].msg_hdr;
  message.msg_name = &a.destinations[index];
  message.msg_namelen = to_sockaddr(first.destination, a.destinations[index]);
  message.msg_iov = &a.parts[a.parts_used];
  uint32_t item = piece.first_item;
  for (uint32_t i = 0; i < piece.length; ++i, item = batch.next_item(item)) {
    a.parts_used += gather(batch.item(item), &a.parts[a.parts_used]);
    piece.bytes += static_cast<uint32_t>(batch.item(item).size());
  }
  message.msg_iovlen = static_cast<size_t>(&a.parts[a.parts_used] - message.msg_iov);
  write_control(first, piece.length > 1 ? piece.segment_size : uint16_t{0}, a.controls[index],
                message);
  a.pieces[index] = piece;
}

// Sparse traffic leaves one by one, and sendto is the cheapest call for that: the kernel has no
// message header and no list of parts to fetch and to check. It saves more than it costs to copy a
// packet's worth of bytes into one piece.
int UdpSender::send_messages(int fd, size_t first) {
  Arrays& a = *arrays_;
  const size_t count = a.messages_used - first;
  if (count > 1) return ::sendmmsg(fd, &a.messages[first], static_cast<unsigned>(count), 0);
  const msghdr& message = a.messages[first].msg_hdr;
  const size_t size = a.pieces[first].bytes;
  if (message.msg_control != nullptr || (message.msg_iovlen > 1 && size > a.joined.size())) {
    return ::sendmsg(fd, &message, 0) < 0 ? -1 : 1;
  }
  const void* bytes = message.msg_iovlen == 1 ? message.msg_iov->iov_base : join(message, a.joined);
  const ssize_t sent =
      ::sendto(fd, bytes, size, 0, &a.destinations[first].any, message.msg_namelen);
  return sent < 0 ? -1 : 1;
}

UdpSender::Outcome UdpSender::send_chunk(const TxBatch& batch, UdpSocket& socket, Instant now) {
  Arrays& a = *arrays_;
  const DfScope df(socket.fd(), a.df_scope);
  bool drained = false;
  for (size_t done = 0; done < a.messages_used;) {
    const int sent = send_messages(socket.fd(), done);
    counters_.tx_calls.add();
    if (sent > 0) {
      for (int i = 0; i < sent; ++i) count_sent(a.pieces[done++]);
      drained = false;
      continue;
    }
    const int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN || error == EWOULDBLOCK) {
      for (; done < a.messages_used; ++done) count_dropped(error, a.pieces[done].length);
      return Outcome::socket_blocked;
    }
    // It may be an ICMP error of an earlier datagram, even to another peer, and it may look like
    // any error; so nothing is concluded before the error queue is empty and a second try failed.
    if (socket.reports_icmp() && !drained) {
      collect_errors(socket, batch.item(a.pieces[done].first_item).destination);
      drained = true;
      continue;
    }
    // A refusal by our own interface leaves a record at each try, the second one included.
    if (socket.reports_icmp() && error == EMSGSIZE) {
      collect_errors(socket, batch.item(a.pieces[done].first_item).destination);
    }
    on_failure(batch, socket, a.pieces[done++], error, now);
    drained = false;
  }
  return Outcome::next;
}

void UdpSender::on_failure(const TxBatch& batch, UdpSocket& socket, const Piece& piece, int error,
                           Instant now) {
  if (piece.length == 1) {
    count_dropped(error, 1);
    return;
  }
  switch (error) {
    case EIO:  // The interface can't make the checksums.
    case ENOPROTOOPT:
      if (socket.gso_) counters_.tx_gso_disabled.add();
      socket.gso_ = false;
      break;
    case EMSGSIZE:
    case EINVAL:
      counters_.tx_gso_path_disabled.add();
      narrow_paths_.add(batch.item(piece.first_item).destination.ip, now);
      break;
    default:
      // No kind of sending would have done better.
      count_dropped(error, piece.length);
      return;
  }
  send_singly(batch, socket, piece);
}

// Rare, so one system call for each will do. The arrays of the chunk are in use.
void UdpSender::send_singly(const TxBatch& batch, UdpSocket& socket, const Piece& piece) {
  uint32_t item = piece.first_item;
  for (uint32_t i = 0; i < piece.length; ++i, item = batch.next_item(item)) {
    const TxItem& datagram = batch.item(item);
    SockAddr destination;
    std::array<iovec, kPartsPerItem> parts{};
    TxControl control;
    msghdr message{};
    message.msg_name = &destination;
    message.msg_namelen = to_sockaddr(datagram.destination, destination);
    message.msg_iov = parts.data();
    message.msg_iovlen = gather(datagram, parts.data());
    write_control(datagram, 0, control, message);
    int error = 0;
    for (int tries = 0; tries < 2; ++tries) {
      error = ::sendmsg(socket.fd(), &message, 0) < 0 ? errno : 0;
      counters_.tx_calls.add();
      if (error == 0 || error == EAGAIN || !socket.reports_icmp()) break;
      collect_errors(socket, datagram.destination);
    }
    if (error != 0) {
      count_dropped(error, 1);
    } else {
      count_sent({.first_item = item,
                  .length = 1,
                  .bytes = static_cast<uint32_t>(datagram.size()),
                  .segment_size = 0});
    }
  }
}

void UdpSender::collect_errors(const UdpSocket& socket, const Endpoint& sending_to) {
  const size_t before = errors_.size();
  take_icmp_errors(socket, errors_);
  // Linux leaves out the port of an IPv4 datagram that it refused itself: that is this one.
  for (size_t i = before; i < errors_.size(); ++i) {
    Endpoint& destination = errors_[i].destination;
    if (destination.port == 0 && destination.ip == sending_to.ip) destination = sending_to;
  }
  const auto from = errors_.begin() + static_cast<std::ptrdiff_t>(before > 0 ? before - 1 : 0);
  errors_.erase(std::unique(from, errors_.end()), errors_.end());
  counters_.icmp_errors.add(errors_.size() - before);
}

void UdpSender::count_sent(const Piece& piece) {
  counters_.tx_datagrams.add(piece.length);
  counters_.tx_bytes.add(piece.bytes);
  counters_.tx_runs.add(piece.length);
}

void UdpSender::count_dropped(int error, uint64_t datagrams) {
  switch (error) {
    case EAGAIN:
      counters_.tx_drop_would_block.add(datagrams);
      return;
    case ENOBUFS:
    case ENOMEM:
      counters_.tx_drop_no_buffers.add(datagrams);
      return;
    case EMSGSIZE:
      counters_.tx_drop_too_big.add(datagrams);
      return;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ECONNREFUSED:
      counters_.tx_drop_unreachable.add(datagrams);
      return;
    case EPERM:
    case EACCES:
      counters_.tx_drop_not_permitted.add(datagrams);
      return;
    default:
      counters_.tx_drop_other.add(datagrams);
      return;
  }
}

}  // namespace turnpike::net
