// The parts of the option table, one function a part; options.cc joins them.
#pragma once

#include <span>

#include "config/option.h"

namespace turnpike::config {

std::span<const Option> listener_options();
std::span<const Option> tls_options();
std::span<const Option> relay_options();
std::span<const Option> auth_options();
std::span<const Option> peer_options();
std::span<const Option> limit_options();
std::span<const Option> protocol_options();
std::span<const Option> metrics_options();
std::span<const Option> webrtc_options();
std::span<const Option> log_options();
std::span<const Option> operation_options();
std::span<const Option> command_line_options();

// Options of coturn that are accepted without effect, or refused.
std::span<const Option> accepted_options();
std::span<const Option> refused_options();

}  // namespace turnpike::config
