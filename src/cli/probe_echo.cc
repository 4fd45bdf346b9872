#include "cli/probe_echo.h"

#include <cstdio>
#include <optional>

#include "cli/option_parser.h"
#include "cli/probe_payload.h"
#include "cli/probe_report.h"
#include "client/session_driver.h"
#include "net/clock.h"

namespace turnpike::cli {

int run_echo(uint16_t port) {
  client::SessionDriver driver;
  size_t open = 0;
  std::string problem;
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    // The handler needs the link that open() has yet to answer with.
    const auto line = std::make_shared<std::optional<client::SessionDriver::Link>>();
    const auto link = driver.open({any_address(family), port},
                                  [&driver, line](const Endpoint& from, ByteView bytes) {
                                    const auto echo = echo_of(bytes);
                                    if (echo)
                                      static_cast<void>(driver.send_to(**line, from, *echo));
                                  });
    if (link) {
      *line = *link;
      ++open;
    } else if (problem.empty()) {
      problem = link.error().to_string();
    }
  }
  if (open == 0) return fail(kProbeCommand, problem);
  std::fprintf(stderr, "%s: answering probes on UDP port %u\n", kProbeCommand,
               static_cast<unsigned>(port));
  driver.run_until([] { return false; }, Instant::max());
  return kExitOk;
}

}  // namespace turnpike::cli
