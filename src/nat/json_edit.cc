#include "nat/json_edit.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace turnpike::nat {
namespace {

struct Extent {
  size_t begin;
  size_t end;
};

// Reads as much of RFC 8259 as it takes to know where values begin and end, and that the text is
// one whole object: what is broken is better left alone.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  struct Member {
    std::string_view key;
    Extent value;
  };

  // The members of the outermost object.
  bool scan() {
    // An editor may have left a byte order mark.
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    space();
    if (!object(&members_)) return false;
    space();
    return at_ == text_.size();
  }
  [[nodiscard]] const std::vector<Member>& members() const { return members_; }
  // Just behind the outermost brace that opens, and the one that closes.
  [[nodiscard]] size_t first() const { return first_; }
  [[nodiscard]] size_t last() const { return last_; }

 private:
  static constexpr int kMaxDepth = 100;

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }

  bool string(std::string_view* out) {
    if (!take('"')) return false;
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return false;
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    if (at_ >= text_.size()) return false;
    if (out != nullptr) *out = text_.substr(begin, at_ - begin);
    ++at_;
    return true;
  }

  bool word() {
    const size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n,:]}[{\"").find(text_[at_]) == text_.npos) {
      ++at_;
    }
    const std::string_view found = text_.substr(begin, at_ - begin);
    if (found == "true" || found == "false" || found == "null") return true;
    return !found.empty() && std::all_of(found.begin(), found.end(), [](char c) {
      return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
    });
  }

  bool value() {
    if (peek() == '{') return object(nullptr);
    if (peek() == '[') return array();
    if (peek() == '"') return string(nullptr);
    return word();
  }

  bool array() {
    if (++depth_ > kMaxDepth || !take('[')) return false;
    space();
    while (peek() != ']') {
      if (!value()) return false;
      space();
      if (peek() == ']') break;
      if (!take(',')) return false;
      space();
      if (peek() == ']') return false;
    }
    --depth_;
    return take(']');
  }

  bool object(std::vector<Member>* members) {
    if (++depth_ > kMaxDepth || !take('{')) return false;
    if (members != nullptr) first_ = at_;
    space();
    while (peek() != '}') {
      std::string_view key;
      if (!string(&key)) return false;
      space();
      if (!take(':')) return false;
      space();
      const size_t begin = at_;
      if (!value()) return false;
      if (members != nullptr) members->push_back({key, {begin, at_}});
      space();
      if (peek() == '}') break;
      if (!take(',')) return false;
      space();
      if (peek() == '}') return false;
    }
    --depth_;
    if (members != nullptr) last_ = at_;
    return take('}');
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t first_ = 0;
  size_t last_ = 0;
  int depth_ = 0;
  std::vector<Member> members_;
};

struct Replacement {
  Extent where;
  std::string text;
};

// The white space in front of the first member: new ones get the same.
std::string indent_of(std::string_view text, const Scanner& scanner) {
  const size_t quote = text.find('"', scanner.first());
  if (scanner.members().empty() || quote == text.npos) return "\n  ";
  return std::string(text.substr(scanner.first(), quote - scanner.first()));
}

}  // namespace

Result<std::string, std::string> edit_json(std::string_view text,
                                           std::span<const JsonChange> changes) {
  const bool empty = text.find_first_not_of(" \t\r\n") == text.npos;
  if (empty) text = "{\n}\n";
  Scanner scanner(text);
  if (!scanner.scan()) return unexpected(std::string("it is not a JSON object"));

  std::vector<Replacement> replacements;
  std::string added;
  const std::string indent = indent_of(text, scanner);
  bool any = !scanner.members().empty();
  for (const JsonChange& change : changes) {
    bool found = false;
    for (const Scanner::Member& member : scanner.members()) {
      if (member.key != change.key) continue;
      found = true;
      if (!change.keep_old) replacements.push_back({member.value, change.value});
    }
    if (found) continue;
    added += std::string(any ? "," : "") + indent + '"' + std::string(change.key) +
             "\": " + change.value;
    any = true;
  }
  if (!added.empty()) {
    const auto& members = scanner.members();
    const size_t at = members.empty() ? scanner.first() : members.back().value.end;
    replacements.push_back({{at, at}, added});
  }
  std::sort(
      replacements.begin(), replacements.end(),
      [](const Replacement& a, const Replacement& b) { return a.where.begin > b.where.begin; });
  std::string out(text);
  for (const Replacement& one : replacements) {
    out.replace(one.where.begin, one.where.end - one.where.begin, one.text);
  }
  return out;
}

}  // namespace turnpike::nat
