/* test_epoll.c - the epoll backend: registrations of two sides in one epoll or in two, the twins
 * of one-shot polls, an old kernel. */
#include "tests/unit/io_world.h"
#include "tests/unit/seccomp.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* ---- two sides ---- */

struct side {
    maru_frame frame;
    int fd;
    bool writes;
    uint32_t *here;              /* NULL: no need to be on a worker of its own */
    size_t total;
    struct writer writer;
    struct reader reader;
};

maru_async(side)
{
    expect(!me->here || meet(me->here, 2));
    if (me->writes)
        maru_try(maru_call(writer, &me->writer, .fd = me->fd, .total = me->total, .piece = 4000));
    else
        maru_try(maru_call(reader, &me->reader, .fd = me->fd, .total = me->total, .piece = 4000));
}
maru_end;

struct both {
    maru_frame frame;
    bool apart;
    size_t total;
    int fds[2];
    uint32_t here;
    maru_op io;
    maru_sleep nap;
    maru_scope scope;
};

/* Both sides of one end wait, then the other end reads and answers. */
maru_async(both)
{
    expect(pair_new(UNIX, me->fds));
    for (int writes = 0; writes < 2; writes++)
        maru_check(maru_scope_spawn(&me->scope, side, .fd = me->fds[0], .writes = writes != 0,
                                    .here = me->apart ? &me->here : NULL, .total = me->total));
    while (!waiters_of(me->fds[0], SIDE_READ) || !waiters_of(me->fds[0], SIDE_WRITE))
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_check(maru_scope_spawn(&me->scope, echo, .fd = me->fds[1]));
    maru_try(maru_scope_wait(&me->scope));
    maru_try(maru_close(&me->io, me->fds[0]));
}
maru_end;

Test(epoll, one_registration_serves_both_sides, .timeout = 30)
{
    run_on(MARU_IO_EPOLL, SHAPE_SINGLE, both, .total = 2000000);
    run_on(MARU_IO_EPOLL, SHAPE_ONE, both, .total = 2000000);
}

Test(epoll, two_workers_may_watch_a_side_each, .timeout = 30)
{
    run_on(MARU_IO_EPOLL, SHAPE_TWO, both, .apart = true, .total = 2000000);
    run_on(MARU_IO_EPOLL, SHAPE_FOUR, both, .apart = true, .total = 2000000);
}

/* ---- twins ---- */

static bool all_are_private(void)
{
    for (int fd = 3; fd < 1000; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && !(flags & FD_CLOEXEC))
            return false;
    }
    return true;
}

struct poller {
    maru_frame frame;
    int fd;
    maru_op io;
};

maru_async(poller)
{
    maru_try(maru_fd_ready(&me->io, me->fd, MARU_READABLE));
}
maru_end;

struct twins {
    maru_frame frame;
    int fd, before;
    bool were_private;
    maru_op io;
    maru_sleep nap;
    maru_scope scope;
};

maru_async(twins)
{
    me->were_private = all_are_private();
    me->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    me->before = count_fds();
    for (int i = 0; i < 3; i++)
        maru_check(maru_scope_spawn(&me->scope, poller, .fd = me->fd));
    while (count_fds() != me->before + 3)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    expect(all_are_private() == me->were_private);
    expect(eventfd_write(me->fd, 1) == 0);
    maru_try(maru_scope_wait(&me->scope));
    expect(count_fds() == me->before);
    close(me->fd);
}
maru_end;

Test(epoll, the_twin_of_a_polled_descriptor_is_not_inherited, .timeout = 30)
{
    /* Criterion's own descriptors may be inheritable: then there is nothing to compare with. */
    for (int fd = 3; fd < 1000; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    for (int shape = 0; shape < SHAPES; shape++)
        run_on(MARU_IO_EPOLL, shape, twins);
}

struct no_twin {
    maru_frame frame;
    int spare[64], spares;
    maru_op io;
};

maru_async(no_twin)
{
    maru_result n;
    while (me->spares < 64 && (me->spare[me->spares] = eventfd(1, EFD_CLOEXEC)) >= 0)
        me->spares++;
    expect(me->spares > 0 && me->spares < 64);
    maru_await(n, maru_fd_ready(&me->io, me->spare[0], MARU_READABLE));
    expect(n == -EMFILE);
    close(me->spare[--me->spares]);
    maru_try(n, maru_fd_ready(&me->io, me->spare[0], MARU_READABLE));
    expect(n == MARU_READABLE);
    while (me->spares > 0)
        close(me->spare[--me->spares]);
}
maru_end;

Test(epoll, without_a_descriptor_for_the_twin_the_poll_is_refused, .timeout = 30)
{
    struct rlimit limit, before;
    struct world world = world_of(&shapes[SHAPE_SINGLE], MARU_IO_EPOLL);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)count_fds() + 20;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    maru_result rc = maru_block_on(world.runtime, no_twin);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    world_end(&world, rc);
}

/* ---- an old kernel ---- */

struct naps {
    maru_frame frame;
    int64_t began;
    maru_sleep nap;
};

maru_async(naps)
{
    me->began = maru_now();
    maru_try(maru_sleep_for(&me->nap, 300 * MARU_USEC));
    expect(maru_now() - me->began >= 300 * MARU_USEC);
    maru_try(maru_sleep_for(&me->nap, 10 * MARU_MSEC));
    expect(maru_now() - me->began >= 10 * MARU_MSEC && maru_now() - me->began < 5 * MARU_SEC);
}
maru_end;

static void without_pwait2(int error)
{
    cr_assert(refuse_call(__NR_epoll_pwait2, -1, error));
    for (int shape = 0; shape < SHAPES; shape++) {
        run_on(MARU_IO_EPOLL, shape, naps);
        run_on(MARU_IO_EPOLL, shape, round_trip, .family = TCP4, .total = 20000, .piece = 1000);
    }
}

Test(epoll, a_kernel_without_epoll_pwait2_is_waited_in_milliseconds, .timeout = 30)
{
    without_pwait2(ENOSYS);
}

Test(epoll, so_is_a_filter_that_forbids_it, .timeout = 30)
{
    without_pwait2(EPERM);
}
