#include "client/http_address.h"

#include <array>
#include <utility>

#include "net/tcp.h"
#include "net/tcp_connect.h"

namespace turnpike::client {
namespace {

// An address and the headers around it are some hundred bytes.
constexpr size_t kMaxAnswer = 16384;

constexpr std::string_view kMetadataHost = "169.254.169.254";

HttpUrl metadata_url(std::string path) {
  return {std::string(kMetadataHost), 80, std::move(path)};
}

// A token goes into a header: nothing that could end that.
bool is_token(std::string_view text) {
  if (text.empty() || text.size() > 1024) return false;
  for (const char c : text) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

}  // namespace

std::vector<HttpPage> metadata_pages() {
  std::vector<HttpPage> pages;
  pages.push_back({.url = metadata_url("/latest/meta-data/public-ipv4"),  // Amazon, OpenStack
                   .token_path = "/latest/api/token",
                   .token_headers = "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n",
                   .token_name = "X-aws-ec2-metadata-token"});
  pages.push_back({.url = metadata_url("/computeMetadata/v1/instance/network-interfaces/0/"
                                       "access-configs/0/external-ip"),
                   .headers = "Metadata-Flavor: Google\r\n"});
  pages.push_back({.url = metadata_url("/metadata/instance/network/interface/0/ipv4/ipAddress/0/"
                                       "publicIpAddress?api-version=2021-02-01&format=text"),
                   .headers = "Metadata: true\r\n"});  // Azure
  pages.push_back({.url = metadata_url("/hetzner/v1/metadata/public-ipv4")});
  pages.push_back({.url = metadata_url("/metadata/v1/interfaces/public/0/ipv4/address")});
  return pages;
}

HttpAddress::HttpAddress(net::EventLoop& loop, const Ip& server, HttpPage page, Duration patience,
                         std::function<void(std::optional<Ip>)> on_answer)
    : loop_(loop),
      server_{server, page.url.port},
      page_(std::move(page)),
      on_answer_(std::move(on_answer)),
      asking_token_(!page_.token_path.empty()) {
  limit_ = loop_.after(patience, [this] { finish(std::nullopt); });
  if (!asking_token_) {
    connect(http_request("GET", page_.url, page_.headers));
    return;
  }
  HttpUrl url = page_.url;
  url.path = page_.token_path;
  connect(http_request("PUT", url, page_.token_headers + "Content-Length: 0\r\n"));
}

void HttpAddress::connect(std::string request) {
  unsent_ = std::move(request);
  received_.clear();
  auto fd = net::begin_tcp_connection(server_);
  if (!fd) {
    failure_ = loop_.after(Duration::zero(), [this] { finish(std::nullopt); });
    return;
  }
  fd_ = std::move(*fd);
  writable_ = loop_.watch_writable(fd_.get(), [this] { on_writable(); });
}

void HttpAddress::on_writable() {
  if (!readable_) {
    if (net::connect_error(fd_) != 0) return finish(std::nullopt);
    readable_ = loop_.watch(fd_.get(), [this] { on_readable(); });
  }
  const net::StreamWrite result = net::write_stream(fd_, as_bytes(unsent_));
  unsent_.erase(0, result.written);
  if (result.result == net::StreamResult::closed) return finish(std::nullopt);
  if (unsent_.empty()) writable_.reset();
}

void HttpAddress::on_readable() {
  std::array<uint8_t, 4096> buffer;
  const net::StreamRead read = net::read_stream(fd_, buffer);
  if (read.result == net::StreamResult::would_block) return;
  if (read.result == net::StreamResult::closed) return on_end();
  received_ += as_text(read.bytes);
  if (received_.size() > kMaxAnswer) finish(std::nullopt);
}

void HttpAddress::on_end() {
  readable_.reset();
  writable_.reset();
  fd_.reset();
  const auto body = http_body(received_);
  if (!asking_token_) return finish(body ? public_v4(*body) : std::nullopt);
  // A service that knows no tokens may do without.
  asking_token_ = false;
  std::string headers = page_.headers;
  if (body && is_token(*body)) headers += page_.token_name + ": " + std::string(*body) + "\r\n";
  connect(http_request("GET", page_.url, headers));
}

void HttpAddress::finish(std::optional<Ip> ip) {
  readable_.reset();
  writable_.reset();
  limit_.reset();
  fd_.reset();
  const auto on_answer = std::move(on_answer_);
  on_answer(ip);
}

}  // namespace turnpike::client
