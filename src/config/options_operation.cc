// The admin interface, and how the server ends.
#include "config/option_values.h"
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

// "off" is a value, not a path.
Complaint set_admin_socket(Config& config, std::string_view value) {
  if (value.empty()) return "must not be empty";
  config.admin_socket = value != "off";
  config.admin_socket_path = config.admin_socket ? value : std::string_view();
  return {};
}

Complaint set_admin_address(Config& config, std::string_view value) {
  const auto ip = Ip::parse(value);
  if (!ip || !ip->is_loopback()) return "must be a loopback address, such as 127.0.0.1";
  config.admin_address = *ip;
  return {};
}

constexpr uint64_t kMaxDrain_s = 604'800;

constexpr Option kOperation[] = {
    {.name = "admin-socket",
     .origin = Origin::ours,
     .placeholder = "PATH|off",
     .help = "Unix socket of the admin API, which `turnpike status` and the like use. Default: "
             "/run/turnpike/admin.sock for root, else turnpike/admin.sock in $XDG_RUNTIME_DIR.",
     .apply = set_admin_socket},
    {.name = "admin-socket-group",
     .origin = Origin::ours,
     .placeholder = "GROUP",
     .help = "Group whose members may use the admin socket. Default: its owner alone.",
     .apply = set_text<&Config::admin_socket_group>},
    {.name = "admin-port",
     .origin = Origin::ours,
     .placeholder = "PORT",
     .default_text = "0",
     .help = "TCP port of the admin API, on a loopback address and with admin-token; 0 leaves it "
             "closed.",
     .apply = set_number<&Config::admin_port, 0, 65535>},
    {.name = "admin-address",
     .origin = Origin::ours,
     .placeholder = "ADDRESS",
     .default_text = "127.0.0.1",
     .help = "Loopback address for admin-port.",
     .apply = set_admin_address},
    {.name = "admin-token",
     .secrecy = Secrecy::secret,
     .origin = Origin::ours,
     .placeholder = "TOKEN",
     .help = "What requests at admin-port must show (Authorization: Bearer TOKEN); 16 bytes or "
             "more.",
     .apply = set_text<&Config::admin_token>},
    {.name = "drain-timeout",
     .origin = Origin::ours,
     .placeholder = "SECONDS",
     .default_text = "0",
     .help = "After SIGTERM, how long sessions may go on while no new ones are admitted; 0 stops "
             "at once. A second SIGTERM, or SIGINT, always stops at once.",
     .apply = set_number<&Config::drain_timeout_s, 0, kMaxDrain_s>},
    {.name = "drain-min-allocations",
     .placeholder = "N",
     .default_text = "0",
     .help = "Draining (SIGUSR1, SIGTERM with drain-timeout, `turnpike drain`) ends when no more "
             "allocations than this are left.",
     .apply = set_number<&Config::drain_min_allocations, 0, 1'000'000'000>},
};

}  // namespace

std::span<const Option> operation_options() {
  return kOperation;
}

}  // namespace turnpike::config
