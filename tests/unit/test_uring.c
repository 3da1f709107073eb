/* test_uring.c - the ring backends: what they do when the kernel refuses a ring, when the queues
 * overflow, when a poll fails; and that a ring belongs to its thread. */
#include "tests/unit/io_world.h"
#include "tests/unit/seccomp.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static const uint32_t ring_kinds[] = { MARU_IO_RING, MARU_IO_RING_COOP, MARU_IO_RING_NONE };
enum { RING_KINDS = sizeof ring_kinds / sizeof *ring_kinds };

/* ---- refused ---- */

static int try_new(uint32_t io, uint32_t workers, maru_runtime **ret_runtime)
{
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.io = io;
    options.workers = workers;
    return maru_runtime_new(&options, ret_runtime);
}

/* Named rings are refused with the kernel's word for it; AUTO goes on with epoll. */
static void without_rings(int error)
{
    int fds = count_fds();
    maru_runtime *runtime = NULL;
    for (int i = 0; i < RING_KINDS; i++)
        cr_assert_eq(try_new(ring_kinds[i], 2, &runtime), -error);
    setenv("MARU_IO", "ring", 1);
    cr_assert_eq(try_new(MARU_IO_AUTO, 2, &runtime), -error);
    cr_assert_null(runtime);
    cr_assert_eq(count_fds(), fds);
    unsetenv("MARU_IO");
    for (int shape = 0; shape < SHAPES; shape++) {
        struct world world = world_of(&shapes[shape], MARU_IO_AUTO);
        cr_assert_str_eq(maru_runtime_io(world.runtime), "epoll");
        world_end(&world, maru_block_on(world.runtime, round_trip, .family = TCP4,
                                        .total = 20000, .piece = 1000));
    }
}

Test(uring, a_kernel_that_forbids_rings_means_epoll, .timeout = 30)
{
    cr_assert(refuse_call(__NR_io_uring_setup, -1, EPERM));
    without_rings(EPERM);
}

Test(uring, a_kernel_that_knows_no_rings_means_epoll, .timeout = 30)
{
    cr_assert(refuse_call(__NR_io_uring_setup, -1, ENOSYS));
    without_rings(ENOSYS);
}

Test(uring, no_memory_for_rings_means_epoll, .timeout = 30)
{
    cr_assert(refuse_call(__NR_io_uring_setup, -1, ENOMEM));
    without_rings(ENOMEM);
}

Test(uring, a_ring_that_children_would_share_is_given_back, .timeout = 30)
{
    cr_assert(refuse_call(__NR_madvise, MADV_DONTFORK, EINVAL));
    without_rings(EINVAL);
}

Test(uring, a_ring_that_cannot_be_entered_means_epoll, .timeout = 30)
{
    cr_assert(refuse_call(__NR_io_uring_enter, -1, EPERM));
    without_rings(EPERM);
}

Test(uring, a_ring_that_cannot_be_enabled_is_an_error_without_a_trace, .timeout = 30)
{
    int fds = count_fds();
    maru_runtime *runtime = NULL;
    cr_assert(refuse_call(__NR_io_uring_register, -1, EPERM));
    for (int i = 0; i < RING_KINDS; i++) {
        for (uint32_t workers = 1; workers < 5; workers++) {
            cr_assert_eq(try_new(ring_kinds[i], workers, &runtime), -EPERM);
            cr_assert_null(runtime);
            cr_assert_eq(count_fds(), fds);
        }
    }
}

