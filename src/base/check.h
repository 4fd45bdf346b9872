// CHECK stops the process when an invariant of ours is broken, in production too; DCHECK does so
// in debug builds only. Neither is for what comes from outside.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace turnpike {

[[noreturn]] inline void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "CHECK failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace turnpike

#define CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::turnpike::check_failed(#expression, __FILE__, __LINE__))

#ifdef NDEBUG
#define DCHECK(expression) static_cast<void>(sizeof(!(expression)))
#else
#define DCHECK(expression) CHECK(expression)
#endif
