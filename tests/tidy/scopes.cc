#include "tidy/scopes.h"

#include <algorithm>
#include <cctype>

#include "tidy/source_text.h"

namespace turnpike::tidy {
namespace {

enum class Kind {
  space,        // A namespace or the file itself.
  type,         // A class, struct or union.
  function,     // The body of a function that is not inside another one.
  initialiser,  // Braces after a name: the declaration goes on behind them.
  block,
};

bool has_word(std::string_view text, std::string_view word) {
  return find_word(text, word) != std::string_view::npos;
}

// Blanks directives and their continuation lines: macros may hold braces without a partner.
std::string without_directives(std::string text) {
  bool in_directive = false;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    in_directive = in_directive || trimmed(line).starts_with('#');
    const bool goes_on = in_directive && line.ends_with('\\');
    if (in_directive)
      std::fill(text.begin() + static_cast<ptrdiff_t>(at),
                text.begin() + static_cast<ptrdiff_t>(end), ' ');
    in_directive = goes_on;
    at = end + 1;
  }
  return text;
}

// "template <...>" may name classes that are none.
std::string_view without_template(std::string_view head) {
  if (!head.starts_with("template")) return head;
  int depth = 0;
  for (size_t at = 0; at < head.size(); ++at) {
    if (head[at] == '<') ++depth;
    if (head[at] == '>' && --depth == 0) return without_template(trimmed(head.substr(at + 1)));
  }
  return head;
}

std::string_view without_access(std::string_view head) {
  for (const std::string_view access : {"public:", "private:", "protected:"}) {
    if (head.starts_with(access)) return without_access(trimmed(head.substr(access.size())));
  }
  return head;
}

std::string_view cleaned(std::string_view head) {
  return without_template(without_access(trimmed(head)));
}

bool has_single_colon(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != ':') continue;
    const bool doubled =
        (at > 0 && text[at - 1] == ':') || (at + 1 < text.size() && text[at + 1] == ':');
    if (!doubled) return true;
  }
  return false;
}

bool ends_with_qualifier(std::string_view head) {
  for (const std::string_view word : {"const", "noexcept", "override", "final"}) {
    if (head.ends_with(word)) return true;
  }
  return false;
}

Kind kind_of(std::string_view head, Kind around) {
  if (head.starts_with("namespace") || head == "extern" || head.starts_with("inline namespace")) {
    return Kind::space;
  }
  const bool parenthesis = head.find('(') != std::string_view::npos;
  const bool type_word =
      has_word(head, "class") || has_word(head, "struct") || has_word(head, "union");
  if (has_word(head, "enum")) return Kind::initialiser;
  if (type_word && !parenthesis) return Kind::type;
  if (around != Kind::space && around != Kind::type) return Kind::block;
  if (!parenthesis) return Kind::initialiser;
  const auto open = std::count(head.begin(), head.end(), '(');
  if (open != std::count(head.begin(), head.end(), ')')) return Kind::initialiser;
  // A constructor's list may initialise with braces: the body is the one after a closing bracket.
  const bool after_name = !head.empty() && (is_name_char(head.back()) || head.back() == '>');
  if (after_name && has_single_colon(head) && !ends_with_qualifier(head)) return Kind::initialiser;
  if (head.ends_with('=') || head.ends_with(',')) return Kind::initialiser;
  return Kind::function;
}

std::string class_name_of(std::string_view head) {
  const size_t colon = head.find(" : ");
  head = trimmed(head.substr(0, colon));
  if (head.ends_with("final")) head = trimmed(head.substr(0, head.size() - 5));
  size_t start = head.size();
  while (start > 0 && is_name_char(head[start - 1])) --start;
  return std::string(head.substr(start));
}

bool begins_with_word(std::string_view text, std::string_view word) {
  return text.starts_with(word) && (text.size() == word.size() || !is_name_char(text[word.size()]));
}

