/* test_runtime_shutdown.c - ending: every task ends once and may clean up, a deadline holds, what
 * still runs is told, and wakes that come late do no harm. */
#include "runtime/base/atomic.h"
#include "tests/unit/async_world.h"

#include <pthread.h>
#include <unistd.h>

TestSuite(runtime_shutdown, .timeout = 60);

static uint32_t started, cleaned, go;

static void wait_for(uint32_t *count, uint32_t least)
{
    struct relax relax = { 0 };
    while (atomic_load_acq(count) < least)
        relax_turn(&relax);
}

static void begin(void)
{
    started = cleaned = go = 0;
}

/* ---- tasks that wait in every way there is ---- */

struct waits {
    maru_frame frame;
    int how;
    maru_runtime *runtime;
    maru_sleep nap;
    maru_timeout limit;
    maru_pause pause;
    maru_scope kids;
    maru_op io;
    int fds[2];
    char byte;
    unsigned cleanings;
};

enum { WAYS = 6 };

maru_async(waits)
{
    me->runtime = maru_runtime_current();
    me->fds[0] = me->fds[1] = -1;
    atomic_add_ar(&started, 1u);
    switch (me->how) {
    case 0:
        break;
    case 1:
        maru_check(maru_scope_spawn(&me->kids, waits, .how = 0));
        break;
    case 2:
        WANT(socketpair(AF_UNIX, SOCK_STREAM, 0, me->fds) == 0);
        break;
    }
    if (me->how == 0)
        maru_await_cancel();
    if (me->how == 1)
        maru_try(maru_scope_wait(&me->kids));
    if (me->how == 2)
        maru_try(maru_recv(&me->io, me->fds[0], &me->byte, 1));
    if (me->how == 3)
        maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
    if (me->how == 4)
        for (;;)
            maru_try(maru_yield(&me->pause));
    if (me->how == 5)
        maru_try(maru_within(&me->limit, 3600 * MARU_SEC,
                             maru_sleep_for(&me->nap, 7200 * MARU_SEC)));
maru_finally:
    WANT(me->cleanings++ == 0 && maru_runtime_current() == me->runtime);
    maru_await(maru_yield(&me->pause));         /* finally may await */
    maru_await(maru_sleep_for(&me->nap, 1));
    if (me->fds[0] >= 0) {
        maru_await(maru_close(&me->io, me->fds[0]));
        close(me->fds[1]);
    }
    atomic_add_ar(&cleaned, 1u);
}
maru_end;

enum { EACH = 20, EXTRA = EACH };           /* the scopes' children are tasks, too */

static maru_runtime *full_runtime(uint32_t workers)
{
    maru_runtime *runtime = world_new(workers);
    begin();
    for (int i = 0; i < EACH * WAYS; i++)
        maru_detach(maru_spawn_on(runtime, waits, .how = i % WAYS));
    return runtime;
}

/* conformance 8 */
Test(runtime_shutdown, freeing_ends_every_waiting_task_once_and_in_its_runtime)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = full_runtime(WORLDS[i]);
        world_free(runtime);
        cr_assert_geq(cleaned, (unsigned)EACH * WAYS);
        cr_assert_eq(cleaned, started, "those of %u", started);
    }
}

/* conformance 8 */
Test(runtime_shutdown, a_shutdown_ends_every_waiting_task_and_leaves_the_freeing)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_metrics metrics = { .size = sizeof metrics };
        maru_runtime *runtime = full_runtime(WORLDS[i]);
        if (WORLDS[i] > 0)
            wait_for(&started, EACH * WAYS + EXTRA);
        cr_assert_eq(maru_runtime_shutdown(runtime, -1, -1), 0);
        cr_assert_eq(cleaned, started);
        cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
        cr_assert_eq(metrics.live_tasks, 0u);
        cr_assert_eq(maru_runtime_shutdown(runtime, 0, -1), 0, "again, and at once");
        cr_assert_null(maru_spawn_on(runtime, waits));
        cr_assert_eq(maru_block_on(runtime, waits), -MARU_ESHUTDOWN);
        world_free(runtime);
    }
}

/* ---- deadlines ---- */

struct busy {
    maru_frame frame;
};

