#include "server/control.h"

#include <array>
#include <charconv>

namespace turnpike::server {

std::string SessionId::to_string() const {
  return std::to_string(worker) + "-" + std::to_string(index) + "-" + std::to_string(generation);
}

std::optional<SessionId> SessionId::parse(std::string_view text) {
  std::array<uint32_t, 3> numbers{};
  for (size_t i = 0; i < numbers.size(); ++i) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, numbers[i]);
    if (error != std::errc()) return {};
    text.remove_prefix(static_cast<size_t>(stop - text.data()));
    if (i + 1 == numbers.size()) break;
    if (!text.starts_with('-')) return {};
    text.remove_prefix(1);
  }
  if (!text.empty()) return {};
  return SessionId{numbers[0], numbers[1], numbers[2]};
}

std::string_view to_string(ControlError error) {
  switch (error) {
    case ControlError::no_answer:
      return "a thread of the server did not answer in time";
    case ControlError::busy:
      return "a thread of the server takes no more questions";
  }
  return "?";
}

}  // namespace turnpike::server