Test(uring, auto_means_a_ring_where_rings_are_allowed, .timeout = 30)
{
    maru_runtime *runtime;
    unsetenv("MARU_IO");
    int rc = try_new(MARU_IO_RING, 1, &runtime);
    if (rc < 0)
        cr_skip_test("no rings here: %s", maru_err_name(rc));
    cr_assert_eq(maru_runtime_free(runtime), 0);
    cr_assert_eq(try_new(MARU_IO_AUTO, 1, &runtime), 0);
    cr_assert_str_eq(maru_runtime_io(runtime), "ring");
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

/* ---- many at once ---- */

struct taker {
    maru_frame frame;
    int fd;
    uint32_t *taken;
    maru_op io;
    char bytes[2];
};

maru_async(taker)
{
    maru_result n;
    maru_try(n, maru_recv(&me->io, me->fd, me->bytes, 1));
    expect(n == 1);
    maru_try(n, maru_recv(&me->io, me->fd, me->bytes, 2));
    expect(n == 1);
    atomic_add_ar(me->taken, 1u);               /* read after the scope's wait */
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct flood {
    maru_frame frame;
    int count;
    uint32_t taken;
    int *peers;
    maru_scope scope;
    maru_sleep nap;
    int fds[2], i;
};

/* Everybody waits, then everybody's byte comes within one poll, twice. */
maru_async(flood)
{
    me->peers = calloc((size_t)me->count, sizeof *me->peers);
    expect(me->peers);
    for (int i = 0; i < me->count; i++) {
        expect(pair_new(UNIX, me->fds));
        me->peers[i] = me->fds[0];
        maru_check(maru_scope_spawn(&me->scope, taker, .fd = me->fds[1], .taken = &me->taken));
    }
    maru_try(maru_sleep_for(&me->nap, 20 * MARU_MSEC));
    for (me->i = 0; me->i < 2; me->i++) {
        for (int i = 0; i < me->count; i++)
            expect(send(me->peers[i], "x", 1, 0) == 1);
        maru_try(maru_sleep_for(&me->nap, 20 * MARU_MSEC));
    }
    maru_try(maru_scope_wait(&me->scope));
    expect(me->taken == (uint32_t)me->count);
maru_finally:
    for (int i = 0; me->peers && i < me->count; i++)
        if (me->peers[i] > 0)
            close(me->peers[i]);
    free(me->peers);
}
maru_end;

/* More than a DEFER enter takes (20), than a turn enters for (320), than the SQ holds (256). */
Test(uring, hundreds_that_are_ready_at_once_are_all_served, .timeout = 30)
{
    for (int i = 0; i < RING_KINDS; i++)
        for (int shape = 0; shape < SHAPES; shape++)
            run_on(ring_kinds[i], shape, flood, .count = 600);
}

/* More than the CQ holds: the polls end on overflow and are armed again. */
Test(uring, an_overflow_of_the_completion_queue_loses_nothing, .timeout = 30)
{
    struct rlimit limit;
    enum { COUNT = RING_CQ_ENTRIES + 500 };
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2 * COUNT + 100)
        cr_skip_test("RLIMIT_NOFILE is %d", (int)limit.rlim_cur);
    for (int i = 0; i < RING_KINDS; i++) {
        run_on(ring_kinds[i], SHAPE_SINGLE, flood, .count = COUNT);
        run_on(ring_kinds[i], SHAPE_TWO, flood, .count = COUNT);
    }
}

/* ---- polls that fail, numbers that are stolen ---- */

struct victim {
    maru_frame frame;
    int fd;
    maru_op io;
    char byte;
};

maru_async(victim)
{
    maru_result n;
    maru_await(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    expect(n == -EBADF);
}
maru_end;

struct thief {
    maru_frame frame;
    int fd, *ret_fresh;
};

/* On the same worker, in the same round of polls: what was queued for the ring is not in it. */
maru_async(thief)
{
    expect(close(me->fd) == 0);
    if (me->ret_fresh)
        expect((*me->ret_fresh = maru_socket(AF_INET)) == me->fd);
}
maru_end;

struct theft {
    maru_frame frame;
    int fds[2];
    maru_op io;
    maru_scope scope;
};

maru_async(theft)
{
    maru_result n;
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);       /* in the order of the spawns */
    expect(pair_new(UNIX, me->fds));
    maru_check(maru_scope_spawn(&me->scope, victim, .fd = me->fds[1]));
    maru_check(maru_scope_spawn(&me->scope, thief, .fd = me->fds[1]));
    maru_try(maru_scope_wait(&me->scope));
    expect(maru_scope_failed(&me->scope) == 0);
    maru_await(n, maru_close(&me->io, me->fds[1]));
    expect(n == -EBADF);
    maru_try(maru_close(&me->io, me->fds[0]));
}
maru_end;

Test(uring, a_poll_that_fails_is_told_and_holds_no_close_up, .timeout = 30)
{
    for (int i = 0; i < RING_KINDS; i++)
        run_on(ring_kinds[i], SHAPE_SINGLE, theft);
}

struct closer {
    maru_frame frame;
    int fd;
    maru_result *ret_result;
    maru_op io;
};

maru_async(closer)
{
    maru_await(*me->ret_result, maru_close(&me->io, me->fd));
}
maru_end;

struct robbery {
    maru_frame frame;
    int fds[2], low, fresh;
    maru_result result;
    maru_op io;
    maru_timeout limit;
    maru_scope scope;
    char byte;
};

/* The number is closed by a stranger while maru_close waits for its poll, and handed out. */
maru_async(robbery)
{
    maru_result n;
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);       /* in the order of the spawns */
    expect(pair_new(UNIX, me->fds));
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_recv(&me->io, me->fds[0], &me->byte, 1)));
    expect(n == -ETIMEDOUT && armed_of(me->fds[0], SIDE_READ) == ARMED);
    maru_check(maru_scope_spawn(&me->scope, closer, .fd = me->fds[0],
                                .ret_result = &me->result));
    maru_check(maru_scope_spawn(&me->scope, thief, .fd = me->fds[0], .ret_fresh = &me->fresh));
    maru_try(maru_scope_wait(&me->scope));
    expect(maru_scope_failed(&me->scope) == 0);
    expect(me->result == -EBADF && fcntl(me->fresh, F_GETFD) >= 0);
    maru_try(n, maru_recv(&me->io, me->fds[1], &me->byte, 1));
    expect(n == 0);
    maru_try(maru_close(&me->io, me->fresh));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(uring, a_close_whose_number_was_stolen_does_not_close_the_next_file, .timeout = 30)
{
    for (int i = 0; i < RING_KINDS; i++)
        run_on(ring_kinds[i], SHAPE_SINGLE, robbery);
}

