// Logs, the process, and what only the command line can say.
#include "config/option_values.h"
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

// coturn's special names: "stdout" and "-" are standard output, "syslog" the system log, which is
// where systemd and container runtimes send our standard error.
Complaint set_log_file(Config& config, std::string_view value) {
  if (value.empty()) return "must not be empty";
  config.log_file_path.clear();
  if (value == "stderr" || value == "syslog") {
    config.log_target = LogTarget::standard_error;
  } else if (value == "stdout" || value == "-") {
    config.log_target = LogTarget::standard_output;
  } else {
    config.log_target = LogTarget::file;
    config.log_file_path = value;
  }
  return {};
}

Complaint set_log_format(Config& config, std::string_view value) {
  if (value != "text" && value != "json") return "must be text or json";
  config.log_format = value == "json" ? LogFormat::json : LogFormat::text;
  return {};
}

Complaint set_log_level(Config& config, std::string_view value) {
  const auto level = parse_log_level(value);
  if (!level) return "must be debug, info, warning, error or off";
  config.log_level = *level;
  return {};
}

constexpr Option kLog[] = {
    {.name = "log-file",
     .letter = 'l',
     .placeholder = "FILE",
     .default_text = "stderr",
     .help =
         "File to log to, or stderr, or stdout (also as -); SIGHUP opens a file anew. One that "
         "cannot be written ends the start, but in a turnserver.conf, where it is a warning and "
         "the log goes to stderr.",
     .apply = set_log_file},
    {.name = "log-format",
     .origin = Origin::ours,
     .placeholder = "text|json",
     .default_text = "text",
     .help = "One event a line, as key=value or as JSON. Under systemd, text has the journal's "
             "priorities in place of time and level.",
     .apply = set_log_format},
    {.name = "log-level",
     .origin = Origin::ours,
     .placeholder = "LEVEL",
     .default_text = "info",
     .help = "Least level that is logged: debug, info, warning, error or off.",
     .apply = set_log_level},
    {.name = "log-min-level",
     .placeholder = "LEVEL",
     .help = "coturn's name of log-level.",
     .alias_of = "log-level"},
    {.name = "verbose",
     .letter = 'v',
     .argument = Argument::flag,
     .help = "Another way to say log-level=debug.",
     .alias_of = "log-level",
     .alias_value = "debug"},
    {.name = "Verbose",
     .letter = 'V',
     .argument = Argument::flag,
     .help = "Another way to say log-level=debug.",
     .alias_of = "log-level",
     .alias_value = "debug"},
    {.name = "redact",
     .argument = Argument::flag,
     .origin = Origin::ours,
     .default_text = "off",
     .help = "Cuts the host part off client and peer addresses in logs.",
     .apply = set_flag<&Config::redact_addresses>},
    {.name = "pidfile",
     .placeholder = "FILE",
     .help = "File to write the process id to. Default: none.",
     .apply = set_text<&Config::pidfile_path>},
    {.name = "proc-user",
     .placeholder = "USER",
     .help = "User to run as once all ports are bound and certificates read; needs a start as "
             "root. Files that a reload reads must be readable for this user. Default: the rights "
             "are kept.",
     .apply = set_text<&Config::proc_user>},
    {.name = "proc-group",
     .placeholder = "GROUP",
     .help = "Group to run as, beside proc-user. Default: that user's own.",
     .apply = set_text<&Config::proc_group>},
};

constexpr Option kCommandLineOnly[] = {
    {.name = "config",
     .letter = 'c',
     .origin = Origin::ours,
     .placeholder = "FILE",
     .help = "Configuration file. Default: /etc/turnpike/turnpike.conf if it exists; coturn's own "
             "file is never read unless named here.",
     .support = Support::command_line},
    {.name = "default-config",
     .origin = Origin::ours,
     .placeholder = "FILE[:FILE]",
     .help = "Where to look for a configuration when config names none: the first that exists. "
             "Default: /etc/turnpike/turnpike.conf.",
     .support = Support::command_line},
    {.name = "no-config",
     .letter = 'n',
     .argument = Argument::flag,
     .origin = Origin::ours,
     .help = "Reads no file.",
     .support = Support::command_line},
    {.name = "help",
     .letter = 'h',
     .argument = Argument::flag,
     .origin = Origin::ours,
     .help = "Prints this text.",
     .support = Support::command_line},
    {.name = "version",
     .argument = Argument::flag,
     .help = "Prints the version.",
     .support = Support::command_line},
};

}  // namespace

std::span<const Option> log_options() {
  return kLog;
}
std::span<const Option> command_line_options() {
  return kCommandLineOnly;
}

}  // namespace turnpike::config
