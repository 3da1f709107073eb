/* test_async_load.c - nobody starves: under tasks that never rest, wakes, sockets, timers and tasks
 * from outside still get their turn. */
#include "tests/unit/async_world.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

ASYNC_SUITE(async_load);

static uint32_t stop;
static uint64_t turns;

enum { RESTLESS = 100 };

/* Wakes itself for ever. */
struct restless {
    maru_frame frame;
    maru_pause pause;
};

maru_async(restless)
{
    while (!flag_is_up(&stop)) {
        atomic_add_rlx(&turns, UINT64_C(1));
        maru_try(maru_yield(&me->pause));
    }
}
maru_end;

static maru_runtime *busy_runtime(uint32_t workers)
{
    maru_runtime *runtime = world_new(workers);
    stop = 0;
    turns = 0;
    for (int i = 0; i < RESTLESS; i++)
        maru_detach(maru_spawn_on(runtime, restless));
    return runtime;
}

static void end(maru_runtime *runtime)
{
    flag_raise(&stop);
    world_free(runtime);
}

/* ---- sockets ---- */

enum { ROUNDS = 50 };

struct answers {
    maru_frame frame;
    int fd;
    maru_op io;
    char byte;
};

maru_async(answers)
{
    maru_result n;
    for (;;) {
        maru_try(n, maru_recv(&me->io, me->fd, &me->byte, 1));
        if (n == 0)
            break;
        maru_try(maru_send_all(&me->io, me->fd, &me->byte, 1));
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct asks {
    maru_frame frame;
    int fds[2];
    maru_op io;
    maru_sleep nap;
    maru_scope kids;
    char byte;
    int round;
};

maru_async(asks)
{
    WANT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, me->fds) == 0);
    maru_check(maru_scope_spawn(&me->kids, answers, .fd = me->fds[1]));
    for (me->round = 0; me->round < ROUNDS; me->round++) {
        maru_try(maru_send_all(&me->io, me->fds[0], "x", 1));
        maru_try(maru_recv(&me->io, me->fds[0], &me->byte, 1));
        maru_try(maru_sleep_for(&me->nap, 1000));
    }
    maru_await(maru_close(&me->io, me->fds[0]));
    maru_try(maru_scope_wait(&me->kids));
}
maru_end;

/* conformance 1 */
Test(async_load, sockets_and_timers_progress_beside_a_hundred_restless_tasks)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = busy_runtime(WORLDS[i]);
        maru_task *task = maru_spawn_on(runtime, asks);
        cr_assert_not_null(task);
        maru_detach(task);
        cr_assert_eq(maru_block_on(runtime, asks), 0);
        end(runtime);
    }
}

/* Ready when somebody else completes it, whom `place` tells where it is; it must be completed. */
struct meeting {
    maru_leaf leaf;
    struct meeting **place;
    bool waits;
};

static maru_result meeting_poll(maru_future *self, maru_context *cx)
{
    struct meeting *meeting = (struct meeting *)(void *)self;
    if (meeting->waits)
        return maru_leaf_is_complete(&meeting->leaf) ? 0 : MARU_PENDING;
    meeting->waits = true;
    maru_leaf_wait(&meeting->leaf, cx);
    atomic_store_rel(meeting->place, meeting);
    return MARU_PENDING;
}

static const maru_future_type meeting_type = { meeting_poll, "meeting" };

static maru_future *meeting_start(struct meeting *meeting, struct meeting **place)
{
    meeting->place = place;
    meeting->waits = false;
    return maru_future_init(&meeting->leaf.future, &meeting_type);
}

/* True: somebody waited there. */
static bool meeting_complete(struct meeting **place)
{
    struct meeting *meeting = atomic_exchange_acq(place, NULL);
    if (meeting)
        maru_leaf_complete(&meeting->leaf);
    return meeting;
}

static struct meeting *waiting;
static uint64_t woken_at, worst;

/* Waits, is woken, and notes how many turns others had between. */
struct woken {
    maru_frame frame;
    struct meeting meeting;
    int round;
};

maru_async(woken)
{
    for (me->round = 0; me->round < ROUNDS; me->round++) {
        maru_await(meeting_start(&me->meeting, &waiting));
        uint64_t between = atomic_load_rlx(&turns) - woken_at;
        worst = between > worst ? between : worst;
    }
    flag_raise(&stop);
}
maru_end;

struct wakes {
    maru_frame frame;
    maru_pause pause;
};

maru_async(wakes)
{
    while (!flag_is_up(&stop)) {
        woken_at = atomic_load_rlx(&turns);
        meeting_complete(&waiting);
        maru_try(maru_yield(&me->pause));
    }
}
maru_end;

/* conformance 1 */
Test(async_load, a_wake_is_answered_within_bounded_polls)
{
    maru_runtime *runtime = busy_runtime(0);    /* one thread: turns are exact */
    maru_detach(maru_spawn_on(runtime, woken));
    cr_assert_eq(maru_block_on(runtime, wakes), 0);
    cr_assert_eq(waiting, NULL);
    cr_assert_leq(worst, 4u * (RESTLESS + 3) + 256, "F1: %llu", (unsigned long long)worst);
    end(runtime);
}

