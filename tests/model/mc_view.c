/*
 * Views (who knows what, as vectors that grow on demand), and the scratch memory that they and the
 * histories live in: taken piece by piece, given back all at once when the execution is over.
 */
#include <string.h>
#include <sys/mman.h>

#include "mc_engine.h"

/* Views and histories of one execution; address space only until it is touched. */
static const size_t scratch_size = (size_t)1 << 32;
static char *scratch;
static size_t scratch_used;

void scratch_begin(void)
{
    if (!scratch) {
        scratch = mmap(NULL, scratch_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (scratch == MAP_FAILED)
            mc_fail("no address space for histories");
    }
    scratch_used = 0;
}

void *scratch_alloc(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (size > scratch_size - scratch_used)
        mc_fail("this execution is too long for the explorer's memory");
    void *piece = scratch + scratch_used;
    scratch_used += size;
    return memset(piece, 0, size);
}

uint32_t view_at(const struct view *view, uint32_t index)
{
    return index < view->len ? view->at[index] : 0;
}

struct view *view_new(uint32_t len, uint32_t room)
{
    struct view *view = scratch_alloc(sizeof(*view) + room * sizeof(view->at[0]));
    view->len = len;
    view->room = room;
    return view;
}

static void view_reserve(struct view **view, uint32_t len)
{
    struct view *old = *view;
    if (old && len <= old->len)
        return;
    if (old && len <= old->room) {
        old->len = len;
        return;
    }
    *view = view_new(len, 2 * len);
    for (uint32_t i = 0; old && i < old->len; i++)
        (*view)->at[i] = old->at[i];
}

void view_raise(struct view **view, uint32_t index, uint32_t when)
{
    view_reserve(view, index + 1);
    if ((*view)->at[index] < when)
        (*view)->at[index] = when;
}

/* A thread's own clock is ahead of what any other view says of it. */
void view_raise_clock(unsigned thread)
{
    view_raise(&mc.threads[thread].view, thread, 1);
}

void view_join(struct view **view, const struct view *other)
{
    view_reserve(view, other->len);
    struct view *mine = *view;
    for (uint32_t i = 0; i < other->len; i++)
        if (mine->at[i] < other->at[i])
            mine->at[i] = other->at[i];
}
