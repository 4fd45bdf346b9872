// Makes an address known: into a file, to a hook. Each change once.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "nat/config_text.h"

namespace turnpike::nat {

struct PublisherSettings {
  std::string file;  // Empty: none.
  Template form = Template::json;
  std::string hook;  // A command for /bin/sh; empty: none.
  Duration hook_patience = seconds(60);
};

class Publisher {
 public:
  explicit Publisher(PublisherSettings settings) : settings_(std::move(settings)) {}

  enum class Outcome : uint8_t { unchanged, published };

  // Does nothing when the address is the last one. The first one counts as a change unless the file
  // says the same already. The hook runs when the file is in place; until it has ended the hash of
  // the text from before stands in FILE.hook, so that a process that was killed in between is made
  // up for by the next one, which finds another text: the address may not tell, since not every
  // form writes all of it. (One that is killed while the hook runs makes it run twice.) An error (a
  // sentence) of the file leaves the address unpublished, so that the next call tries again.
  Result<Outcome, std::string> publish(const PublishedAddress& address);

  // What went wrong with the hook that ran last, which does not make the address unpublished: it
  // runs once for a change. Empty: nothing.
  [[nodiscard]] const std::string& hook_problem() const { return hook_problem_; }

 private:
  Result<bool, std::string> write(const PublishedAddress& address);
  void run(const PublishedAddress& address);
  [[nodiscard]] std::string pending_path() const { return settings_.file + ".hook"; }

  PublisherSettings settings_;
  std::optional<PublishedAddress> last_;
  std::string hook_problem_;
};

}  // namespace turnpike::nat
