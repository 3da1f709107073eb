/* test_async_clock.c - paused clocks: what takes hours takes no time, and always goes the same way.
 * All of it would take days of real time. */
#include "async_world.h"

#include "runtime/base/context.h"
#include "runtime/sched/worker.h"

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

ASYNC_SUITE(async_clock);

#define HOUR (3600 * MARU_SEC)

static maru_runtime *virtual_new(void)
{
    maru_options options;
    maru_runtime *runtime = NULL;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    options.clock = MARU_CLOCK_VIRTUAL;
    options.seed = 1;
    int rc = maru_runtime_new(&options, &runtime);
    cr_assert_eq(rc, 0, "%s", maru_err_name(rc));
    return runtime;
}

/* VIRTUALLY(result, f, .arg = v): f ends with this result on a virtual clock. */
#define VIRTUALLY(expected, ...)                                                                \
    do {                                                                                        \
        maru_runtime *runtime_ = virtual_new();                                                 \
        maru_result result_ = maru_block_on(runtime_, __VA_ARGS__);                             \
        cr_assert_eq(result_, (expected), "%s: %lld", #__VA_ARGS__, (long long)result_);        \
        world_free(runtime_);                                                                   \
    } while (0)

/* ---- jumping ---- */

struct years {
    maru_frame frame;
    int i;
    int64_t due;
    maru_sleep nap;
};

maru_async(years)
{
    static const int64_t naps[] = { 1, 2, 63, 64, 4095, 4096, 131071, 131072, MARU_MSEC,
                                    63 * MARU_MSEC, 64 * MARU_MSEC, MARU_SEC, HOUR,
                                    2 * 365 * 24 * HOUR, 100 * 365 * 24 * HOUR };
    WANT(maru_now() == 0);
    for (me->i = 0; me->i < (int)(sizeof naps / sizeof *naps); me->i++) {
        me->due = maru_now() + naps[me->i];
        maru_try(maru_sleep_for(&me->nap, naps[me->i]));
        WANT(maru_now() == me->due);
    }
}
maru_end;

/* conformance 27 */
Test(async_clock, sleeps_end_at_exactly_their_deadline_after_years_too)
{
    VIRTUALLY(0, years);
}

enum { SLEEPERS = 10000 };

static struct {
    int64_t ns;
    int number;
} woken[2][SLEEPERS];
static int woken_count;

struct sleeper {
    maru_frame frame;
    int number, round;
    int64_t ns;
    maru_sleep nap;
};

maru_async(sleeper)
{
    maru_try(maru_sleep_until(&me->nap, me->ns));
    WANT(maru_now() == me->ns);
    woken[me->round][woken_count].ns = me->ns;
    woken[me->round][woken_count++].number = me->number;
}
maru_end;

struct crowd {
    maru_frame frame;
    int round;
    maru_scope scope;
};

maru_async(crowd)
{
    uint32_t random = 12345;
    for (int i = 0; i < SLEEPERS; i++) {
        random = random * 1664525 + 1013904223;
        int64_t ns = i % 3 ? 1 + (random >> 8) : MARU_MSEC * (1 + (random >> 28));
        maru_check(maru_scope_spawn(&me->scope, sleeper, .number = i, .round = me->round,
                                    .ns = ns));
    }
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

/* conformance 33 */
Test(async_clock, ten_thousand_sleeps_end_in_the_order_of_deadlines_each_time)
{
    for (int round = 0; round < 2; round++) {
        woken_count = 0;
        VIRTUALLY(0, crowd, .round = round);
        cr_assert_eq(woken_count, SLEEPERS);
    }
    for (int i = 1; i < SLEEPERS; i++)
        cr_assert_leq(woken[0][i - 1].ns, woken[0][i].ns, "%d", i);
    cr_assert_arr_eq(woken[0], woken[1], sizeof woken[0]);
}

struct equals {
    maru_frame frame;
    int i;
    maru_pause pause;
    maru_sleep nap;
};

maru_async(equals)
{
    woken_count = 0;
    for (me->i = 0; me->i < 2000; me->i++) {
        maru_detach(maru_spawn(sleeper, .number = me->i, .ns = MARU_MSEC + me->i % 2));
        maru_try(maru_yield(&me->pause));       /* it has armed its sleep */
    }
    WANT(maru_now() == 0);
    maru_try(maru_sleep_until(&me->nap, MARU_MSEC + 2));
    WANT(woken_count == 2000);
    for (int i = 1; i < 2000; i++)
        WANT(i == 1000 || woken[0][i].number == woken[0][i - 1].number + 2);
    WANT(woken[0][0].number == 0 && woken[0][1000].number == 1);
}
maru_end;

/* conformance 33 */
Test(async_clock, equal_deadlines_end_in_the_order_in_which_they_were_set)
{
    VIRTUALLY(0, equals);
}

struct waits_in_vain {
    maru_frame frame;
    maru_timeout limit;
    maru_sleep nap;
};

maru_async(waits_in_vain)
{
    maru_result rc;
    maru_await(rc, maru_within(&me->limit, 7 * HOUR, maru_sleep_for(&me->nap, INT64_MAX)));
    WANT(rc == -ETIMEDOUT && maru_timed_out(&me->limit) && maru_now() == 7 * HOUR);
    maru_await(rc, maru_within(&me->limit, 7 * HOUR, maru_sleep_for(&me->nap, HOUR)));
    WANT(rc == 0 && maru_now() == 8 * HOUR);
}
maru_end;

Test(async_clock, limits_follow_it)
{
    VIRTUALLY(0, waits_in_vain);
}

/* ---- what is real ---- */

struct chatters {
    maru_frame frame;
    int fd, i;
    bool first;
    char byte;
    maru_op io;
    maru_timeout limit;
};

maru_async(chatters)
{
    maru_result n;
    for (me->i = 0; me->i < 200; me->i++) {
        if (me->first || me->i > 0)
            maru_try(maru_send_all(&me->io, me->fd, "x", 1));
        maru_await(n, maru_within(&me->limit, 1, maru_recv(&me->io, me->fd, &me->byte, 1)));
        WANT(n == 1);
    }
    if (!me->first)
        maru_try(maru_send_all(&me->io, me->fd, "x", 1));
}
maru_end;

struct talk {
    maru_frame frame;
    int fds[2];
    struct chatters a, b;
    maru_timeout limit;
    maru_op io;
    char byte;
};

maru_async(talk)
{
    maru_result rc;
    maru_join(rc, maru_call(chatters, &me->a, .fd = me->fds[0], .first = true),
              maru_call(chatters, &me->b, .fd = me->fds[1]));
    WANT(rc == 0 && maru_now() == 0);
    maru_await(rc, maru_within(&me->limit, HOUR, maru_recv(&me->io, me->fds[0], &me->byte, 1)));
    WANT(rc == -ETIMEDOUT && maru_now() == HOUR);
}
maru_end;

Test(async_clock, what_is_on_its_way_in_the_kernel_comes_before_any_deadline)
{
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    VIRTUALLY(0, talk, .fds = { fds[0], fds[1] });
    close(fds[0]);
    close(fds[1]);
}

/* A job on another thread: a leaf that it completes, while it holds the clock. */
struct job {
    maru_leaf leaf;
    pthread_t thread;
    struct sched *sched;
    bool waits;
};

/* The worker waits, and so it would have moved the clock. */
static bool has_parked(struct sched *sched)
{
    return metric_read(&sched->workers[0].parks) > 0;
}

static void *job_run(void *arg)
{
    struct job *job = arg;
    struct sched *sched = job->sched;
    while (!has_parked(sched))
        sched_yield();
    maru_leaf_complete(&job->leaf);
    sched_release_clock(sched);
    return NULL;
}

static maru_result job_poll(maru_future *self, maru_context *cx)
{
    struct job *job = (struct job *)(void *)self;
    if (job->waits)
        return maru_leaf_is_complete(&job->leaf) ? 5 : MARU_PENDING;
    job->waits = true;
    job->sched = (struct sched *)(uintptr_t)context_here()->local->ops;
    clock_hold(&job->sched->clock);
    maru_leaf_wait(&job->leaf, cx);
    WANT(pthread_create(&job->thread, NULL, job_run, job) == 0);
    return MARU_PENDING;
}

static const maru_future_type job_type = { job_poll, "job" };

static maru_future *job_start(struct job *job)
{
    job->waits = false;
    return maru_future_init(&job->leaf.future, &job_type);
}

struct works {
    maru_frame frame;
    struct job job;
    maru_timeout limit;
    maru_sleep nap;
};

maru_async(works)
{
    maru_result rc;
    maru_await(rc, maru_within(&me->limit, 1, job_start(&me->job)));
    WANT(rc == 5 && maru_now() == 0);
    pthread_join(me->job.thread, NULL);
    maru_try(maru_sleep_for(&me->nap, HOUR));
    WANT(maru_now() == HOUR);
}
maru_end;

/* conformance 33 */
Test(async_clock, a_job_on_another_thread_takes_no_time)
{
    VIRTUALLY(0, works);
}

/* ---- advancing ---- */

struct advances {
    maru_frame frame;
    maru_pause pause;
    maru_sleep own;
};

maru_async(advances)
{
    woken_count = 0;
    for (int i = 0; i < 3; i++)
        maru_detach(maru_spawn(sleeper, .number = i, .ns = 1));
    maru_try(maru_yield(&me->pause));
    WANT(maru_clock_advance(1) == 0 && maru_now() == 1);
    WANT(woken_count == 0);
    maru_try(maru_yield(&me->pause));
    WANT(woken_count == 3);
    WANT(maru_clock_advance(-1) == -EINVAL && maru_clock_advance(INT64_MAX) == -EINVAL);
    WANT(maru_now() == 1);
    WANT(maru_clock_advance(MARU_MSEC - 1) == 0 && maru_now() == MARU_MSEC);
    WANT(maru_clock_advance(0) == 0 && maru_now() == MARU_MSEC);
    maru_try(maru_sleep_for(&me->own, 500));
    WANT(maru_now() == MARU_MSEC + 500);
}
maru_end;

/* conformance 33 */
Test(async_clock, an_advance_is_exact_to_the_nanosecond)
{
    VIRTUALLY(0, advances);
}

struct late {
    maru_frame frame;
    int number;
    int64_t ns;
    maru_sleep nap;
};

maru_async(late)
{
    maru_try(maru_sleep_until(&me->nap, me->ns));
    WANT(maru_now() == HOUR);
    woken[0][woken_count++].number = me->number;
}
maru_end;

struct jumps {
    maru_frame frame;
    maru_pause pause;
    int i;
};

maru_async(jumps)
{
    woken_count = 0;
    for (me->i = 0; me->i < 1000; me->i++)
        maru_detach(maru_spawn(late, .number = me->i, .ns = 1 + 7919 * (me->i + 1) % 1000));
    for (me->i = 0; me->i < 10; me->i++)
        maru_try(maru_yield(&me->pause));
    WANT(maru_clock_advance(HOUR) == 0);
    maru_try(maru_yield(&me->pause));
    WANT(woken_count == 1000);
    for (int i = 0; i < 1000; i++)
        WANT(7919 * (woken[0][i].number + 1) % 1000 == i);
}
maru_end;

Test(async_clock, who_was_due_on_the_way_runs_in_order_before_the_caller_goes_on)
{
    VIRTUALLY(0, jumps);
}

/* ---- pausing and going on ---- */

struct pauses {
    maru_frame frame;
    int64_t real, now;
    maru_sleep nap, far;
};

maru_async(pauses)
{
    maru_result arm;
    me->now = maru_now();
    WANT(maru_clock_resume() == -EALREADY && maru_clock_advance(1) == -EPERM);
    maru_select(arm, maru_sleep_for(&me->nap, 1), maru_sleep_for(&me->far, HOUR));
    WANT(arm == 0 && maru_now() > me->now);
    WANT(maru_clock_pause() == 0 && maru_clock_pause() == -EALREADY);
    me->now = maru_now();
    maru_try(maru_sleep_for(&me->nap, 24 * HOUR));
    WANT(maru_now() == me->now + 24 * HOUR);
    WANT(maru_clock_resume() == 0);
    me->real = clock_real_now();
    me->now = maru_now();
    maru_try(maru_sleep_for(&me->nap, 3 * MARU_MSEC));
    WANT(maru_now() - me->now >= 3 * MARU_MSEC && maru_now() - me->now < HOUR);
    WANT(clock_real_now() - me->real >= 3 * MARU_MSEC);
}
maru_end;

Test(async_clock, a_clock_that_runs_can_be_paused_and_go_on)
{
    maru_runtime *runtime = world_new(0);
    cr_assert_eq(maru_block_on(runtime, pauses), 0);
    world_free(runtime);
}

struct napper {
    maru_frame frame;
    int64_t due;
    maru_sleep nap;
};

maru_async(napper)
{
    maru_try(maru_sleep_until(&me->nap, me->due));
    WANT(maru_now() >= me->due);
    woken_count++;
}
maru_end;

struct keeps {
    maru_frame frame;
    maru_pause pause;
    maru_sleep nap;
    int64_t due;
};

/* Sleeps that wait over a pause and its end keep their deadlines. */
maru_async(keeps)
{
    woken_count = 0;
    me->due = maru_now() + HOUR;
    maru_detach(maru_spawn(sleeper, .number = 1, .ns = me->due + 1));
    maru_detach(maru_spawn(sleeper, .number = 0, .ns = me->due));
    maru_try(maru_yield(&me->pause));
    WANT(maru_clock_pause() == 0);
    maru_try(maru_sleep_until(&me->nap, me->due - 1));
    WANT(woken_count == 0 && maru_now() == me->due - 1);
    maru_try(maru_sleep_until(&me->nap, me->due + 1));
    WANT(woken_count == 2 && woken[0][0].number == 0 && woken[0][1].number == 1);
    me->due = maru_now() + MARU_MSEC;
    maru_detach(maru_spawn(napper, .due = me->due));
    maru_try(maru_yield(&me->pause));
    WANT(maru_clock_resume() == 0);
    while (woken_count < 3)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

Test(async_clock, who_sleeps_over_a_pause_keeps_its_deadline)
{
    maru_runtime *runtime = world_new(0);
    cr_assert_eq(maru_block_on(runtime, keeps), 0);
    world_free(runtime);
}

struct nothing {
    maru_frame frame;
};

maru_async(nothing)
{
    WANT(maru_clock_pause() == -EPERM && maru_clock_resume() == -EPERM);
    WANT(maru_clock_advance(1) == -EPERM);
}
maru_end;

Test(async_clock, a_runtime_of_threads_has_a_clock_that_runs)
{
    for (uint32_t workers = 1; workers < 3; workers++) {
        maru_runtime *runtime = world_new(workers);
        cr_assert_eq(maru_block_on(runtime, nothing), 0);
        world_free(runtime);
    }
}

static void *ask_outside(void *ret_now)
{
    *(int64_t *)ret_now = maru_now();
    return NULL;
}

struct asks {
    maru_frame frame;
};

maru_async(asks)
{
    int64_t now = 0;
    pthread_t thread;
    WANT(pthread_create(&thread, NULL, ask_outside, &now) == 0);
    pthread_join(thread, NULL);
    WANT(maru_now() == 0 && now > 0);
}
maru_end;

Test(async_clock, elsewhere_time_is_real)
{
    VIRTUALLY(0, asks);
    cr_assert_gt(maru_now(), 0);
}

/* ---- the end ---- */

struct tidies {
    maru_frame frame;
    maru_result *told;
    maru_sleep nap, pause;
};

maru_async(tidies)
{
    maru_result rc;
    maru_await(rc, maru_sleep_for(&me->nap, HOUR));
    *me->told = rc;
maru_finally:
    maru_await(maru_sleep_for(&me->pause, 24 * HOUR));
}
maru_end;

struct leaves {
    maru_frame frame;
    maru_result *told;
    maru_pause pause;
};

maru_async(leaves)
{
    maru_detach(maru_spawn(tidies, .told = me->told));
    maru_try(maru_yield(&me->pause));
}
maru_end;

/* conformance 34 */
Test(async_clock, a_runtime_that_ends_cancels_its_sleeps_and_waits_for_no_real_time)
{
    maru_result told = 0;
    VIRTUALLY(0, leaves, .told = &told);
    cr_assert_eq(told, -ECANCELED);
}

struct moves {
    maru_frame frame;
    maru_sleep nap;
    struct moves_kid {
        maru_frame frame;
        maru_sleep *nap, own;
    } kid;
};

maru_async(moves_kid)
{
    maru_try(maru_sleep_for(&me->own, HOUR));
    maru_check(maru_sleep_reset_after(me->nap, HOUR) ? 0 : -EINVAL);
}
maru_end;

maru_async(moves)
{
    maru_result rc;
    maru_join(rc, maru_sleep_for(&me->nap, 10 * HOUR),
              maru_call(moves_kid, &me->kid, .nap = &me->nap));
    maru_check(rc);
    maru_return(maru_now() / HOUR);
}
maru_end;

struct looks {
    maru_frame frame;
};

maru_async(looks)
{
    WANT(context_here()->local->wheels[0].count == 0);
    maru_return(maru_now());
}
maru_end;

/* conformance 34 */
Test(async_clock, a_timer_that_is_moved_stays_on_its_runtime)
{
    maru_runtime *one = virtual_new(), *other = virtual_new();
    cr_assert_eq(maru_block_on(one, moves), 2);
    cr_assert_eq(maru_block_on(other, looks), 0);
    cr_assert_eq(maru_block_on(other, moves), 2);
    cr_assert_eq(maru_block_on(one, looks), 2 * HOUR);
    world_free(one);
    world_free(other);
}
