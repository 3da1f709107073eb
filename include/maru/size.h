/* size.h - how much room the public types take, for languages that read no C headers: they put a
 * maru_sleep, a maru_op or a frame of their own into memory that they got themselves. */
#ifndef MARU_SIZE_H
#define MARU_SIZE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The size of a public type in bytes, by its name in C: "maru_sleep". Memory of this size, zeroed
 * and aligned to 8 bytes, is such an object.
 * Threads: any thread, signal-safe.
 * Returns the size; 0: NULL, or no public type of this library has that name. */
size_t maru_size_of(const char *type);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
