#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "config/option.h"
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

// Names are short, so the plain quadratic table is fine.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// People write listening_port, LISTENING-PORT and --listening-port.
std::string normalised(std::string_view name) {
  name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));
  std::string result(name);
  std::replace(result.begin(), result.end(), '_', '-');
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

struct Spelling {
  std::string normalised;
  std::string_view name;
};

const std::vector<Spelling>& spellings() {
  static const std::vector<Spelling> all = [] {
    std::vector<Spelling> result;
    for (const OptionGroup& group : option_groups()) {
      for (const Option& option : group.options) {
        result.push_back({normalised(option.name), option.name});
      }
    }
    return result;
  }();
  return all;
}

using Index = std::unordered_map<std::string_view, const Option*>;

const Index& options_by_name() {
  static const Index index = [] {
    Index result;
    for (const OptionGroup& group : option_groups()) {
      for (const Option& option : group.options) result.emplace(option.name, &option);
    }
    return result;
  }();
  return index;
}

}  // namespace

std::span<const OptionGroup> option_groups() {
  static const std::array<OptionGroup, 14> groups = {{
      {"Listeners", listener_options()},
      {"Clients over TCP, TLS and DTLS", tls_options()},
      {"Relayed addresses", relay_options()},
      {"Users and credentials", auth_options()},
      {"Peers", peer_options()},
      {"Limits", limit_options()},
      {"Protocol", protocol_options()},
      {"Metrics", metrics_options()},
      {"Credentials for web pages", webrtc_options()},
      {"Logs and process", log_options()},
      {"Operation", operation_options()},
      {"Command line only", command_line_options()},
      {"Accepted without effect", accepted_options()},
      {"Refused", refused_options()},
  }};
  return groups;
}

const Option* find_option(std::string_view name) {
  const auto found = options_by_name().find(name);
  return found == options_by_name().end() ? nullptr : found->second;
}

const Option* find_option_by_letter(char letter) {
  if (letter == 0) return nullptr;
  for (const OptionGroup& group : option_groups()) {
    for (const Option& option : group.options) {
      if (option.letter == letter) return &option;
    }
  }
  return nullptr;
}

const Option& canonical(const Option& option) {
  if (option.alias_of.empty()) return option;
  const Option* target = find_option(option.alias_of);
  CHECK(target != nullptr);
  return *target;
}

std::string_view nearest_option(std::string_view wrong) {
  constexpr size_t kLongestName = 64;
  const std::string name = normalised(wrong);
  if (name.empty() || name.size() > kLongestName) return {};
  if (name.size() == 1) {
    const Option* option = find_option_by_letter(wrong.back());
    return option != nullptr ? option->name : std::string_view();
  }
  std::string_view best;
  // A third of the letters wrong is still a typing error; more is another word.
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const Spelling& spelling : spellings()) {
    const std::string& other = spelling.normalised;
    const size_t least = std::max(name.size(), other.size()) - std::min(name.size(), other.size());
    if (least >= best_distance) continue;
    const size_t distance = edit_distance(name, other);
    if (distance >= best_distance) continue;
    best = spelling.name;
    best_distance = distance;
  }
  return best;
}

}  // namespace turnpike::config
