// The bare loop: relays datagrams between clients and their peers over the same kind of sockets as
// a TURN server, and does nothing else. What a server needs beyond it is its own cost; what it
// needs below it, it has saved by crossing the kernel less often.
//
//   bench_floor --port PORT [--mode single|batch|runs]
//
// single: a datagram a system call. batch: recvmmsg and sendmmsg. runs: the kernel joins what comes
// (UDP_GRO) and cuts what goes (UDP_SEGMENT). A client tells where its peer is: cli/load_floor.h.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/load_floor.h"

namespace {

using turnpike::ByteView;
using turnpike::cli::FloorGreeting;
using turnpike::cli::kFloorAnswer;
using turnpike::cli::kFloorQuestion;

enum class Mode { single, batch, runs };

constexpr size_t kBatch = 32;
constexpr size_t kSlot = 65536;
constexpr int kSocketBuffer = 8 * 1024 * 1024;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct Client {
  int relay = -1;
  sockaddr_in address{};  // Of the client.
  sockaddr_in peer{};
};

uint64_t key_of(const sockaddr_in& address) {
  return uint64_t{address.sin_addr.s_addr} << 16 | address.sin_port;
}

int open_socket(Mode mode, uint16_t port, int buffer) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
  if (mode == Mode::runs && setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)) != 0) die("UDP_GRO");
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  local.sin_port = htons(port);
  sockaddr any{};
  std::memcpy(&any, &local, sizeof(local));
  if (bind(fd, &any, sizeof(local)) != 0) die("bind");
  return fd;
}

// One message on its way in or out, with the control data of a run.
struct Message {
  sockaddr_in address{};
  iovec bytes{};
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(int))> control{};
};

void fill(msghdr& header, Message& message, size_t control_size) {
  header = {};
  header.msg_name = &message.address;
  header.msg_namelen = sizeof(message.address);
  header.msg_iov = &message.bytes;
  header.msg_iovlen = 1;
  header.msg_control = control_size == 0 ? nullptr : message.control.data();
  header.msg_controllen = control_size;
}

// The size of the datagrams that the kernel has joined; 0 when it is one.
uint16_t segment_of(msghdr& header) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(c), sizeof(size));
    return static_cast<uint16_t>(size);
  }
  return 0;
}

size_t set_segment(Message& message, uint16_t size) {
  msghdr header{};
  header.msg_control = message.control.data();
  header.msg_controllen = CMSG_SPACE(sizeof(uint16_t));
  cmsghdr* c = CMSG_FIRSTHDR(&header);
  c->cmsg_level = SOL_UDP;
  c->cmsg_type = UDP_SEGMENT;
  c->cmsg_len = CMSG_LEN(sizeof(size));
  std::memcpy(CMSG_DATA(c), &size, sizeof(size));
  return header.msg_controllen;
}

