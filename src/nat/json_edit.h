// Changes single values of a JSON object in its text, so that everything else stays as a person has
// written it: order, indentation, the lot.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace turnpike::nat {

struct JsonChange {
  std::string_view key;   // Of the outermost object; plain, without escapes.
  std::string value;      // JSON text.
  bool keep_old = false;  // Only added where it is missing.
};

// The error is a sentence. An empty text becomes an object with those keys.
Result<std::string, std::string> edit_json(std::string_view text,
                                           std::span<const JsonChange> changes);

}  // namespace turnpike::nat
