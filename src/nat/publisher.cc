#include "nat/publisher.h"

#include <unistd.h>

#include "base/hex.h"
#include "nat/file_update.h"
#include "nat/hook.h"
#include "stun/integrity.h"

namespace turnpike::nat {

Result<Publisher::Outcome, std::string> Publisher::publish(const PublishedAddress& address) {
  hook_problem_.clear();
  if (last_ == address) return Outcome::unchanged;
  if (!is_plain_host(address.ip)) {
    return unexpected("'" + address.ip + "' is neither an IP address nor a host name");
  }
  bool changed = true;
  if (!settings_.file.empty()) {
    const auto written = write(address);
    if (!written) return unexpected(written.error());
    // A file that says it already was published by somebody, us before a restart for example.
    changed = *written || last_.has_value();
  }
  last_ = address;
  if (!changed) return Outcome::unchanged;
  if (!settings_.hook.empty()) run(address);
  return Outcome::published;
}

// True: the hook has to run, for this change or for one before that was never told.
Result<bool, std::string> Publisher::write(const PublishedAddress& address) {
  const Missing missing = can_create(settings_.form) ? Missing::is_empty : Missing::is_error;
  bool pending = false;
  const auto edit = [&](const std::string& text) -> Result<std::string, std::string> {
    auto filled = fill_in(settings_.form, text, address);
    if (!filled || settings_.hook.empty()) return filled;
    const std::string now = to_hex(stun::sha256(as_bytes(text))) + '\n';
    const std::string told = text_of(pending_path());
    pending = !told.empty() && told != now;
    // While one is pending the note is of the text from before that, which still is what was told.
    if (pending || *filled == text) return filled;
    if (const auto noted = write_new(pending_path(), now); !noted) return unexpected(noted.error());
    return filled;
  };
  const auto updated = update_file(settings_.file, missing, edit);
  if (!updated) return unexpected(updated.error());
  return *updated || pending;
}

void Publisher::run(const PublishedAddress& address) {
  const std::vector<std::string> variables = {
      "SERVER_IP=" + address.ip,
      "SERVER_ADDR=" + address.ip,
      "SERVER_PORT=" + std::to_string(address.local_port),
      "SERVER_PUBLIC_PORT=" + std::to_string(address.port),
      "PUBLIC_ADDRESS=" + format_answer(address, AnswerFormat::both),
      "LOCAL_IP=" + address.local_ip,
      std::string("TRANSPORT=") + (address.tcp ? "tcp" : "udp"),
  };
  const auto code = run_hook(settings_.hook, variables, settings_.hook_patience);
  if (!code) {
    hook_problem_ = code.error();
  } else if (*code != 0) {
    hook_problem_ = "ended with exit code " + std::to_string(*code);
  }
  if (!settings_.file.empty()) ::unlink(pending_path().c_str());
}

}  // namespace turnpike::nat
