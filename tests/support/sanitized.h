// Whether this program was built under a sanitizer: g++ and clang++ say it in different ways.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TURNPIKE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TURNPIKE_SANITIZED 1
#endif
#endif
#ifndef TURNPIKE_SANITIZED
#define TURNPIKE_SANITIZED 0
#endif

// The operators new and delete of clang's runtime for threads may not be replaced.
#define TURNPIKE_CLANG_TSAN 0
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef TURNPIKE_CLANG_TSAN
#define TURNPIKE_CLANG_TSAN 1
#endif
#endif