maru_async(busy)
{
    atomic_add_ar(&started, 1u);
    wait_for(&go, 1);                           /* in its poll: nobody can end it */
}
maru_end;

static void read_report(int fd, char *text, size_t size)
{
    ssize_t n = read(fd, text, size - 1);
    text[n > 0 ? n : 0] = '\0';
}

/* conformance 11 */
Test(runtime_shutdown, zero_returns_at_once_though_something_runs)
{
    char text[4096];
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    for (int i = 1; i < WORLDS_COUNT; i++) {
        begin();
        maru_runtime *runtime = world_new(WORLDS[i]);
        maru_detach(maru_spawn_on(runtime, busy));
        wait_for(&started, 1);
        cr_assert_eq(maru_runtime_shutdown(runtime, 0, fds[1]), -ETIMEDOUT);
        read_report(fds[0], text, sizeof text);
        cr_assert(strncmp(text, "1 tasks still run\n", 18) == 0, "%s", text);
        cr_assert(strstr(text, "function=busy"), "%s", text);
        cr_assert_eq(maru_runtime_shutdown(runtime, MARU_MSEC, -1), -ETIMEDOUT);
        cr_assert_null(maru_spawn_on(runtime, busy), "it goes on shutting down");
        atomic_store_rel(&go, 1u);
        cr_assert_eq(maru_runtime_shutdown(runtime, -1, fds[1]), 0);
        world_free(runtime);
    }
    close(fds[0]);
    close(fds[1]);
}

/* conformance 11 */
Test(runtime_shutdown, a_single_one_runs_nothing_at_once_and_everything_in_time)
{
    begin();
    maru_runtime *runtime = world_new(0);
    for (int how = 0; how < WAYS; how++)
        maru_detach(maru_spawn_on(runtime, waits, .how = how));
    cr_assert_eq(maru_runtime_shutdown(runtime, 0, -1), -ETIMEDOUT);
    cr_assert_eq(started, 0u);
    cr_assert_eq(maru_runtime_shutdown(runtime, 30 * MARU_SEC, -1), 0);
    cr_assert_eq(cleaned, started);
    world_free(runtime);
}

struct stubborn {
    maru_frame frame;
    maru_sleep nap;
    maru_result *slept;
};

/* Cleaning up that takes its time: until it is allowed to end. */
maru_async(stubborn)
{
    atomic_add_ar(&started, 1u);
    maru_await_cancel();
maru_finally:
    while (!atomic_load_acq(&go))
        maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

/* conformance 11 */
Test(runtime_shutdown, who_cleans_up_for_too_long_is_told_of_and_can_be_waited_for)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        begin();
        maru_runtime *runtime = world_new(WORLDS[i]);
        for (int k = 0; k < 3; k++)
            maru_detach(maru_spawn_on(runtime, stubborn));
        cr_assert_eq(maru_runtime_shutdown(runtime, 20 * MARU_MSEC, -1), -ETIMEDOUT);
        atomic_store_rel(&go, 1u);
        cr_assert_eq(maru_runtime_shutdown(runtime, INT64_MAX, -1), 0);
        world_free(runtime);
    }
}

/* conformance 11 */
Test(runtime_shutdown, a_timer_does_not_delay_it)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        begin();
        maru_runtime *runtime = world_new(WORLDS[i]);
        for (int k = 0; k < 50; k++)
            maru_detach(maru_spawn_on(runtime, waits, .how = 3 + 2 * (k % 2)));
        cr_assert_eq(maru_runtime_shutdown(runtime, -1, -1), 0, "the timers are hours away");
        cr_assert_eq(cleaned, started);
        world_free(runtime);
    }
}

/* ---- spawning meanwhile ---- */

struct spawns_at_its_end {
    maru_frame frame;
    maru_scope kids;
    maru_pause pause;
    maru_join_wait join;
    maru_task *task;
    int left;
};

