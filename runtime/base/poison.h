/* poison.h - tells the checkers which memory is nobody's, where a slab hides it from them. */
#ifndef MARU_BASE_POISON_H
#define MARU_BASE_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define MARU_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MARU_ASAN 1
#endif
#endif

#if defined(MARU_MODEL)
void mc_poison(const void *memory, size_t size);
void mc_unpoison(const void *memory, size_t size);
#define POISON(memory, size)   mc_poison((memory), (size))
#define UNPOISON(memory, size) mc_unpoison((memory), (size))
#elif defined(MARU_ASAN)
void __asan_poison_memory_region(void const volatile *memory, size_t size);
void __asan_unpoison_memory_region(void const volatile *memory, size_t size);
#define POISON(memory, size)   __asan_poison_memory_region((memory), (size))
#define UNPOISON(memory, size) __asan_unpoison_memory_region((memory), (size))
#else
#define POISON(memory, size)   ((void)(memory), (void)(size))
#define UNPOISON(memory, size) ((void)(memory), (void)(size))
#endif

#endif