/* ---- a ring belongs to its thread ---- */

/* A registered ring descriptor is an index of its thread: freeing another runtime's ring must
 * not touch the same index here. */
Test(uring, freeing_a_runtime_leaves_the_caller_own_rings_alone, .timeout = 30)
{
    for (int i = 0; i < RING_KINDS; i++) {
        struct world own = world_of(&shapes[SHAPE_SINGLE], ring_kinds[i]);
        for (int round = 0; round < 20; round++) {
            struct world other = world_of(&shapes[SHAPE_TWO], ring_kinds[i]);
            world_end(&other, 0);
            cr_assert_eq(maru_block_on(own.runtime, round_trip, .family = TCP4, .total = 3000,
                                       .piece = 100),
                         0);
        }
        for (int round = 0; round < 40; round++)        /* a thread has 16 such indices */
            run_on(ring_kinds[i], SHAPE_SINGLE, round_trip, .family = UNIX, .total = 10,
                   .piece = 1);
        world_end(&own, 0);
    }
}

static void *free_all(void *arg)
{
    maru_runtime **runtimes = arg;
    for (int i = 0; i < RING_KINDS; i++)
        cr_assert_eq(maru_runtime_free(runtimes[i]), 0);
    return NULL;
}

Test(uring, any_thread_may_free_a_runtime, .timeout = 30)
{
    maru_runtime *runtimes[RING_KINDS];
    pthread_t thread;
    int fds = count_fds();
    for (int i = 0; i < RING_KINDS; i++)
        cr_assert_eq(try_new(ring_kinds[i], 2, &runtimes[i]), 0);
    cr_assert_eq(pthread_create(&thread, NULL, free_all, runtimes), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(count_fds(), fds);
}

/* ---- sleeping ---- */

Test(uring, an_idle_runtime_does_not_enter_the_kernel, .timeout = 30)
{
    for (int i = 0; i < RING_KINDS; i++) {
        struct world world = world_of(&shapes[SHAPE_TWO], ring_kinds[i]);
        cr_assert_eq(maru_block_on(world.runtime, round_trip, .family = TCP4, .total = 1000,
                                   .piece = 10),
                     0);
        (void)poll(NULL, 0, 50);
        uint64_t enters = metrics_of(world.runtime).enters;
        (void)poll(NULL, 0, 200);
        cr_assert_leq(metrics_of(world.runtime).enters, enters + 4);
        world_end(&world, 0);
    }
}
