// The admin API: from a request to an answer (etc/openapi.json describes it for others).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/json.h"
#include "http/message.h"
#include "http/server.h"
#include "server/control.h"

namespace turnpike::admin {

// What a handler sees of a request.
struct Call {
  const http::Request& request;
  std::vector<std::string> arguments;  // What stood in the places of {...}.
  Json body;                           // An object; empty when there was none.
  server::Control& control;
};

struct Route {
  http::Method method;
  std::string_view path;  // "/v1/users/{name}"
  http::Response (*handle)(const Call&);
  bool open = false;  // Without a token, for probes.
};

// All of them, one part a file. Valid for ever.
std::span<const Route> process_routes();
std::span<const Route> session_routes();
std::span<const Route> user_routes();
std::span<const Route> rule_routes();
std::vector<Route> all_routes();

class Api {
 public:
  // `control` outlives it.
  explicit Api(server::Control& control) : control_(control) {}

  http::Response handle(const http::Request& request, http::Door door);

 private:
  [[nodiscard]] bool may_enter(const http::Request& request, http::Door door) const;

  server::Control& control_;
};

// Shared by the handlers.
http::Response refuse(server::ControlError error);
// A number in the query, or `otherwise`; nothing when it is not a number up to `highest`.
std::optional<uint64_t> number_parameter(const http::Request& request, std::string_view name,
                                         uint64_t otherwise, uint64_t highest);
// A member of the body; nothing when it is missing or no string.
std::optional<std::string> text_member(const Json& body, const char* name);
// The first member of the body that is not among `known`.
std::optional<std::string> unknown_member(const Json& body,
                                          std::initializer_list<std::string_view> known);
// "2026-11-21T15:04:05Z"
std::string iso_time(WallTime time);

}  // namespace turnpike::admin
