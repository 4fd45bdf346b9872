#include "server/tls_keeper.h"

#include <utility>

namespace turnpike::server {

TlsKeeper::TlsKeeper(net::TlsSettings settings, std::shared_ptr<const net::TlsContext> context,
                     Instant now)
    : settings_(std::move(settings)),
      context_(std::move(context)),
      next_look_(now + kLookPeriod),
      next_key_(now + kTicketKeyPeriod) {}

Result<TlsKeeper, std::string> TlsKeeper::make(const net::TlsSettings& settings, Instant now) {
  auto context = net::TlsContext::make(settings, nullptr);
  if (!context) return unexpected(std::move(context.error()));
  return TlsKeeper(settings, std::move(*context), now);
}

Result<void, std::string> TlsKeeper::reload() {
  // Taken first: what is written meanwhile is another try's.
  failed_ = net::stamps_of(settings_);
  auto context = net::TlsContext::make(settings_, context_.get());
  if (!context) return unexpected(std::move(context.error()));
  failed_.clear();
  context_ = std::move(*context);
  return {};
}

TlsKeeper::Due TlsKeeper::on_tick(Instant now) {
  if (now >= next_key_) {
    next_key_ = now + kTicketKeyPeriod;
    context_ = context_->with_new_ticket_key();
    return Due::new_keys;
  }
  if (now < next_look_) return Due::nothing;
  next_look_ = now + kLookPeriod;
  if (!failed_.empty() && now < next_retry_ && failed_ == net::stamps_of(settings_)) {
    return Due::nothing;
  }
  if (!context_->files_changed()) return Due::nothing;
  next_retry_ = now + kRetryPeriod;
  return Due::reload;
}

}  // namespace turnpike::server
