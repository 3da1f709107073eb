/* test_runtime_host.c - a SINGLE runtime driven by a foreign loop, which is poll(2) here. */
#include "tests/unit/async_world.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(runtime_host, .timeout = 30);

static int milliseconds(int64_t ns)
{
    return ns < 0 ? -1 : (int)((ns + MARU_MSEC - 1) / MARU_MSEC);
}

/* One round of the foreign loop. */
static int turn_once(maru_runtime *runtime, uint32_t budget)
{
    struct pollfd fd = { .fd = maru_backend_fd(runtime), .events = POLLIN };
    cr_assert_geq(fd.fd, 0);
    cr_assert_geq(poll(&fd, 1, milliseconds(maru_next_deadline(runtime))), 0);
    int polls = maru_turn(runtime, budget);
    cr_assert_geq(polls, 0);
    return polls;
}

static void drive(maru_runtime *runtime, const maru_task *task)
{
    while (!maru_task_is_finished(task))
        (void)turn_once(runtime, 0);
}

struct naps {
    maru_frame frame;
    int count;
    maru_sleep nap;
};

maru_async(naps)
{
    while (me->count-- > 0)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_return(3);
}
maru_end;

Test(runtime_host, a_foreign_loop_drives_timers)
{
    maru_runtime *runtime = world_new(0);
    maru_task *task = maru_spawn_on(runtime, naps, .count = 20);
    drive(runtime, task);
    cr_assert_eq(world_join(runtime, task), 3, "block_on may come between two turns");
    world_free(runtime);
}

Test(runtime_host, deadlines_are_now_never_or_a_timers)
{
    maru_runtime *runtime = world_new(0);
    cr_assert_eq(maru_next_deadline(runtime), 0, "it has never had a turn");
    cr_assert_eq(maru_turn(runtime, 0), 0);
    cr_assert_eq(maru_next_deadline(runtime), -1);
    maru_task *task = maru_spawn_on(runtime, naps, .count = 1);
    cr_assert_eq(maru_next_deadline(runtime), 0);
    cr_assert_eq(maru_turn(runtime, 0), 1);
    int64_t ns = maru_next_deadline(runtime);
    cr_assert(ns >= 0 && ns <= 2 * MARU_MSEC, "%lld", (long long)ns);
    drive(runtime, task);
    maru_detach(task);
    cr_assert_eq(maru_next_deadline(runtime), -1);
    world_free(runtime);
}

struct yields {
    maru_frame frame;
    int count;
    maru_pause pause;
};

maru_async(yields)
{
    while (me->count-- > 0)
        maru_try(maru_yield(&me->pause));
}
maru_end;

Test(runtime_host, a_budget_bounds_a_turn)
{
    maru_runtime *runtime = world_new(0);
    maru_task *task = maru_spawn_on(runtime, yields, .count = 100);
    cr_assert_eq(maru_turn(runtime, 10), 10);
    cr_assert_eq(maru_next_deadline(runtime), 0, "there is more to do");
    cr_assert_eq(maru_turn(runtime, 50), 50);
    cr_assert_eq(maru_turn(runtime, 0), 41);
    cr_assert(maru_task_is_finished(task));
    maru_detach(task);
    world_free(runtime);
}

struct echoes {
    maru_frame frame;
    int fd;
    maru_op io;
    char byte;
};

maru_async(echoes)
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

static void *talk(void *arg)
{
    const int *fd = arg;
    for (int i = 0; i < 200; i++) {
        char sent = (char)i, back = 0;
        WANT(send(*fd, &sent, 1, MSG_NOSIGNAL) == 1);
        WANT(recv(*fd, &back, 1, 0) == 1 && back == sent);
    }
    close(*fd);
    return NULL;
}

