#include "cli/load_options.h"

#include <array>

#include "cli/load_payload.h"
#include "cli/option_parser.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

constexpr std::array kShapes = {LoadShape::voice, LoadShape::video, LoadShape::flood,
                                LoadShape::churn, LoadShape::idle,  LoadShape::binding};
constexpr std::array kCarries = {Carry::channel, Carry::indication, Carry::bare};
constexpr std::array kTransports = {Transport::udp, Transport::tcp, Transport::tls,
                                    Transport::dtls};
std::string_view name(Transport transport) {
  return to_string(transport);
}

constexpr std::array kDirections = {Direction::up, Direction::down, Direction::echo};

constexpr const char* kAboutLoad =
    "Loads a TURN server with many clients and measures what it makes of it.\n"
    "  voice    50 datagrams of 172 bytes a second and client, echoed by the peer\n"
    "  video    30 bursts of 10 datagrams of 1100 bytes a second and client, to the peer\n"
    "  flood    --rate datagrams a second over all clients, to the peer\n"
    "  churn    --rate cycles a second of allocate, permission, channel, release\n"
    "  idle     one allocation with one channel for each client, kept alive\n"
    "  binding  --rate Binding requests a second over all clients\n"
    "The peers are sockets of this process, always drained; every datagram is numbered and "
    "summed,\n"
    "so loss is told and damage noticed. Each client begins at a random point of its period.\n"
    "Latency is one way for up and down, a round trip for echo and requests.\n"
    "\n"
    "With --server-pid, for a server on this host: its CPU time per relayed datagram (or cycle,\n"
    "or request) during the measured time, and its memory per allocation.\n"
    "\n"
    "The server must be willing to relay to the peers' address (for tests on one host:\n"
    "allow-loopback-peers, or allowed-peer-ip), and limits on requests per source address should\n"
    "be lifted for churn, idle and binding.\n"
    "\n"
    "Exit codes: 0 done; 1 not all clients were set up, or data was damaged; 2 wrong options.";

CommandSyntax load_syntax() {
  CommandSyntax syntax{
      .name = kLoadCommand,
      .synopsis = "--host HOST --user USER --password PASSWORD --shape SHAPE [OPTION ...]",
      .about = kAboutLoad,
      .options = po::options_description("Options"),
      .positional = "uri"};
  add_target_options(syntax.options);
  auto add = syntax.options.add_options();
  add("shape", po::value<std::string>()->default_value("voice"),
      "voice, video, flood, churn, idle or binding");
  add("transport", po::value<std::string>(),
      "udp, tcp, tls or dtls between clients and server, unless the URI says");
  add("verify", po::bool_switch(),
      "with tls and dtls: the server's certificate must be valid for the host");
  add("clients,n", po::value<int64_t>(), "number of clients (default 10)");
  add("threads", po::value<int64_t>(), "threads that share them (default 1)");
  add("duration", po::value<int64_t>(), "seconds to measure (default 10)");
  add("warm-up", po::value<int64_t>(), "seconds of load before that (default 1)");
  add("setup-rate", po::value<int64_t>(), "clients to set up a second (default 1000)");
  add("direction", po::value<std::string>(), "up, down or echo, instead of the shape's own");
  add("carry", po::value<std::string>(),
      "channel (default) or indication; bare is for the loop of bench/floor");
  add("between-clients", po::bool_switch(),
      "each two clients send to each other's relayed address, and there are no peers");
  add("rate", po::value<int64_t>(), "of flood, churn and binding, a second (default 100)");
  add("burst", po::value<int64_t>(),
      "of flood: how many of them a client sends at once (default 1)");
  add("size", po::value<int64_t>(), "bytes in each datagram, instead of the shape's own");
  add("peer-ip", po::value<std::string>(), "address of this host for the peers");
  add("peers", po::value<int64_t>(), "sockets of peers in each thread (default 16)");
  add("gso", po::bool_switch(), "let the kernel cut runs of datagrams when sending");
  add("server-pid", po::value<int64_t>(), "process of the server, on this host");
  add("json", po::bool_switch(), "report as JSON");
  return syntax;
}

template <typename Values>
Problem take_word(const ParsedOptions& given, const std::string& option, const Values& values,
                  typename Values::value_type& out) {
  if (!given.has(option)) return {};
  const std::string word = given.text(option);
  std::string all;
  for (const auto value : values) {
    if (name(value) == word) {
      out = value;
      return {};
    }
    all += (all.empty() ? "" : ", ") + std::string(name(value));
  }
  return "--" + option + " is one of " + all;
}

void set_traffic(LoadOptions& options) {
  switch (options.shape) {
    case LoadShape::voice:
      return;
    case LoadShape::video:
      options.direction = Direction::up;
      options.period = Duration(seconds(1)) / 30;
      options.burst = 10;
      options.size = 1100;
      return;
    case LoadShape::flood:
      options.direction = Direction::up;
      options.size = 1000;
      return;
    case LoadShape::churn:
    case LoadShape::idle:
    case LoadShape::binding:
      return;
  }
}

struct Numbers {
  int64_t clients = 10;
  int64_t threads = 1;
  int64_t duration = 10;
  int64_t warm_up = 1;
  int64_t setup_rate = 1000;
  int64_t rate = 100;
  int64_t burst = 1;
  int64_t size = 0;
  int64_t peers = 16;
  int64_t server_pid = 0;
};

