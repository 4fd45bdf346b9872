// `turnpike probe`: does that server relay for me?
#include "cli/commands.h"
#include "cli/option_parser.h"
#include "cli/probe_echo.h"
#include "cli/probe_options.h"
#include "cli/probe_report.h"
#include "cli/probe_run.h"

namespace turnpike::cli {

int probe(Arguments arguments) {
  const auto options = parse_probe_options(arguments);
  if (!options) return options.error();
  if (options->echo_port) return run_echo(*options->echo_port);

  const auto target = resolve_target(options->target);
  if (!target) return fail(kProbeCommand, target.error(), static_cast<int>(ProbeExit::unreachable));

  ProbeRun run(*options, *target);
  const ProbeReport report = run.run();
  const ProbeExit exit = exit_of(report);
  if (options->json) {
    print_json(report, exit);
  } else {
    print_text(report);
  }
  return static_cast<int>(exit);
}

}  // namespace turnpike::cli