/* Its finally spawns: what is accepted runs, cancelled or not; what is not is told. */
maru_async(spawns_at_its_end)
{
    maru_result rc;
    atomic_add_ar(&started, 1u);
    for (;;)
        maru_try(maru_yield(&me->pause));
maru_finally:
    for (me->left = 5; me->left > 0; me->left--) {
        me->task = maru_spawn(waits, .how = 0);
        if (me->task) {
            maru_cancel(me->task);
            maru_await(rc, maru_join_task(&me->join, me->task));
            WANT(rc == -ECANCELED);
        }
        rc = maru_scope_spawn(&me->kids, waits, .how = 0);
        WANT(rc == 0 || rc == -MARU_ESHUTDOWN || rc == -ECANCELED);
        maru_scope_cancel(&me->kids);
        maru_await(maru_scope_wait(&me->kids));
    }
    atomic_add_ar(&cleaned, 1u);
}
maru_end;

static void *spawn_from_outside(void *arg)
{
    maru_runtime *runtime = arg;
    maru_task *task;
    while ((task = maru_spawn_on(runtime, waits, .how = 0))) {
        maru_detach(task);
        atomic_add_ar(&go, 1u);
        sched_yield();
    }
    return NULL;
}

/* conformance 10 */
Test(runtime_shutdown, what_is_spawned_meanwhile_runs_and_ends_or_is_refused)
{
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < WORLDS_COUNT; i++) {
            pthread_t thread;
            begin();
            maru_runtime *runtime = world_new(WORLDS[i]);
            for (int k = 0; k < 10; k++)
                maru_detach(maru_spawn_on(runtime, spawns_at_its_end));
            cr_assert_eq(pthread_create(&thread, NULL, spawn_from_outside, runtime), 0);
            wait_for(&go, 10);
            cr_assert_eq(maru_runtime_shutdown(runtime, -1, -1), 0);
            pthread_join(thread, NULL);
            cr_assert_eq(cleaned, started, "%u cleaned, %u started", cleaned, started);
            world_free(runtime);
        }
    }
}

/* conformance 10 */
Test(runtime_shutdown, the_handle_of_a_task_that_was_cancelled_by_it_tells_so)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        begin();
        maru_runtime *runtime = world_new(WORLDS[i]), *other = world_new(1);
        maru_task *task = maru_spawn_on(runtime, waits, .how = 3);
        cr_assert_not_null(task);
        cr_assert(!maru_task_is_finished(task));
        cr_assert_eq(maru_runtime_shutdown(runtime, -1, -1), 0);
        cr_assert(maru_task_is_finished(task));
        maru_detach(task);
        world_free(runtime);
        world_free(other);
    }
}

/* ---- late wakes ---- */

struct late {
    maru_leaf leaf;
    bool waits;
};

static struct late *late_one;

/* Pending until its completer has come, asked to end or not. */
static maru_result late_poll(maru_future *self, maru_context *cx)
{
    struct late *late = (struct late *)(void *)self;
    if (late->waits)
        return maru_leaf_is_complete(&late->leaf) ? 0 : MARU_PENDING;
    late->waits = true;
    maru_leaf_wait(&late->leaf, cx);
    atomic_store_rel(&late_one, late);
    return MARU_PENDING;
}

static const maru_future_type late_type = { late_poll, "late" };

struct waits_for_late {
    maru_frame frame;
    struct late late;
};

maru_async(waits_for_late)
{
    maru_await(maru_future_init(&me->late.leaf.future, &late_type));
}
maru_end;

static struct late *take_late(void)
{
    struct relax relax = { 0 };
    struct late *late;
    while (!(late = atomic_exchange_acq(&late_one, NULL)))
        relax_turn(&relax);
    return late;
}

static void *complete_late(void *unused)
{
    (void)unused;
    maru_leaf_complete(&take_late()->leaf);
    return NULL;
}

static pthread_key_t key;

static void complete_at_exit(void *late)
{
    maru_leaf_complete(&((struct late *)late)->leaf);
}

static void *complete_late_at_exit(void *unused)
{
    (void)unused;
    cr_assert_eq(pthread_setspecific(key, take_late()), 0);
    return NULL;
}

