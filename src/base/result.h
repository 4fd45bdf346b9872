// Result<T, E>: a value or an error, both ordinary values.
//
// g++ 12 has no <expected> in C++20 mode, so this is tl::expected; when the standard one can be
// used, these aliases are the only lines that change.
#pragma once

#include <tl/expected.hpp>

namespace turnpike {

template <typename T, typename E>
using Result = tl::expected<T, E>;

using tl::unexpected;

}  // namespace turnpike
