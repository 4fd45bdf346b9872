#include "unit/net/network_namespace.h"

#include <array>
#include <cstdlib>
#include <thread>

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

namespace turnpike::net::testing {
namespace {

// The command runs in the namespace of the calling thread.
bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

bool set_up(int mtu) {
  const std::string far_mac = "02:00:00:00:77:02";
  const std::vector<std::string> commands = {
      "sysctl -qw net.ipv6.conf.default.accept_dad=0",
      "ip link set lo up",
      "ip link add near type veth peer name far",
      "ip link set far address " + far_mac,
      "ip link set near mtu " + std::to_string(mtu),
      "ip link set far mtu " + std::to_string(mtu),
      // GRO at the far end would show the test something else than what was sent.
      "ip link set near up",
      "ip link set far up",
      "ip addr add 10.77.0.1/24 dev near",
      "ip -6 addr add fd77::1/64 dev near nodad",
      "ip neigh replace 10.77.0.2 lladdr " + far_mac + " dev near",
      "ip -6 neigh replace fd77::2 lladdr " + far_mac + " dev near",
  };
  for (const std::string& command : commands) {
    if (!run(command) && command.compare(0, 6, "sysctl") != 0) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> in_network_namespace(int mtu, const std::function<void()>& body) {
  std::optional<std::string> trouble;
  std::thread thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) {
      trouble = "needs the privilege to make a network namespace";
    } else if (!set_up(mtu)) {
      trouble = "could not set up a veth pair (is iproute2 installed?)";
    } else {
      body();
    }
  });
  thread.join();
  return trouble;
}

Capture::Capture() : fd_(::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex("far"));
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    fd_.reset();
  }
}

std::vector<std::vector<uint8_t>> Capture::packets() {
  std::vector<std::vector<uint8_t>> out;
  std::array<uint8_t, 70000> buffer;
  for (;;) {
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) return out;
    const std::vector<uint8_t> packet(buffer.begin(), buffer.begin() + size);
    const bool v4 = packet[0] >> 4 == 4;
    const uint8_t protocol = v4 ? packet[9] : packet[6];
    if (protocol == IPPROTO_UDP || protocol == IPPROTO_FRAGMENT) out.push_back(packet);
  }
}

}  // namespace turnpike::net::testing
