/* See task_support.h. */
#include "task_support.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"
#include "runtime/base/check.h"
#include "runtime/base/config.h"
#include "runtime/base/slab.h"
#include "runtime/task/waker.h"

#include <errno.h>
#include <string.h>

#define UNSEEN __attribute__((no_sanitize("thread")))

/* ---- bookkeeping: not instrumented, set anew by stage_begin ---- */

static struct {
    const char *slots[STAGE_TASKS]; /* a slot's index is its task's queue entry */
    size_t sizes[STAGE_TASKS];
    unsigned count;
    unsigned live;
    unsigned polls;
} books;

static UNSEEN void books_clear(void)
{
    books.count = books.live = books.polls = 0;
}

static UNSEEN void books_add(const void *slot, size_t size)
{
    MC_CHECK(books.count < STAGE_TASKS);
    books.slots[books.count] = slot;
    books.sizes[books.count++] = size;
    books.live++;
}

static UNSEEN bool books_drop(void)
{
    return --books.live == 0;
}

static UNSEEN unsigned books_entries(void)
{
    return books.count;
}

static UNSEEN unsigned entry_of(const maru_task *task)
{
    for (unsigned i = 0; i < books.count; i++)
        if ((size_t)((uintptr_t)task - (uintptr_t)books.slots[i]) < books.sizes[i])
            return i;
    mc_fail("something is queued that is no task");
}

static UNSEEN void count_poll(void)
{
    books.polls++;
}

UNSEEN unsigned stage_polls(void)
{
    return books.polls;
}

/* The library's check_failed is the explorer's; this is its other ending. */
void check_misuse(const char *function, const char *file, unsigned line, const char *why)
{
    mc_fail("%s (%s:%u): %s", function, file ? file : "", line, why);
}

UNSEEN unsigned stage_live(void)
{
    return books.live;
}

/* ---- the queue ---- */

static maru_task *queue[STAGE_TASKS];
static maru_task closed; /* in queue[0] when no task is left */

static void schedule(const struct task_ops *ops, maru_task *task, enum schedule_why why)
{
    (void)ops;
    (void)why;
    task->next = NULL; /* as every queue may: it chains its entries through the tasks */
    maru_task *before = atomic_exchange_rel(&queue[entry_of(task)], task); /* pairs with take */
    if (before)
        mc_fail("T1: two queue entries of one task");
}

static maru_task *take(void)
{
    for (unsigned i = 0; i < books_entries(); i++) {
        maru_task *task = atomic_exchange_acq(&queue[i], NULL); /* pairs with schedule */
        if (task && task != &closed)
            MC_CHECK(!task->next);
        if (task)
            return task;
    }
    return NULL;
}

/* ---- the slab: every slot is a block of its own, and dead for good once it was put ---- */

void *slab_get(struct slab *slab, size_t size)
{
    (void)slab;
    void *slot = mc_alloc(size);
    books_add(slot, size);
    return slot;
}

void slab_put(void *slot, const void *owner)
{
    (void)owner;
    mc_free(slot);
    if (books_drop() && atomic_exchange_rel(&queue[0], &closed)) /* pairs with take */
        mc_fail("T6: freed while it was queued");
}

/* ---- other memory ---- */

void *alloc_get(struct alloc *alloc, size_t size, size_t align)
{
    (void)alloc;
    (void)align;
    return mc_alloc(size);
}

void *alloc_get_zeroed(struct alloc *alloc, size_t size, size_t align)
{
    (void)alloc;
    (void)align;
    void *block = mc_alloc(size);
    memset(block, 0, size);
    return block;
}

void alloc_put(struct alloc *alloc, void *block, size_t size, size_t align)
{
    (void)alloc;
    (void)size;
    (void)align;
    mc_free(block);
}

/* ---- runners ---- */

unsigned stage_numbers[STAGE_RUNNERS] = {0, 1, 2, 3};

static struct task_ops ops;
static struct local locals[STAGE_RUNNERS];

struct local *stage_local(unsigned number)
{
    return &locals[number];
}

static UNSEEN void locals_set(void)
{
    ops.waker = task_waker_ops;
    ops.schedule = schedule;
    for (unsigned i = 0; i < STAGE_RUNNERS; i++) {
        locals[i].ops = &ops;
        locals[i].id = i;
        locals[i].budget = BUDGET_DEFAULT;
    }
}

static struct context *become(unsigned number)
{
    struct context *here = context_here();
    here->local = &locals[number];
    here->worker_id = number;
    here->stack_low = here->stack_high = 1; /* nobody asks the system for the stack's bounds */
    return here;
}

void stage_begin(void)
{
    mc_thread_local(context_here(), sizeof(struct context));
    books_clear();
    locals_set();
    become(0);
}

maru_task *stage_start(const maru_frame *image, size_t size, uint64_t flags)
{
    maru_task *task = task_new(context_here()->local, image, size, flags);
    MC_CHECK(task);
    mc_label(&task->state, "state");
    task_schedule(task, SCHEDULE_SPAWNED);
    return task;
}

void stage_run(void *number)
{
    struct context *here = become(number ? *(unsigned *)number : 0);
    for (;;) {
        maru_task *task = take();
        if (!task) {
            mc_relax();
            continue;
        }
        if (task == &closed) {
            (void)atomic_exchange_rel(&queue[0], &closed); /* for the other runners */
            return;
        }
        count_poll();
        task_run(here, task);
    }
}

void stage_run_until(uint64_t ended)
{
    struct context *here = context_here();
    while (metric_read(&here->local->ended) < ended) {
        maru_task *task = take();
        if (task)
            task_run(here, task);
        else
            mc_relax();
    }
}

void stage_step(void)
{
    maru_task *task = take();
    MC_CHECK(task && task != &closed);
    count_poll();
    task_run(context_here(), task);
}

/* ---- leaves ---- */

static maru_leaf gone; /* in a box whose leaf will not come any more */

static maru_result wait_poll(maru_future *self, maru_context *cx)
{
    struct stage_wait *wait = (struct stage_wait *)(void *)self;
    struct stage_box *box = wait->box;
    if (!wait->is_waiting && cx->ending != MARU_GO) {
        (void)atomic_exchange_rel(&box->leaf, &gone);
        return -ECANCELED;
    }
    if (!wait->is_waiting) {
        wait->is_waiting = true;
        maru_leaf_wait(&wait->leaf, cx);
        (void)atomic_exchange_rel(&box->leaf, &wait->leaf); /* pairs with stage_complete */
        return MARU_PENDING;
    }
    if (maru_leaf_is_complete(&wait->leaf))
        return box->mail;
    if (cx->ending == MARU_GO)
        return MARU_PENDING;
    /* Taken back, unless the completer is on its way. */
    bool is_back = atomic_exchange_acq(&box->leaf, &gone) == &wait->leaf;
    return is_back ? -ECANCELED : MARU_PENDING;
}

static const maru_future_type wait_type = {wait_poll, "stage_wait"};

maru_future *stage_wait(struct stage_wait *wait, struct stage_box *box)
{
    wait->box = box;
    wait->is_waiting = false;
    return maru_future_init(&wait->leaf.future, &wait_type);
}

void stage_complete(void *arg)
{
    struct stage_box *box = arg;
    maru_leaf *leaf;
    while (!(leaf = atomic_exchange_acq(&box->leaf, NULL))) /* pairs with wait_poll */
        mc_relax();
    if (leaf == &gone)
        return;
    box->mail = STAGE_MAIL;
    maru_leaf_complete(leaf);
}
