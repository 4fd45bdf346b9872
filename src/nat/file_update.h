// Replaces a file by a new text, at once and with the old one kept.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace turnpike::nat {

enum class Missing : uint8_t { is_error, is_empty };

// Hands the file's text to `edit` and writes what comes back, if that differs: to a new file beside
// it, with the old one's owner and permissions, which then takes its place. The text from before
// the first change stays in FILE.bak, whatever follows. A symbolic link stays one; its target is
// replaced. True: the file was changed. On an error (a sentence with the path in it) nothing was.
Result<bool, std::string> update_file(
    const std::string& path, Missing missing,
    const std::function<Result<std::string, std::string>(const std::string&)>& edit);

// A file that is new or takes another one's place.
Result<void, std::string> write_new(const std::string& path, std::string_view text);

// Empty where there is none.
std::string text_of(const std::string& path);

}  // namespace turnpike::nat
