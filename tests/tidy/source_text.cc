#include "tidy/source_text.h"

#include <algorithm>
#include <cctype>

namespace turnpike::tidy {
namespace {

// Walks over the text once; each function below takes what begins at `at_`.
class Blanker {
 public:
  Blanker(std::string_view text, Blank what) : text_(text), out_(text), what_(what) {}

  std::string run() {
    while (at_ < text_.size()) step();
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool starts(std::string_view prefix) const {
    return text_.substr(at_).starts_with(prefix);
  }

  void step() {
    const char c = text_[at_];
    if (starts("//")) {
      erase_to(text_.find('\n', at_));
    } else if (starts("/*")) {
      erase_to(after("*/", at_ + 2));
    } else if (starts("R\"") && !follows_name()) {
      raw_string();
    } else if (c == '"' || (c == '\'' && !follows_name())) {
      literal(c);
    } else {
      ++at_;
    }
  }

  // A quote after a digit or letter separates digits: 1'000.
  [[nodiscard]] bool follows_name() const { return at_ > 0 && is_name_char(text_[at_ - 1]); }

  [[nodiscard]] size_t after(std::string_view mark, size_t from) const {
    const size_t found = text_.find(mark, from);
    return found == std::string_view::npos ? found : found + mark.size();
  }

  void raw_string() {
    const size_t open = text_.find('(', at_);
    if (open == std::string_view::npos) {
      ++at_;
      return;
    }
    const std::string close = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
    literal_to(after(close, open));
  }

  void literal(char quote) {
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
      end += text_[end] == '\\' ? 2 : 1;
    }
    literal_to(std::min(end + 1, text_.size()));
  }

  void literal_to(size_t end) {
    if (what_ == Blank::comments_and_literals) {
      erase_to(end);
    } else {
      at_ = std::min(end, text_.size());
    }
  }

  void erase_to(size_t end) {
    end = std::min(end, text_.size());
    for (; at_ < end; ++at_) {
      if (text_[at_] != '\n') out_[at_] = ' ';
    }
  }

  std::string_view text_;
  std::string out_;
  Blank what_;
  size_t at_ = 0;
};

}  // namespace

std::string blanked(std::string_view text, Blank what) {
  return Blanker(text, what).run();
}

size_t line_of(std::string_view text, size_t position) {
  const std::string_view before = text.substr(0, position);
  return 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

size_t find_word(std::string_view text, std::string_view word, size_t from) {
  const bool border_before = is_name_char(word.front());
  const bool border_after = is_name_char(word.back());
  for (size_t at = text.find(word, from); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if (border_before && at > 0 && is_name_char(text[at - 1])) continue;
    if (border_after && end < text.size() && is_name_char(text[end])) continue;
    return at;
  }
  return std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace turnpike::tidy
