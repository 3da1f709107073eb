/* alloc.h - the one gate to memory.
 *
 * Blocks come from the user's allocator when the options named one, else from jemalloc's mallocx
 * when jemalloc is in the process, else from aligned_alloc; libmaru itself is never linked against
 * it. The gate counts what is out, and can be told to fail the nth request, so that tests reach
 * every error path. */
#ifndef MARU_BASE_ALLOC_H
#define MARU_BASE_ALLOC_H

#include "maru/hooks.h"

struct alloc {
    uint64_t live_blocks;        /* relaxed; any thread */
    uint64_t live_bytes;         /* relaxed; any thread */
    uint64_t fail_at;            /* tests: 1 fails the next request, 0 none; any thread */
    maru_allocator user;         /* constant; both functions NULL: there is none */
};

/* size > 0 and a power of two for align, at least that of a pointer. NULL: none left. */
void *alloc_get(struct alloc *alloc, size_t size, size_t align);

/* The same, filled with zeroes. */
void *alloc_get_zeroed(struct alloc *alloc, size_t size, size_t align);

/* Gives back a block with the size and align it was asked for. NULL is fine. */
void alloc_put(struct alloc *alloc, void *block, size_t size, size_t align);

#endif
