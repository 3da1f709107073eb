/*
 * A dump's look at tasks (state_hold, backtrace_add, task_let_go over slab_walk) against those who
 * wake, cancel, run, end and free them, and against the next user of a slot; real slabs, so a slot
 * comes back at the same address. Everything that a look reads of a frame, and that a runner or a
 * completer writes, is seen by the explorer.
 *
 * What is bookkeeping of the stage alone is not instrumented. Queue words and boxes order with the
 * weakest orders that a queue may have: push releases, take acquires.
 */
#include "maru/async.h"
#include "mc.h"
#include "runtime/base/config.h"
#include "runtime/runtime_backtrace.h"
#include "runtime/task/task.h"
#include "runtime/task/waker.h"

#include <errno.h>
#include <string.h>

#define UNSEEN __attribute__((no_sanitize("thread")))

enum { ENTRIES = 3 };

static struct task_ops ops;
static struct alloc gate;
static struct local local;      /* of the one runner */
static maru_task *entries[ENTRIES];

/* The library's check_failed is the explorer's; this is its other ending. */
void check_misuse(const char *function, const char *file, unsigned line, const char *why)
{
    mc_fail("%s (%s:%u): %s", function, file ? file : "", line, why);
}

/* ---- the queue ---- */

static UNSEEN bool is_queued(const maru_task *task)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        if (entries[i] == task)
            return true;
    return false;
}

static void schedule(const struct task_ops *unused, maru_task *task, enum schedule_why why)
{
    (void)unused;
    (void)why;
    if (is_queued(task))
        mc_fail("T1: two queue entries of one task");
    task->next = NULL; /* as every queue may: it chains its entries through the tasks */
    for (unsigned i = 0; i < ENTRIES; i++) {
        maru_task *nobody = NULL;
        if (atomic_cas_rel(&entries[i], &nobody, task)) /* pairs with take */
            return;
    }
    mc_fail("too many are queued");
}

static maru_task *take(void)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        maru_task *task = atomic_exchange_acq(&entries[i], NULL); /* pairs with schedule */
        if (task)
            return task;
    }
    return NULL;
}

/* ---- the runner ---- */

static UNSEEN void local_set(void)
{
    local = (struct local){.ops = &ops, .budget = BUDGET_DEFAULT, .now_ns = 1};
}

static void stage_begin(void)
{
    struct context *here = context_here();
    mc_thread_local(here, sizeof *here);
    ops.waker = task_waker_ops;
    ops.schedule = schedule;
    local_set();
    slab_init(&local.tasks, &gate, &local, TASK_LIVENESS);
    slab_init(&local.children, &gate, &local, CHILD_LIVENESS);
    here->local = &local;
    here->stack_low = here->stack_high = 1; /* nobody asks the system for the stack's bounds */
}

static void start(const maru_frame *image, size_t size)
{
    maru_task *task = task_new(&local, image, size, 0);
    MC_CHECK(task);
    task_schedule(task, SCHEDULE_SPAWNED);
}
#define START(...) START_(__VA_ARGS__, )
#define START_(name, ...) start(MARU_NEW_(name, __VA_ARGS__))

static void run_until_ended(uint64_t count)
{
    while (local.ended < count) {
        maru_task *task = take();
        if (task)
            task_run(context_here(), task);
        else
            mc_relax();
    }
}

static void run_what_is_queued(void)
{
    maru_task *task;
    while ((task = take()))
        task_run(context_here(), task);
}

/* ---- leaves: a flag of one completer ---- */

struct box {
    maru_leaf *leaf;
};
static struct box boxes[2];
static maru_leaf gone;

struct wait {
    maru_leaf leaf;
    struct box *box;
    bool is_waiting;
};

