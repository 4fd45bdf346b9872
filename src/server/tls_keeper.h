// Keeps the TLS context of a server up to date: certificates that were renewed, and a new key for
// session tickets twice a day.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/tls_context.h"

namespace turnpike::server {

class TlsKeeper {
 public:
  // Time between two looks at the certificate files.
  static constexpr seconds kLookPeriod{10};
  // A ticket lives for two hours, and the key before still opens it.
  static constexpr std::chrono::hours kTicketKeyPeriod{12};

  // Files that were of no use are tried again after that, even if they have not changed: there may
  // have been no descriptor left to read them with.
  static constexpr std::chrono::minutes kRetryPeriod{10};

  // The error says everything that stands in the way.
  static Result<TlsKeeper, std::string> make(const net::TlsSettings& settings, Instant now);

  [[nodiscard]] const std::shared_ptr<const net::TlsContext>& context() const { return context_; }

  // Reads the files again. On an error the context stays as it is.
  [[nodiscard]] Result<void, std::string> reload();

  // Another context, made of other settings, from now on.
  void use(net::TlsSettings settings, std::shared_ptr<const net::TlsContext> context) {
    failed_.clear();
    settings_ = std::move(settings);
    context_ = std::move(context);
  }

  // Once a second or so.
  enum class Due : uint8_t {
    nothing,
    reload,  // The files have changed, since a failed reload() too: reload() is for the caller, who
             // says how it went.
    new_keys,  // context() has another ticket key.
  };
  [[nodiscard]] Due on_tick(Instant now);

 private:
  TlsKeeper(net::TlsSettings settings, std::shared_ptr<const net::TlsContext> context, Instant now);

  net::TlsSettings settings_;
  std::shared_ptr<const net::TlsContext> context_;
  std::vector<net::FileStamp> failed_;  // What the last reload() could not use; empty: it could.
  Instant next_look_;
  Instant next_retry_{};
  Instant next_key_;
};

}  // namespace turnpike::server