class Floor {
 public:
  Floor(Mode mode, uint16_t port)
      : mode_(mode),
        listener_(open_socket(mode, port, kSocketBuffer)),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        slots_(std::make_unique<uint8_t[]>(kBatch * kSlot)) {
    watch(listener_, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 64> events{};
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        auto* client = static_cast<Client*>(events[static_cast<size_t>(i)].data.ptr);
        take_from(client == nullptr ? listener_ : client->relay, client);
      }
    }
  }

 private:
  void watch(int fd, Client* client) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = client;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  }

  void take_from(int fd, const Client* client) {
    if (mode_ == Mode::single) return take_one(fd, client);
    std::array<mmsghdr, kBatch> in{};
    std::array<Message, kBatch> messages{};
    for (size_t i = 0; i < kBatch; ++i) {
      messages[i].bytes = {slots_.get() + i * kSlot, kSlot};
      fill(in[i].msg_hdr, messages[i], mode_ == Mode::runs ? messages[i].control.size() : 0);
    }
    const int count = recvmmsg(fd, in.data(), kBatch, 0, nullptr);
    // Sent in groups that leave by one socket, which for a client's side differ.
    size_t begin = 0;
    int out_fd = -1;
    for (size_t i = 0; i < static_cast<size_t>(std::max(count, 0)); ++i) {
      const uint16_t segment = mode_ == Mode::runs ? segment_of(in[i].msg_hdr) : uint16_t{0};
      messages[i].bytes.iov_len = in[i].msg_len;
      const int to = route(client, messages[i]);
      if (to != out_fd || to < 0) {
        send(out_fd, in, begin, i);
        begin = to < 0 ? i + 1 : i;
        out_fd = to;
      }
      const bool run = segment != 0 && segment < in[i].msg_len;
      fill(in[i].msg_hdr, messages[i], run ? set_segment(messages[i], segment) : 0);
    }
    send(out_fd, in, begin, static_cast<size_t>(std::max(count, 0)));
  }

  static void send(int fd, std::array<mmsghdr, kBatch>& messages, size_t begin, size_t end) {
    while (fd >= 0 && begin < end) {
      const int sent = sendmmsg(fd, &messages[begin], static_cast<unsigned>(end - begin), 0);
      begin += sent > 0 ? static_cast<size_t>(sent) : 1;  // What can't be sent is lost.
    }
  }

  void take_one(int fd, const Client* client) {
    Message message;
    message.bytes = {slots_.get(), kSlot};
    msghdr header{};
    fill(header, message, 0);
    const ssize_t size = recvmsg(fd, &header, 0);
    if (size < 0) return;
    message.bytes.iov_len = static_cast<size_t>(size);
    const int to = route(client, message);
    if (to < 0) return;
    fill(header, message, 0);
    static_cast<void>(sendmsg(to, &header, 0));
  }

  // Where a message goes: its address becomes that of the receiver. -1: nowhere.
  int route(const Client* client, Message& message) {
    if (client != nullptr) {
      message.address = client->address;
      return listener_;
    }
    const auto found = clients_.find(key_of(message.address));
    // A later run may have a socket on a port that an earlier one had.
    if (found == clients_.end() || is_greeting(message)) return greet(message);
    message.address = found->second->peer;
    return found->second->relay;
  }

  static bool is_greeting(const Message& message) {
    return message.bytes.iov_len == sizeof(FloorGreeting) &&
           std::memcmp(message.bytes.iov_base, kFloorQuestion.data(), kFloorQuestion.size()) == 0;
  }

  int greet(const Message& message) {
    if (!is_greeting(message)) return -1;
    FloorGreeting greeting{};
    std::memcpy(greeting.data(), message.bytes.iov_base, greeting.size());
    auto& client = clients_[key_of(message.address)];
    if (!client) {
      client = std::make_unique<Client>();
      client->relay = open_socket(mode_, 0, kSocketBuffer / 32);
      client->address = message.address;
      client->peer.sin_family = AF_INET;
      watch(client->relay, client.get());
    }
    std::memcpy(&client->peer.sin_addr, greeting.data() + 8, 4);
    std::memcpy(&client->peer.sin_port, greeting.data() + 12, 2);
    sockaddr to{};
    std::memcpy(&to, &client->address, sizeof(to));
    static_cast<void>(
        sendto(listener_, kFloorAnswer.data(), kFloorAnswer.size(), 0, &to, sizeof(to)));
    return -1;
  }

  Mode mode_;
  int listener_;
  int epoll_;
  std::unique_ptr<uint8_t[]> slots_;
  std::unordered_map<uint64_t, std::unique_ptr<Client>> clients_;
};

}  // namespace

int main(int count, char** words) {
  uint16_t port = 0;
  Mode mode = Mode::single;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view option = words[i];
    const std::string_view value = words[i + 1];
    if (option == "--port") port = static_cast<uint16_t>(std::atoi(words[i + 1]));
    if (option == "--mode" && value == "batch") mode = Mode::batch;
    if (option == "--mode" && value == "runs") mode = Mode::runs;
  }
  if (port == 0) {
    std::fputs("usage: bench_floor --port PORT [--mode single|batch|runs]\n", stderr);
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Floor(mode, port).run();
}