Problem take_numbers(const ParsedOptions& given, Numbers& n) {
  struct Range {
    const char* name;
    int64_t lowest;
    int64_t highest;
    int64_t& out;
  };
  const std::array ranges = {
      Range{"clients", 1, 1'000'000, n.clients},
      Range{"threads", 1, 256, n.threads},
      Range{"duration", 1, 86'400, n.duration},
      Range{"warm-up", 0, 3600, n.warm_up},
      Range{"setup-rate", 1, 1'000'000, n.setup_rate},
      Range{"rate", 1, 10'000'000, n.rate},
      Range{"burst", 1, 64, n.burst},
      Range{"size", int64_t{kMinLoadPayload}, int64_t{kMaxLoadPayload}, n.size},
      Range{"peers", 1, 4096, n.peers},
      Range{"server-pid", 1, 1 << 30, n.server_pid},
  };
  for (const Range& range : ranges) {
    if (auto problem = take_number(given, range.name, range.lowest, range.highest, range.out)) {
      return problem;
    }
  }
  if (n.threads > n.clients) return "--threads must not exceed --clients";
  return {};
}

Problem take_transport(const ParsedOptions& given, LoadOptions& options) {
  if (auto problem = take_word(given, "transport", kTransports, options.target.transport)) {
    return problem;
  }
  const Transport transport = options.target.transport;
  if (transport == Transport::udp || transport == Transport::tcp) return {};
  const auto verify =
      given.values["verify"].as<bool>() ? net::TlsVerify::by_system : net::TlsVerify::none;
  auto made = net::TlsClientContext::make(verify);
  if (!made) return "TLS: " + made.error();
  options.tls = std::move(*made);
  return {};
}

Problem take_load(const ParsedOptions& given, LoadOptions& options) {
  if (auto problem = take_word(given, "shape", kShapes, options.shape)) return problem;
  set_traffic(options);
  if (auto problem = take_word(given, "direction", kDirections, options.direction)) return problem;
  const bool moves_data = options.shape == LoadShape::voice || options.shape == LoadShape::video ||
                          options.shape == LoadShape::flood;
  if (auto problem = take_word(given, "carry", kCarries, options.carry)) return problem;
  const bool between = given.values["between-clients"].as<bool>();
  const bool about_data =
      given.has("direction") || given.has("size") || given.has("carry") || between;
  if (!moves_data && about_data) {
    return "--direction, --size, --carry and --between-clients are for voice, video and flood";
  }
  if (between && (given.has("direction") || options.carry == Carry::bare)) {
    return "--between-clients goes without --direction and --carry bare";
  }
  if (between) {
    options.partner = Partner::client;
    options.direction = Direction::up;
  }
  const bool has_rate = options.shape == LoadShape::flood || options.shape == LoadShape::churn ||
                        options.shape == LoadShape::binding;
  if (!has_rate && given.has("rate")) return "--rate is for flood, churn and binding";
  if (options.shape != LoadShape::flood && given.has("burst")) return "--burst is for flood";

  Numbers n;
  if (auto problem = take_numbers(given, n)) return problem;
  options.clients = static_cast<uint32_t>(n.clients);
  options.threads = static_cast<uint32_t>(n.threads);
  if (between && n.clients % (2 * n.threads) != 0) {
    return "--between-clients needs an even number of clients in each thread";
  }
  options.duration = seconds(n.duration);
  options.warm_up = seconds(n.warm_up);
  options.setup_rate = static_cast<uint32_t>(n.setup_rate);
  options.rate = static_cast<uint32_t>(n.rate);
  options.peers = static_cast<uint32_t>(n.peers);
  if (given.has("size")) options.size = static_cast<uint32_t>(n.size);
  if (given.has("server-pid")) options.server_pid = static_cast<int>(n.server_pid);
  if (options.shape == LoadShape::flood) {
    options.burst = static_cast<uint32_t>(n.burst);
    options.period = Duration(seconds(n.clients)) * n.burst / n.rate;
  }
  options.gso = given.values["gso"].as<bool>();
  options.json = given.values["json"].as<bool>();
  if (given.has("peer-ip")) {
    options.peer_ip = Ip::parse(given.text("peer-ip"));
    if (!options.peer_ip) return "--peer-ip must be an IP address";
  }
  if (auto problem = take_target_options(given, options.target)) return problem;
  if (auto problem = take_transport(given, options)) return problem;
  if (options.carry == Carry::bare &&
      (options.target.transport != Transport::udp || options.direction == Direction::down)) {
    return "--carry bare is for UDP, up or echo";
  }
  return {};
}

}  // namespace

std::string_view name(LoadShape shape) {
  switch (shape) {
    case LoadShape::voice:
      return "voice";
    case LoadShape::video:
      return "video";
    case LoadShape::flood:
      return "flood";
    case LoadShape::churn:
      return "churn";
    case LoadShape::idle:
      return "idle";
    case LoadShape::binding:
      return "binding";
  }
  return "?";
}

std::string_view name(Direction direction) {
  switch (direction) {
    case Direction::up:
      return "up";
    case Direction::down:
      return "down";
    case Direction::echo:
      return "echo";
  }
  return "?";
}

std::string_view name(Carry carry) {
  switch (carry) {
    case Carry::channel:
      return "channel";
    case Carry::indication:
      return "indication";
    case Carry::bare:
      return "bare";
  }
  return "?";
}

Result<LoadOptions, int> parse_load_options(Arguments arguments) {
  const ParsedOptions given = parse_options(load_syntax(), arguments);
  if (given.exit_code) return unexpected(*given.exit_code);
  LoadOptions options;
  if (const auto problem = take_load(given, options)) {
    return unexpected(fail(kLoadCommand, *problem + "; see --help", kExitUsage));
  }
  return options;
}

}  // namespace turnpike::cli
