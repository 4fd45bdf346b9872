#include "cli/admin_client.h"

#include <array>
#include <cerrno>
#include <charconv>

#include "base/default_paths.h"
#include "base/hex.h"
#include "net/tcp.h"
#include "net/unix_socket.h"

namespace turnpike::cli {

namespace po = boost::program_options;

namespace {

// A reload may take a while; all else is answered at once.
constexpr int kAdminPatience_s = 30;
constexpr size_t kLargestAnswer = 64UL * 1024 * 1024;

std::string explained(const net::SysError& error, const std::string& path) {
  if (error.code == ENOENT || error.code == ECONNREFUSED) {
    return "no server listens on " + path +
           " (is it running? Its admin-socket may be elsewhere: --socket PATH)";
  }
  if (error.code == EACCES || error.code == EPERM) {
    return "you may not use " + path + " (the server's admin-socket-group says who may)";
  }
  return error.to_string();
}

Result<std::string, std::string> converse(const net::Fd& fd, const std::string& request) {
  const std::string silent = "the server does not answer";
  if (net::write_stream(fd, as_bytes(request)).result != net::StreamResult::some) {
    return unexpected(silent);
  }
  std::string answer;
  std::array<uint8_t, 16384> room;
  while (answer.size() < kLargestAnswer) {
    const net::StreamRead read = net::read_stream(fd, room);
    if (read.result == net::StreamResult::would_block) return unexpected(silent);
    if (read.result == net::StreamResult::closed) return answer;
    answer += as_text(read.bytes);
  }
  return unexpected(std::string("the server's answer is too long"));
}

Result<AdminAnswer, std::string> parsed(const std::string& text) {
  const std::string broken = "what answers there is no Turnpike server";
  constexpr std::string_view kStart = "HTTP/1.1 ";
  const size_t end = text.find("\r\n\r\n");
  if (!text.starts_with(kStart) || end == std::string::npos) return unexpected(broken);
  AdminAnswer answer;
  const std::string_view status = std::string_view(text).substr(kStart.size(), 3);
  const auto [stop, error] =
      std::from_chars(status.data(), status.data() + status.size(), answer.status);
  if (error != std::errc() || stop != status.data() + status.size()) return unexpected(broken);
  const std::string_view body = std::string_view(text).substr(end + 4);
  if (body.empty()) return answer;
  answer.body = Json::parse(body, nullptr, false);
  if (answer.body.is_discarded()) return unexpected(broken);
  return answer;
}

}  // namespace

void add_socket_option(po::options_description& options) {
  const std::string path = default_admin_socket_path(AccountEnvironment::of_this_process());
  options.add_options()("socket", po::value<std::string>(),
                        ("the server's admin socket (default " +
                         (path.empty() ? "none: there is no home directory" : path) + ")")
                            .c_str());
}

std::string socket_path(const ParsedOptions& options) {
  if (options.has("socket")) return options.text("socket");
  return default_admin_socket_path(AccountEnvironment::of_this_process());
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += "%" + to_hex(std::array<uint8_t, 1>{static_cast<uint8_t>(c)});
    }
  }
  return out;
}

Result<AdminAnswer, std::string> AdminClient::ask(std::string_view method,
                                                  const std::string& target,
                                                  const Json& body) const {
  auto fd = net::connect_unix(path_, kAdminPatience_s);
  if (!fd) return unexpected(explained(fd.error(), path_));
  std::string request(method);
  request += " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!body.is_null()) {
    const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) +
               "\r\n\r\n" + text;
  } else {
    request += "\r\n";
  }
  auto answer = converse(*fd, request);
  if (!answer) return unexpected(answer.error());
  return parsed(*answer);
}

std::string refusal_of(const AdminAnswer& answer) {
  if (answer.body.is_object() && answer.body.contains("error")) {
    const Json& error = answer.body["error"];
    if (error.is_object() && error.contains("message") && error["message"].is_string()) {
      return error["message"].get<std::string>();
    }
  }
  return "the server answers " + std::to_string(answer.status);
}

Result<Json, std::string> AdminClient::get(std::string_view method, const std::string& target,
                                           const Json& body) const {
  auto answer = ask(method, target, body);
  if (!answer) return unexpected(answer.error());
  if (answer->status >= 300) return unexpected(refusal_of(*answer));
  return std::move(answer->body);
}

}  // namespace turnpike::cli
