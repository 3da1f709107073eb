/* inject.c - see inject.h. */
#include "runtime/queue/inject.h"

#include "runtime/base/lock.h"
#include "runtime/task/task.h"

#include <string.h>

void inject_init(struct inject *inject)
{
    memset(inject, 0, sizeof *inject);
}

static void append(struct inject *inject, maru_task *task)
{
    task->next = NULL;
    if (inject->last)
        inject->last->next = task;
    else
        inject->first = task;
    inject->last = task;
    inject->pushes++;
    atomic_store_sc(&inject->len, inject->len + 1);     /* pairs with inject_len (I4) */
}

bool inject_push(struct inject *inject, maru_task *task)
{
    lock_take(&inject->lock);
    bool open = !inject->closed;
    if (open)
        append(inject, task);
    lock_give(&inject->lock);
    return open;
}

void inject_push_live(struct inject *inject, maru_task *task)
{
    lock_take(&inject->lock);
    append(inject, task);
    lock_give(&inject->lock);
}

unsigned inject_pop(struct inject *inject, maru_task **ret_tasks, unsigned most)
{
    unsigned n = 0;
    if (inject_len(inject) == 0)
        return 0;
    lock_take(&inject->lock);
    while (n < most && inject->first) {
        ret_tasks[n] = inject->first;
        inject->first = ret_tasks[n]->next;
        n++;
    }
    if (!inject->first)
        inject->last = NULL;
    atomic_store_rlx(&inject->len, inject->len - n);    /* with inject_len: fewer is no promise */
    lock_give(&inject->lock);
    return n;
}

void inject_close(struct inject *inject)
{
    lock_take(&inject->lock);
    inject->closed = true;
    lock_give(&inject->lock);
}

uint64_t inject_pushes(struct inject *inject)
{
    lock_take(&inject->lock);
    uint64_t pushes = inject->pushes;
    lock_give(&inject->lock);
    return pushes;
}

uint64_t inject_len(struct inject *inject)
{
    return atomic_load_sc(&inject->len);                /* pairs with append: store of len */
}
