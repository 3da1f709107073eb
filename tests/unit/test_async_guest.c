/* test_async_guest.c - maru_block_on by a thread from outside: it polls its own future, again and
 * again, from several threads at once, whatever that future awaits. */
#include "tests/unit/async_world.h"

#include "runtime/task/waker.h"

#include <pthread.h>

ASYNC_SUITE(async_guest);

/* ---- whatever it awaits ---- */

struct adds {
    maru_frame frame;
    int a, b;
    maru_pause pause;
};

maru_async(adds)
{
    maru_try(maru_yield(&me->pause));
    maru_return(me->a + me->b);
}
maru_end;

struct everything {
    maru_frame frame;
    maru_sleep nap;
    maru_timeout limit;
    maru_pause pause;
    maru_scope scope;
    maru_task *task;
    maru_join_wait join;
    struct never never;
    struct adds kid;
    int ended;
};

maru_async(everything)
{
    maru_result n;
    maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_try(maru_yield(&me->pause));
    maru_try(n, maru_call(adds, &me->kid, .a = 1, .b = 2));
    WANT(n == 3);
    maru_await(n, maru_within(&me->limit, MARU_MSEC, never_start(&me->never, 0, &me->ended)));
    WANT(n == -ETIMEDOUT && me->ended == 1);
    maru_select(n, never_start(&me->never, 1, &me->ended), maru_sleep_for(&me->nap, 1));
    WANT(n == 1 && me->ended == 2);
    for (int i = 0; i < 100; i++)
        maru_check(maru_scope_spawn(&me->scope, adds, .a = i, .b = 0));
    maru_try(maru_scope_wait(&me->scope));
    me->task = maru_spawn(adds, .a = 20, .b = 22);
    WANT(me->task);
    maru_try(n, maru_join_task(&me->join, me->task));
    maru_return(n);
}
maru_end;

Test(async_guest, a_guest_may_await_everything)
{
    AS_GUEST(42, everything);
}

Test(async_guest, again_and_again)
{
    maru_runtime *runtime = world_new(2);
    for (int i = 0; i < 200; i++)
        cr_assert_eq(maru_block_on(runtime, adds, .a = i, .b = 1), i + 1);
    world_free(runtime);
}

enum { GUESTS = 6, VISITS = 50 };

static void *visit(void *runtime)
{
    for (int i = 0; i < VISITS; i++) {
        maru_result n = maru_block_on(runtime, everything);
        WANT(n == 42);
    }
    return NULL;
}

Test(async_guest, from_several_threads_at_once)
{
    for (uint32_t workers = 1; workers <= 4; workers *= 2) {
        pthread_t threads[GUESTS];
        maru_runtime *runtime = world_new(workers);
        for (int i = 0; i < GUESTS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, visit, runtime), 0);
        for (int i = 0; i < GUESTS; i++)
            pthread_join(threads[i], NULL);
        world_free(runtime);
    }
}

/* ---- what it leaves behind ---- */

struct leaves_a_task {
    maru_frame frame;
    maru_task **task;
};

maru_async(leaves_a_task)
{
    *me->task = maru_spawn(adds, .a = 3, .b = 4);
    maru_return(*me->task ? 0 : -ENOMEM);
}
maru_end;

Test(async_guest, tasks_that_it_spawned_live_on_without_it)
{
    maru_runtime *runtime = world_new(1);
    maru_task *task;
    cr_assert_eq(maru_block_on(runtime, leaves_a_task, .task = &task), 0);
    cr_assert_eq(world_join(runtime, task), 7);
    world_free(runtime);
}

/* conformance 12: blocking on a runtime inside a task is refused, and the thread stays usable. */
struct blocks_inside {
    maru_frame frame;
    maru_runtime *other;
    maru_sleep nap;
};

maru_async(blocks_inside)
{
    WANT(maru_block_on(maru_runtime_current(), adds, .a = 1) == -EDEADLK);
    WANT(maru_block_on(me->other, adds, .a = 1) == -EDEADLK);
    WANT(maru_runtime_free(me->other) == -EDEADLK);
    maru_try(maru_sleep_for(&me->nap, 1));
}
maru_end;