static maru_result wait_poll(maru_future *self, maru_context *cx)
{
    struct wait *wait = (struct wait *)(void *)self;
    if (!wait->is_waiting && cx->ending == MARU_GO) {
        wait->is_waiting = true;
        maru_leaf_wait(&wait->leaf, cx);
        (void)atomic_exchange_rel(&wait->box->leaf, &wait->leaf); /* pairs with complete */
        return MARU_PENDING;
    }
    if (wait->is_waiting && maru_leaf_is_complete(&wait->leaf))
        return 0;
    if (cx->ending == MARU_GO)
        return MARU_PENDING;
    maru_leaf *before = atomic_exchange_acq(&wait->box->leaf, &gone);
    return before == &wait->leaf || !wait->is_waiting ? -ECANCELED : MARU_PENDING;
}

static const maru_future_type wait_type = {wait_poll, "wait"};

static maru_future *wait_start(struct wait *wait, struct box *box)
{
    wait->box = box;
    wait->is_waiting = false;
    return maru_future_init(&wait->leaf.future, &wait_type);
}

static void complete(void *arg)
{
    struct box *box = arg;
    maru_leaf *leaf;
    while (!(leaf = atomic_exchange_acq(&box->leaf, NULL))) /* pairs with wait_poll */
        mc_relax();
    if (leaf != &gone)
        maru_leaf_complete(leaf);
}

/* ---- the onlooker ---- */

static struct backtrace backtrace;
static char bytes[1024];

static UNSEEN bool text_has(const char *needle)
{
    return strstr(bytes, needle);
}

/* What is read of a slot is a whole task's: a function of ours. */
static const char *name_of(maru_task *task)
{
    const char *name = task_function(task)->type.name;
    MC_CHECK(name);
    return name;
}

static void look_at(maru_task *task)
{
    struct text text;
    uint64_t word;
    if (!state_hold(&task->state, &word)) {
        if (word & STATE_LIVE)
            (void)name_of(task);
        return;
    }
    text_init(&text, bytes, sizeof bytes);
    MC_CHECK(task->since_ns == 1);
    backtrace_add(&text, &backtrace, task, 2);
    MC_CHECK(text_has("wait wait\n") || text_has("wait scope "));
    MC_CHECK(!text_has("quick"));
    task_let_go(task);
}

static void look_at_detached(void *slot, void *unused)
{
    (void)unused;
    look_at(slot);
}

static void look_at_child(void *slot, void *unused)
{
    (void)unused;
    look_at(&((struct maru_child *)slot)->task);
}

static void look(void *children)
{
    context_here()->local = NULL;
    if (children)
        slab_walk(&local.children, look_at_child, NULL);
    else
        slab_walk(&local.tasks, look_at_detached, NULL);
}

/* ---- what is looked at ---- */

struct waits {
    maru_frame frame;
    struct wait wait;
    struct box *box;
};

maru_async(waits)
{
    maru_try(wait_start(&me->wait, me->box));
}
maru_end;

/* As large as `waits`, so that it gets the same slots; ends at once. */
struct quick {
    maru_frame frame;
    struct wait unused[1];
    struct box *box;
};

maru_async(quick)
{
    maru_return(0);
}
maru_end;

struct calls {
    maru_frame frame;
    struct waits kid;
};

maru_async(calls)
{
    maru_try(maru_call(waits, &me->kid, .box = &boxes[0]));
}
maru_end;

static void look_meets_completion(void)
{
    stage_begin();
    mc_expect_leaks(1);
    START(calls);
    run_what_is_queued();
    mc_spawn(look, NULL);
    mc_spawn(complete, &boxes[0]);
    run_until_ended(1);
}

/* From the first poll on. */
static void look_meets_everything(void)
{
    stage_begin();
    mc_expect_leaks(1);
    START(waits, .box = &boxes[0]);
    mc_spawn(look, NULL);
    mc_spawn(complete, &boxes[0]);
    run_until_ended(1);
}