Test(runtime_host, sockets_make_the_descriptor_readable)
{
    int fds[2];
    pthread_t thread;
    maru_runtime *runtime = world_new(0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    maru_task *task = maru_spawn_on(runtime, echoes, .fd = fds[0]);
    cr_assert_eq(pthread_create(&thread, NULL, talk, &fds[1]), 0);
    drive(runtime, task);
    pthread_join(thread, NULL);
    maru_detach(task);
    world_free(runtime);
}

/* The loop had asked for the deadline before, and does not ask again. */
Test(runtime_host, a_block_on_between_the_deadline_and_the_wait_loses_no_wake)
{
    maru_runtime *runtime = world_new(0);
    struct pollfd fd = { .fd = maru_backend_fd(runtime), .events = POLLIN };
    cr_assert_geq(maru_turn(runtime, 0), 0);
    while (poll(&fd, 1, 0) > 0)
        cr_assert_geq(maru_turn(runtime, 0), 0);
    cr_assert_eq(maru_next_deadline(runtime), -1);
    maru_task *left = maru_spawn_on(runtime, yields, .count = 100);
    cr_assert_eq(maru_block_on(runtime, yields, .count = 10), 0);
    maru_task *late = maru_spawn_on(runtime, naps, .count = 0);
    while (!maru_task_is_finished(left) || !maru_task_is_finished(late)) {
        cr_assert_eq(poll(&fd, 1, -1), 1);
        cr_assert_geq(maru_turn(runtime, 0), 0);
    }
    maru_detach(left);
    maru_detach(late);
    world_free(runtime);
}

static maru_task *spawned[50];

static void *spawn_from_outside(void *runtime)
{
    for (int i = 0; i < 50; i++) {
        maru_task *task = maru_spawn_on(runtime, naps, .count = i % 2);
        WANT(task);
        atomic_store_rel(&spawned[i], task);
    }
    return NULL;
}

Test(runtime_host, another_threads_spawn_makes_it_readable)
{
    pthread_t thread;
    maru_runtime *runtime = world_new(0);
    cr_assert_eq(pthread_create(&thread, NULL, spawn_from_outside, runtime), 0);
    for (int i = 0; i < 50; i++) {
        maru_task *task;
        while (!(task = atomic_load_acq(&spawned[i])))
            (void)turn_once(runtime, 0);
        drive(runtime, task);
        maru_detach(task);
    }
    pthread_join(thread, NULL);
    world_free(runtime);
}

/* ---- refused ---- */

struct turns_inside {
    maru_frame frame;
    maru_runtime *runtime;
};

maru_async(turns_inside)
{
    WANT(maru_turn(me->runtime, 0) == -EDEADLK);
}
maru_end;

static void *from_elsewhere(void *runtime)
{
    WANT(maru_turn(runtime, 0) == -EPERM);
    WANT(maru_next_deadline(runtime) == -EPERM);
    WANT(maru_backend_fd(runtime) == -EPERM);
    return NULL;
}

Test(runtime_host, what_cannot_be_is_refused)
{
    pthread_t thread;
    maru_runtime *multi = world_new(1), *single = world_new(0);
    cr_assert_eq(maru_turn(multi, 0), -EINVAL);
    cr_assert_eq(maru_next_deadline(multi), -EINVAL);
    cr_assert_eq(maru_backend_fd(multi), -EINVAL);
    cr_assert_eq(maru_turn(NULL, 0), -EINVAL);
    cr_assert_eq(maru_next_deadline(NULL), -EINVAL);
    cr_assert_eq(maru_backend_fd(NULL), -EINVAL);
    cr_assert_eq(maru_block_on(single, turns_inside, .runtime = single), 0);
    cr_assert_eq(pthread_create(&thread, NULL, from_elsewhere, single), 0);
    pthread_join(thread, NULL);
    world_free(multi);
    world_free(single);
}

Test(runtime_host, a_runtime_that_is_freed_in_the_middle_cancels_its_tasks)
{
    maru_runtime *runtime = world_new(0);
    maru_task *task = maru_spawn_on(runtime, naps, .count = 1000000);
    for (int i = 0; i < 5; i++)
        (void)turn_once(runtime, 0);
    maru_detach(task);
    world_free(runtime);
}

struct hours {
    maru_frame frame;
    int count;
    maru_sleep nap;
};

maru_async(hours)
{
    while (me->count-- > 0)
        maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
    maru_return(maru_now() / (3600 * MARU_SEC));
}
maru_end;

Test(runtime_host, a_paused_clock_jumps_once_a_turn)
{
    maru_options options;
    maru_runtime *runtime;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    options.clock = MARU_CLOCK_VIRTUAL;
    cr_assert_eq(maru_runtime_new(&options, &runtime), 0);
    maru_task *task = maru_spawn_on(runtime, hours, .count = 10);
    int turns = 0;
    for (; !maru_task_is_finished(task); turns++) {
        cr_assert_eq(maru_next_deadline(runtime), 0);
        (void)turn_once(runtime, 0);
    }
    cr_assert_eq(turns, 10);
    cr_assert_eq(maru_next_deadline(runtime), -1);
    cr_assert_eq(world_join(runtime, task), 10);
    world_free(runtime);
}