/* conformance 9 */
Test(runtime_shutdown, wakes_while_it_is_freed_do_no_harm)
{
    static void *(*const completers[])(void *) = { complete_late, complete_late_at_exit };
    cr_assert_eq(pthread_key_create(&key, complete_at_exit), 0);
    for (int round = 0; round < 100; round++) {
        for (int i = 1; i < WORLDS_COUNT; i++) {
            pthread_t thread;
            maru_runtime *runtime = world_new(WORLDS[i]);
            maru_detach(maru_spawn_on(runtime, waits_for_late));
            cr_assert_eq(pthread_create(&thread, NULL, completers[round % 2], NULL), 0);
            world_free(runtime);
            pthread_join(thread, NULL);
        }
    }
    pthread_key_delete(key);
}

/* conformance 9 */
Test(runtime_shutdown, wakes_and_cancels_after_the_shutdown_do_no_harm)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        begin();
        maru_runtime *runtime = world_new(WORLDS[i]);
        maru_task *task = maru_spawn_on(runtime, waits, .how = 0);
        maru_waker *waker = (maru_waker *)(void *)task;     /* a task begins with its waker */
        waker->ops_->retain(waker);
        cr_assert_eq(maru_runtime_shutdown(runtime, -1, -1), 0);
        waker->ops_->wake(waker);
        maru_cancel(task);
        maru_detach(task);
        waker->ops_->wake(waker);
        waker->ops_->release(waker);
        world_free(runtime);
    }
}

/* ---- guests ---- */

static void *visit(void *runtime)
{
    maru_result result = maru_block_on(runtime, waits, .how = 3);
    return result == -ECANCELED || result == -MARU_ESHUTDOWN ? runtime : NULL;
}

/* conformance 10 */
Test(runtime_shutdown, guests_are_cancelled_and_the_last_task_may_be_theirs)
{
    for (int round = 0; round < 100; round++) {
        for (int i = 1; i < WORLDS_COUNT; i++) {
            pthread_t threads[3];
            void *right;
            begin();
            maru_runtime *runtime = world_new(WORLDS[i]);
            for (int k = 0; k < 3; k++)
                cr_assert_eq(pthread_create(&threads[k], NULL, visit, runtime), 0);
            wait_for(&started, (uint32_t)round % 4);
            cr_assert_eq(maru_runtime_shutdown(runtime, -1, -1), 0);
            for (int k = 0; k < 3; k++) {
                pthread_join(threads[k], &right);
                cr_assert_eq(right, runtime);
            }
            cr_assert_eq(cleaned, started);
            world_free(runtime);
        }
    }
}

/* ---- misuse ---- */

struct shuts {
    maru_frame frame;
    maru_runtime *runtime;
};

maru_async(shuts)
{
    maru_return(maru_runtime_shutdown(me->runtime, 0, -1));
}
maru_end;

static void *shut_elsewhere(void *runtime)
{
    return maru_runtime_shutdown(runtime, 0, -1) == -EPERM ? runtime : NULL;
}

Test(runtime_shutdown, misuse_is_told_and_changes_nothing)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        pthread_t thread;
        void *refused;
        maru_runtime *runtime = world_new(WORLDS[i]);
        cr_assert_eq(maru_runtime_shutdown(NULL, 0, -1), -EINVAL);
        cr_assert_eq(maru_block_on(runtime, shuts, .runtime = runtime), -EDEADLK);
        if (WORLDS[i] == 0) {
            cr_assert_eq(pthread_create(&thread, NULL, shut_elsewhere, runtime), 0);
            pthread_join(thread, &refused);
            cr_assert_eq(refused, runtime);
        }
        cr_assert_eq(maru_block_on(runtime, shuts, .runtime = NULL), -EINVAL, "it still works");
        world_free(runtime);
    }
}

static void *shut_slowly(void *runtime)
{
    return maru_runtime_shutdown(runtime, -1, -1) == 0 ? runtime : NULL;
}

Test(runtime_shutdown, several_threads_may_wait_for_it)
{
    for (int i = 1; i < WORLDS_COUNT; i++) {
        pthread_t threads[4];
        void *over;
        maru_runtime *runtime = full_runtime(WORLDS[i]);
        for (int k = 0; k < 4; k++)
            cr_assert_eq(pthread_create(&threads[k], NULL, shut_slowly, runtime), 0);
        for (int k = 0; k < 4; k++) {
            pthread_join(threads[k], &over);
            cr_assert_eq(over, runtime);
        }
        cr_assert_eq(cleaned, started);
        world_free(runtime);
    }
}
