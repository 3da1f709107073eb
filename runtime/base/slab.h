/* slab.h - slots of memory for tasks: a slab a worker, size classes, chunks of 64 KiB.
 *
 * The owner takes and puts without any atomic operation. Any other thread puts by pushing the
 * slot on the slab's remote list, which the owner takes whole when its own list is empty.
 *
 *     owner: get <- free list <- (empty) <- remote list, whole <- (empty) <- bump a chunk
 *     others: put -> remote list
 *
 * SL1 A slot is handed out at most once between two puts.
 * SL2 Only the owner touches a class's free list and bump pointer.
 * SL3 The remote list is pushed by compare-and-swap and only ever taken whole, so a slot that
 *     comes back in between does no harm (no ABA).
 * SL4 What was written into a slot before its put is visible to whoever gets it next.
 * SL5 Of a slot that is not handed out only the first word is written; the rest stays as its last
 *     user left it, and chunks stay until the slab ends. So a word behind the first can tell,
 *     at any time and to any thread, whether the slot is live (slab_walk).
 *
 * A race that is safely handled: a walker reads a slot's liveness while its owner carves the
 * slot. carved is published after the liveness word was zeroed. */
#ifndef MARU_BASE_SLAB_H
#define MARU_BASE_SLAB_H

#include "runtime/base/alloc.h"

#include <stdbool.h>

/* Classes are multiples of 32 up to 512, then four a doubling up to 8 KiB; a larger slot has a
 * chunk of its own. */
enum { SLAB_CLASSES = 16 + 16, SLAB_LIVENESS_OFFSET_MAX = 64 };

/* What walkers may look at in a slot that is given back under them, without being told that the
 * memory is nobody's: the liveness word, and one word more (task.h: whose task it is). */
enum { SLAB_WALKED_BYTES = SLAB_LIVENESS_OFFSET_MAX + 8 };

struct slot {
    struct slot *next;
};

struct chunk;

struct slab_class {
    struct slot *free;           /* owner only (SL2) */
    struct chunk *bump;          /* owner only: the chunk that is being carved */
};

struct slab {
    struct slab_class classes[SLAB_CLASSES + 1];    /* the last: slots with own chunks */
    struct slot *remote;         /* any thread pushes, owner takes all (SL3); all classes mixed */
    struct chunk *chunks;        /* owner pushes; walkers read */
    struct alloc *alloc;
    const void *owner;           /* whose thread may use it as its own */
    uint32_t liveness_offset;    /* of a word in each slot that is 0 when it is not live */
};

/* Of the slot's 64-bit liveness word: at least 8, so that the link does not hit it. */
void slab_init(struct slab *slab, struct alloc *alloc, const void *owner,
               uint32_t liveness_offset);

/* Frees all chunks; the slots must not be used any more. */
void slab_fini(struct slab *slab);

/* A slot of at least size bytes, aligned to 32, contents undefined but for the liveness word,
 * which is 0 when the slot is new and else as the last user left it. NULL: no memory.
 * Owner only. */
void *slab_get(struct slab *slab, size_t size);

/* Gives a slot back, to the slab it came from. `owner` is the caller's, or NULL.
 * Any thread. */
void slab_put(void *slot, const void *owner);

/* The slab that a slot came from. Any thread. */
struct slab *slab_of(const void *slot);

/* Calls fn for every slot whose liveness word is not 0 at some moment of the call.
 * Any thread, while the slab exists. */
void slab_walk(struct slab *slab, void (*fn)(void *slot, void *arg), void *arg);

#endif