/* ---- chains ---- */

static struct meeting *places[2];
static uint32_t gone;            /* one of the two has woken the other for the last time */
static uint64_t pings;

struct ping {
    maru_frame frame;
    struct meeting meeting;
    maru_pause pause;
    int side;
    bool waits;
};

/* Waits for its partner, then wakes it, for ever. */
maru_async(ping)
{
    while (!flag_is_up(&gone)) {
        if (me->waits)
            maru_await(meeting_start(&me->meeting, &places[me->side]));
        me->waits = true;
        if (flag_is_up(&gone))
            break;
        if (flag_is_up(&stop))
            flag_raise(&gone);
        atomic_add_rlx(&pings, UINT64_C(1));
        while (!meeting_complete(&places[!me->side]))
            maru_await(maru_yield(&me->pause));
    }
}
maru_end;

struct chain {
    maru_frame frame;
};

/* Each link spawns the next one and ends. */
maru_async(chain)
{
    if (!flag_is_up(&stop))
        maru_detach(maru_spawn(chain));
}
maru_end;

struct third {
    maru_frame frame;
    maru_pause pause;
    maru_scope kids;
    int left;
};

maru_async(third)
{
    while (me->left-- > 0) {
        maru_check(maru_scope_spawn(&me->kids, restless));
        maru_try(maru_yield(&me->pause));
        maru_scope_cancel(&me->kids);
        maru_await(maru_scope_wait(&me->kids));
    }
}
maru_end;

/* conformance 2 */
Test(async_load, two_that_wake_each_other_starve_no_third)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = world_new(WORLDS[i]);
        stop = gone = 0;
        pings = 0;
        maru_task *tasks[2];
        for (int side = 0; side < 2; side++)
            tasks[side] = maru_spawn_on(runtime, ping, .side = side, .waits = side == 0);
        while (atomic_load_rlx(&pings) < 1000) {
            cr_assert_eq(maru_block_on(runtime, third, .left = 5), 0);
            cr_assert_eq(maru_block_on(runtime, asks), 0);
        }
        flag_raise(&stop);
        while (!maru_task_is_finished(tasks[0]) || !maru_task_is_finished(tasks[1]))
            cr_assert_eq(maru_block_on(runtime, third, .left = 1), 0);
        maru_detach(tasks[0]);
        maru_detach(tasks[1]);
        world_free(runtime);
    }
}

/* conformance 2 */
Test(async_load, a_chain_that_spawns_itself_starves_nobody)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = world_new(WORLDS[i]);
        stop = 0;
        for (int k = 0; k < 3; k++)
            maru_detach(maru_spawn_on(runtime, chain));
        cr_assert_eq(maru_block_on(runtime, third, .left = 50), 0);
        cr_assert_eq(maru_block_on(runtime, asks), 0);
        end(runtime);
    }
}

/* ---- from outside ---- */

static uint32_t arrived;

struct arrives {
    maru_frame frame;
};

maru_async(arrives)
{
    flag_raise(&arrived);
}
maru_end;

struct until_arrived {
    maru_frame frame;
    maru_pause pause;
    uint32_t count;
};

maru_async(until_arrived)
{
    while (atomic_load_acq(&arrived) < me->count)
        maru_try(maru_yield(&me->pause));
}
maru_end;

enum { FROM_OUTSIDE = 1000 };

static void *spawn_many(void *runtime)
{
    for (int i = 0; i < FROM_OUTSIDE; i++) {
        maru_task *task = maru_spawn_on(runtime, arrives);
        WANT(task);
        maru_detach(task);
    }
    return NULL;
}

/* conformance 3 */
Test(async_load, tasks_from_outside_run_beside_a_hundred_restless_ones)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        pthread_t thread;
        maru_runtime *runtime = busy_runtime(WORLDS[i]);
        arrived = 0;
        cr_assert_eq(pthread_create(&thread, NULL, spawn_many, runtime), 0);
        cr_assert_eq(maru_block_on(runtime, until_arrived, .count = FROM_OUTSIDE), 0);
        pthread_join(thread, NULL);
        end(runtime);
    }
}

/* conformance 3 */
Test(async_load, a_task_from_outside_waits_for_a_bounded_number_of_polls)
{
    maru_runtime *runtime = busy_runtime(0);    /* one thread: turns are exact */
    for (int round = 0; round < ROUNDS; round++) {
        arrived = 0;
        uint64_t before = turns;
        maru_detach(maru_spawn_on(runtime, arrives));
        cr_assert_eq(maru_block_on(runtime, until_arrived, .count = 1), 0);
        cr_assert_leq(turns - before, 2 * (4u * (RESTLESS + 2) + 256), "F1");
    }
    end(runtime);
}
