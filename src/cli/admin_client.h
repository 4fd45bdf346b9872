// Talks to the admin API of a running server over its unix socket.
#pragma once

#include <string>
#include <string_view>

#include <boost/program_options.hpp>
#include <nlohmann/json.hpp>

#include "base/result.h"
#include "cli/option_parser.h"

namespace turnpike::cli {

using Json = nlohmann::ordered_json;

struct AdminAnswer {
  int status = 0;
  Json body;
};

// --socket, and --json for the commands that print.
void add_socket_option(boost::program_options::options_description& options);
std::string socket_path(const ParsedOptions& options);

class AdminClient {
 public:
  explicit AdminClient(std::string path) : path_(std::move(path)) {}

  // The error says why there is no answer; an answer may still be a refusal. `body` null: none.
  [[nodiscard]] Result<AdminAnswer, std::string> ask(std::string_view method,
                                                     const std::string& target,
                                                     const Json& body) const;
  // As ask(), and a refusal is an error, too, in the server's words.
  [[nodiscard]] Result<Json, std::string> get(std::string_view method, const std::string& target,
                                              const Json& body) const;

 private:
  std::string path_;
};

// Fit to be a part of a path or a query.
std::string percent_encoded(std::string_view text);

// The server's words for a refusal.
std::string refusal_of(const AdminAnswer& answer);

}  // namespace turnpike::cli
