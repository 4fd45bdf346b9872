#include "support/allocation_guard.h"

#include <cstdlib>
#include <new>

#include <malloc.h>

#include "support/sanitized.h"

// Hooks see what C code takes with malloc, too.
#if TURNPIKE_CLANG_TSAN
#include <sanitizer/allocator_interface.h>
#endif

namespace {

thread_local uint64_t news = 0;
thread_local uint64_t deletes = 0;
thread_local ptrdiff_t bytes = 0;

#if TURNPIKE_CLANG_TSAN

[[maybe_unused]] const int hooked = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, size_t size) {
      ++news;
      bytes += static_cast<ptrdiff_t>(size);
    },
    [](const volatile void* memory) {
      if (memory == nullptr) return;
      ++deletes;
      bytes -= static_cast<ptrdiff_t>(__sanitizer_get_allocated_size(memory));
    });

}  // namespace

#else

void* counted(void* memory) {
  if (memory == nullptr) std::abort();
  ++news;
  bytes += static_cast<ptrdiff_t>(malloc_usable_size(memory));
  return memory;
}

void* allocate(size_t size) {
  return counted(std::malloc(size == 0 ? 1 : size));
}

void* allocate_aligned(size_t size, std::align_val_t alignment) {
  const auto align = static_cast<size_t>(alignment);
  // aligned_alloc asks for a multiple of the alignment.
  return counted(std::aligned_alloc(align, (size + align - 1) / align * align));
}

void release(void* memory) {
  if (memory == nullptr) return;
  ++deletes;
  bytes -= static_cast<ptrdiff_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

// Every form is replaced: under a sanitizer the forms that were left would not match these.
void* operator new(size_t size) {
  return allocate(size);
}
void* operator new[](size_t size) {
  return allocate(size);
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return allocate(size);
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return allocate(size);
}
void* operator new(size_t size, std::align_val_t align) {
  return allocate_aligned(size, align);
}
void* operator new[](size_t size, std::align_val_t align) {
  return allocate_aligned(size, align);
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  release(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, size_t, std::align_val_t) noexcept {
  release(memory);
}

#endif

namespace turnpike::testing {

AllocationGuard::AllocationGuard()
    : news_at_start_(::news), deletes_at_start_(::deletes), bytes_at_start_(::bytes) {}

uint64_t AllocationGuard::news() const {
  return ::news - news_at_start_;
}

uint64_t AllocationGuard::deletes() const {
  return ::deletes - deletes_at_start_;
}

ptrdiff_t AllocationGuard::bytes_held() const {
  return ::bytes - bytes_at_start_;
}

}  // namespace turnpike::testing
