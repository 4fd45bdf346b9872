// C++ source seen as text: comments and literals blanked out, positions kept.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace turnpike::tidy {

// Where a search found nothing.
inline constexpr size_t kNone = std::string_view::npos;

enum class Blank { comments, comments_and_literals };

// The same text, of the same size and with the same line ends, with spaces for what is blanked.
std::string blanked(std::string_view text, Blank what);

// Counted from 1.
size_t line_of(std::string_view text, size_t position);

std::vector<std::string_view> lines_of(std::string_view text);

bool is_name_char(char c);

// The next place, at or after `from`, where `word` stands by itself: a letter, digit or underscore
// at its border makes it part of another word. npos: none.
size_t find_word(std::string_view text, std::string_view word, size_t from = 0);

std::string_view trimmed(std::string_view text);

}  // namespace turnpike::tidy