Test(async_guest, blocking_inside_a_task_is_refused)
{
    maru_runtime *other = world_new(1);
    EVERYWHERE(0, blocks_inside, .other = other);
    AS_GUEST(0, blocks_inside, .other = other);
    cr_assert_eq(maru_block_on(other, adds, .a = 1, .b = 1), 2);
    world_free(other);
}

/* ---- a poll that does not end ---- */

struct opens {
    maru_frame frame;
    uint32_t *gate;
    maru_leaf **bell;
    struct told { maru_leaf leaf; bool waits; } told;
};

static maru_result told_poll(maru_future *self, maru_context *cx)
{
    struct told *told = (struct told *)(void *)self;
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    if (told->waits)
        return maru_leaf_is_complete(&told->leaf) ? 0 : MARU_PENDING;
    told->waits = true;
    maru_leaf_wait(&told->leaf, cx);
    return MARU_PENDING;
}

static const maru_future_type told_type = { told_poll, "told" };

maru_async(opens)
{
    atomic_store_rel(me->bell, &me->told.leaf);
    maru_try(maru_future_init(&me->told.leaf.future, &told_type));
    atomic_store_rel(me->gate, 1u);
}
maru_end;

struct blocks_its_thread {
    maru_frame frame;
    uint32_t *gate;
    maru_leaf **bell;
    maru_task *task;
    maru_join_wait join;
    maru_sleep nap;
};

/* Wakes a task, silently, and blocks its own thread until that has run. */
maru_async(blocks_its_thread)
{
    me->task = maru_spawn(opens, .gate = me->gate, .bell = me->bell);
    while (!atomic_load_acq(me->bell) ||
           atomic_load_acq(&(*me->bell)->future.line_) != LEAF_WAITING)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_leaf_complete(*me->bell);
    struct relax relax = { 0 };
    while (!atomic_load_acq(me->gate))
        relax_turn(&relax);
    maru_try(maru_join_task(&me->join, me->task));
}
maru_end;

Test(async_guest, a_task_that_it_woke_runs_although_its_poll_does_not_end)
{
    for (uint32_t workers = 1; workers <= 4; workers *= 2) {
        uint32_t gate = 0;
        maru_leaf *bell = NULL;
        maru_runtime *runtime = world_new(workers);
        cr_assert_eq(maru_block_on(runtime, blocks_its_thread, .gate = &gate, .bell = &bell), 0);
        world_free(runtime);
    }
}

/* ---- freeing ---- */

struct stays {
    maru_frame frame;
    uint32_t *inside, *leave;
    maru_sleep nap;
};

maru_async(stays)
{
    atomic_store_rel(me->inside, 1u);
    while (!atomic_load_acq(me->leave))
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

static uint32_t inside, leave;

static void *stay(void *runtime)
{
    maru_result n = maru_block_on(runtime, stays, .inside = &inside, .leave = &leave);
    WANT(n == 0);
    return NULL;
}

Test(async_guest, a_runtime_with_a_guest_inside_is_busy)
{
    pthread_t thread;
    maru_runtime *runtime = world_new(2);
    cr_assert_eq(pthread_create(&thread, NULL, stay, runtime), 0);
    struct relax relax = { 0 };
    while (!atomic_load_acq(&inside))
        relax_turn(&relax);
    cr_assert_eq(maru_runtime_free(runtime), -EBUSY);
    atomic_store_rel(&leave, 1u);
    pthread_join(thread, NULL);
    world_free(runtime);
}

Test(async_guest, its_tasks_and_polls_are_counted)
{
    maru_runtime *runtime = world_new(1);
    maru_metrics before = { .size = sizeof before }, after = before;
    cr_assert_eq(maru_metrics_read(runtime, &before), 0);
    cr_assert_eq(maru_block_on(runtime, everything), 42);
    cr_assert_eq(maru_metrics_read(runtime, &after), 0);
    cr_assert_eq(after.live_tasks, 0u);
    cr_assert_gt(after.polls, before.polls);
    world_free(runtime);
}
