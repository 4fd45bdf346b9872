// What the admin API answers, as text for people.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace turnpike::cli {

// "1.5 MB/s", "640 B".
std::string bytes_text(double bytes, std::string_view suffix);
// "3 d 4 h", "12 min 5 s".
std::string duration_text(int64_t seconds);
// Without control characters: what a server tells may hold what a stranger wrote.
std::string printable_text(std::string text);

std::string status_text(const nlohmann::ordered_json& status);
// One line a session.
std::string sessions_text(const nlohmann::ordered_json& sessions);
// One session with its permissions and channels.
std::string session_text(const nlohmann::ordered_json& session);

}  // namespace turnpike::cli
