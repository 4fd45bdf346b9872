// What one worker remembers of the users it has looked up. Bounded; an unknown user is remembered
// too, so that guessing names does not reach the store each time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "auth/user_store.h"
#include "base/keyed_hash.h"
#include "base/time.h"

namespace turnpike::auth {

class KeyCache {
 public:
  // At most 2 x `generation_size` entries; an entry is good for `lifetime`.
  KeyCache(size_t generation_size, Duration lifetime, const HashKey& hash_key)
      : generation_size_(generation_size),
        lifetime_(lifetime),
        young_(0, Hash{hash_key}),
        old_(0, Hash{hash_key}) {}

  using Answer = Result<UserRecord, LookupError>;

  // That the store can't answer is believed only for as long as it spares it a storm of questions.
  static constexpr Duration kDownLifetime = seconds(1);

  // nullptr: not known here. Valid until the next call. `key` is a realm with a user's name or a
  // userhash, told apart by the prefix that key_of gives.
  const Answer* find(std::string_view key, Instant now) {
    if (const auto it = young_.find(key); it != young_.end()) return live(it->second, now);
    const auto it = old_.find(key);
    if (it == old_.end()) return nullptr;
    Entry entry = std::move(it->second);
    old_.erase(it);
    return live(insert(key, std::move(entry)), now);
  }

  void put(std::string_view key, Answer answer, Instant now) {
    old_.erase(std::string(key));
    const bool is_down = !answer && answer.error() == LookupError::unavailable;
    insert(key, Entry{std::move(answer), now + (is_down ? kDownLifetime : lifetime_)});
  }

  void clear() {
    young_.clear();
    old_.clear();
  }

  [[nodiscard]] size_t size() const { return young_.size() + old_.size(); }

  // A realm has no NUL in it.
  static std::string key_of(std::string_view realm, std::string_view name) {
    return std::string("n").append(realm).append(1, '\0').append(name);
  }
  static std::string key_of(std::string_view realm, const stun::Sha256Mac& userhash) {
    return std::string("h").append(realm).append(1, '\0').append(as_text(userhash));
  }

 private:
  struct Entry {
    Answer answer;
    Instant deadline;
  };
  struct Hash {
    using is_transparent = void;
    HashKey key;
    size_t operator()(std::string_view text) const {
      KeyedHasher hasher(key);
      const ByteView bytes = as_bytes(text);
      hasher.add_range(bytes.data(), bytes.size());
      return hasher.finish();
    }
  };
  using Map = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  static const Answer* live(const Entry& entry, Instant now) {
    return now < entry.deadline ? &entry.answer : nullptr;
  }

  // When the young half is full it becomes the old one: what was not asked for since goes.
  Entry& insert(std::string_view key, Entry entry) {
    if (young_.size() >= generation_size_) {
      old_.swap(young_);
      young_.clear();
    }
    return young_.insert_or_assign(std::string(key), std::move(entry)).first->second;
  }

  size_t generation_size_;
  Duration lifetime_;
  Map young_;
  Map old_;
};

}  // namespace turnpike::auth