// Where the name that is declared ends: at a parenthesis, an initialiser or a bracket, but at none
// within the arguments of a template or an attribute.
size_t end_of_declared_name(std::string_view head) {
  int depth = 0;
  for (size_t at = 0; at < head.size(); ++at) {
    const char c = head[at];
    if (depth == 0 && (c == '(' || c == '=' || c == '{' || c == '[')) return at;
    if (c == '<') ++depth;
    if (c == '>') --depth;
  }
  return head.size();
}

// What `head` declares for the scope around it; empty: nothing that has a name of its own there.
std::string declared_name(std::string_view head) {
  for (size_t end = head.find("]]"); head.starts_with("[[") && end != std::string_view::npos;
       end = head.find("]]")) {
    head = trimmed(head.substr(end + 2));
  }
  const bool none = begins_with_word(head, "namespace") ||
                    begins_with_word(head, "static_assert") || has_word(head, "operator") ||
                    begins_with_word(head, "using namespace");
  if (none) return {};
  if (begins_with_word(head, "using") && head.find('=') == std::string_view::npos) return {};
  const bool parenthesis = head.find('(') != std::string_view::npos;
  for (const std::string_view word : {"class", "struct", "union", "enum"}) {
    if (begins_with_word(head, word) && !parenthesis && head.find('=') == std::string_view::npos) {
      return class_name_of(head.substr(0, head.find('{')));
    }
  }
  const std::string_view before = trimmed(head.substr(0, end_of_declared_name(head)));
  size_t start = before.size();
  while (start > 0 && is_name_char(before[start - 1])) --start;
  const bool qualified = before.substr(0, start).ends_with("::");
  return qualified ? std::string() : std::string(before.substr(start));
}

struct Open {
  Kind kind;
  std::string head;
  size_t line;
};

class Reader {
 public:
  explicit Reader(std::string_view text)
      : code_(without_directives(blanked(text, Blank::comments_and_literals))) {}

  Scopes run() {
    for (const char c : code_) {
      if (c == '\n') ++line_;
      if (c == '{') {
        open();
      } else if (c == '}') {
        close();
      } else if (c == ';') {
        end_declaration();
      } else {
        head_ += c == '\n' ? ' ' : c;
      }
    }
    return std::move(found_);
  }

 private:
  [[nodiscard]] Kind around() const { return open_.empty() ? Kind::space : open_.back().kind; }

  // Directly in an anonymous namespace, or in a named one within it.
  [[nodiscard]] bool hidden() const {
    bool anonymous = false;
    for (const Open& open : open_) {
      if (open.kind != Kind::space) return false;
      anonymous = anonymous || open.head == "namespace";
    }
    return anonymous;
  }

  void note_hidden(std::string_view head) {
    if (!hidden()) return;
    std::string name = declared_name(head);
    if (!name.empty()) found_.hidden.push_back({std::move(name), line_});
  }

  void open() {
    const std::string head(cleaned(head_));
    const Kind kind = kind_of(head, around());
    if (kind == Kind::type || kind == Kind::function) note_hidden(head);
    open_.push_back({kind, kind == Kind::initialiser ? head_ : head, line_});
    head_.clear();
  }

  void close() {
    if (open_.empty()) return;
    const Open closed = std::move(open_.back());
    open_.pop_back();
    head_.clear();
    // The mark keeps the next brace from being taken for one after a name.
    if (closed.kind == Kind::initialiser) head_ = closed.head + "{}";
    if (closed.kind == Kind::function) {
      found_.functions.push_back({closed.head, closed.line, line_ - closed.line + 1});
    }
  }

  void end_declaration() {
    const std::string_view declaration = cleaned(head_);
    if (around() == Kind::type && !declaration.empty()) {
      found_.members.push_back({class_name_of(open_.back().head), std::string(declaration), line_});
    }
    note_hidden(declaration);
    head_.clear();
  }

  std::string code_;
  std::vector<Open> open_;
  std::string head_;
  size_t line_ = 1;
  Scopes found_;
};

}  // namespace

Scopes read_scopes(std::string_view text) {
  return Reader(text).run();
}

}  // namespace turnpike::tidy
