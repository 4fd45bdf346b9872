// Replaces a file by a new text, at once and with the old one kept.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace turnpike::nat {

enum class Missing : uint8_t { is_error, is_empty };

// Hands the file's text to `edit` and writes what comes back, if that differs: to a new file beside
// it, with the old one's owner and permissions, which then takes its place. The old text stays in
// FILE.bak. A symbolic link stays one; its target is replaced. True: the file was changed. On an
// error (a sentence with the path in it) nothing was.
Result<bool, std::string> update_file(
    const std::string& path, Missing missing,
    const std::function<Result<std::string, std::string>(const std::string&)>& edit);

}  // namespace turnpike::nat