static void cancel_walk(void *slot, void *unused)
{
    (void)unused;
    maru_task *task = slot;
    if (state_cancel(&task->state) == STATE_QUEUE)
        task_schedule(task, SCHEDULE_WOKEN);
}

/* As shutdown cancels. */
static void cancel_all(void *unused)
{
    context_here()->local = NULL;
    slab_walk(&local.tasks, cancel_walk, unused);
}

static void look_meets_cancel(void)
{
    stage_begin();
    mc_expect_leaks(1);
    START(calls);
    run_what_is_queued();
    mc_spawn(look, NULL);
    mc_spawn(cancel_all, NULL);
    run_until_ended(1);
}

/* A slot's user ends, and the next one waits in it. */
static void look_meets_reuse(void)
{
    stage_begin();
    mc_expect_leaks(1);
    mc_spawn(look, NULL);
    START(quick);
    run_what_is_queued();
    START(waits, .box = &boxes[0]);
    run_what_is_queued();
    mc_spawn(complete, &boxes[0]);
    run_until_ended(2);
}

static void two_looks(void)
{
    stage_begin();
    mc_expect_leaks(1);
    START(waits, .box = &boxes[0]);
    run_what_is_queued();
    mc_spawn(look, NULL);
    mc_spawn(look, NULL);
    complete(&boxes[0]);
    run_until_ended(1);
}

/* ---- children ---- */

struct owner {
    maru_frame frame;
    maru_scope kids;
    bool quickly, twice;
};

maru_async(owner)
{
    if (me->quickly)
        maru_check(maru_scope_spawn(&me->kids, quick));
    else
        maru_check(maru_scope_spawn(&me->kids, waits, .box = &boxes[0]));
    maru_try(maru_scope_wait(&me->kids));
    if (me->twice) {
        maru_check(maru_scope_spawn(&me->kids, waits, .box = &boxes[0]));
        maru_try(maru_scope_wait(&me->kids));
    }
}
maru_end;

static int children; /* an argument that is not NULL */

static void look_meets_child(void)
{
    stage_begin();
    mc_expect_leaks(2);
    START(owner);
    mc_spawn(look, &children);
    run_what_is_queued();
    complete(&boxes[0]);
    run_until_ended(2);
}

/* The first child ends in its first poll, by plain stores alone; the second one is in its slot. */
static void look_meets_quick_child(void)
{
    stage_begin();
    mc_expect_leaks(2);
    START(owner, .quickly = true, .twice = true);
    mc_spawn(look, &children);
    run_what_is_queued();
    mc_join_all();
    complete(&boxes[0]);
    run_until_ended(3);
}

/* The owner is looked at while its last child ends. */
static void look_meets_last_child(void)
{
    stage_begin();
    mc_expect_leaks(2);
    START(owner);
    run_what_is_queued();
    mc_spawn(look, NULL);
    mc_spawn(complete, &boxes[0]);
    run_until_ended(2);
}

#define MODEL(symbol, most, text) {.name = #symbol, .claim = text, .body = symbol, .bound = most}

static const struct mc_model models[] = {
    MODEL(look_meets_completion, 2, "T9, T11: a completer and a look at its leaf's frames"),
    MODEL(look_meets_everything, 2, "T1, T2, T11: a look at any moment of a task's life"),
    MODEL(look_meets_cancel, 2, "T7, T11: a cancel of a held task is heard"),
    MODEL(look_meets_reuse, 2, "T11, SL5: what is seen of a slot is one task's"),
    MODEL(two_looks, 2, "T11: two dumps at once take turns"),
    MODEL(look_meets_child, 2, "T11, C3: a child is held before or after it lists itself"),
    MODEL(look_meets_quick_child, 2, "T11, SL5: plain stores of a child's only poll meet no look"),
    MODEL(look_meets_last_child, 2, "C2, T11: the last child wakes an owner that is held"),
};

int main(int argc, char **argv)
{
    return mc_main(argc, argv, models, sizeof(models) / sizeof(models[0]));
}
