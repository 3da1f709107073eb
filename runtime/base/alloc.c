/* alloc.c - see alloc.h. */
#include "runtime/base/alloc.h"

#include "runtime/base/atomic.h"
#include "runtime/base/check.h"

#include <stdlib.h>
#include <string.h>

/* jemalloc's own names; weak, so they are NULL where it is absent. */
extern void *mallocx(size_t size, int flags) __attribute__((weak));
extern void sdallocx(void *block, size_t size, int flags) __attribute__((weak));

static int align_flag(size_t align)
{
    return __builtin_ctzll(align);              /* as MALLOCX_LG_ALIGN is defined */
}

static size_t round_up(size_t size, size_t align)
{
    return (size + align - 1) & ~(align - 1);   /* aligned_alloc wants a multiple */
}

static bool must_fail(struct alloc *alloc)
{
    if (LIKELY(atomic_load_rlx(&alloc->fail_at) == 0))          /* no partner: tests only */
        return false;
    return atomic_sub_rlx(&alloc->fail_at, 1u) == 1;            /* no partner: tests only */
}

static void *get_block(const struct alloc *alloc, size_t size, size_t align)
{
    if (UNLIKELY(alloc->user.get != NULL))
        return alloc->user.get(alloc->user.arg, size, align);
    if (mallocx && sdallocx)
        return mallocx(size, align_flag(align));
    return aligned_alloc(align, round_up(size, align));
}

void *alloc_get(struct alloc *alloc, size_t size, size_t align)
{
    CHECK(size > 0 && (align & (align - 1)) == 0);
    if (must_fail(alloc))
        return NULL;
    void *block = get_block(alloc, size, align);
    if (!block)
        return NULL;
    atomic_add_rlx(&alloc->live_blocks, 1u);    /* no partner: a metric */
    atomic_add_rlx(&alloc->live_bytes, size);   /* no partner: a metric */
    return block;
}

void *alloc_get_zeroed(struct alloc *alloc, size_t size, size_t align)
{
    void *block = alloc_get(alloc, size, align);
    if (block)
        memset(block, 0, size);
    return block;
}

void alloc_put(struct alloc *alloc, void *block, size_t size, size_t align)
{
    if (!block)
        return;
    atomic_sub_rlx(&alloc->live_blocks, 1u);    /* no partner: a metric */
    atomic_sub_rlx(&alloc->live_bytes, size);   /* no partner: a metric */
    if (UNLIKELY(alloc->user.put != NULL))
        alloc->user.put(alloc->user.arg, block, size, align);
    else if (mallocx && sdallocx)
        sdallocx(block, size, align_flag(align));
    else
        free(block);
}
