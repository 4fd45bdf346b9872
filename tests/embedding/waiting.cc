// Usage: waiting SERVER SERVER [PORT]. Which public address does that port have?
#include <cstdio>
#include <cstdlib>

#include <turnpike/discovery.h>

int main(int argc, char** argv) {
  namespace discovery = turnpike::discovery;
  discovery::Options options;
  for (int i = 1; i < argc && i <= 2; ++i) options.servers.emplace_back(argv[i]);
  if (argc > 3) options.port = static_cast<std::uint16_t>(std::atoi(argv[3]));
  options.patience = std::chrono::seconds(2);

  const discovery::PublicAddress found = discovery::find_public_address(options);
  if (found.status != discovery::Status::found) {
    std::fprintf(stderr, "status %d: %s\n", static_cast<int>(found.status), found.message.c_str());
    return 10 + static_cast<int>(found.status);
  }
  std::printf("%s %u %s\n", found.address.ip.c_str(), unsigned{found.address.port},
              found.translated ? "translated" : "direct");
}
