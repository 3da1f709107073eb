/* test_poll.c - one-shot polls: ready, cancelled, refused, and nothing stays registered. */
#include "tests/unit/io_world.h"

#include <fcntl.h>
#include <sys/eventfd.h>

struct pipes {
    maru_frame frame;
    int pipe[2], flags;
    maru_op io;
    maru_timeout limit;
    char data[65536];
};

maru_async(pipes)
{
    maru_result n;
    expect(pipe2(me->pipe, O_CLOEXEC) == 0);
    me->flags = fcntl(me->pipe[0], F_GETFL);
    maru_try(n, maru_fd_ready(&me->io, me->pipe[1], MARU_WRITABLE));
    expect(n == MARU_WRITABLE);
    maru_await(n, maru_within(&me->limit, 2 * MARU_MSEC,
                              maru_fd_ready(&me->io, me->pipe[0], MARU_READABLE)));
    expect(n == -ETIMEDOUT);
    expect(write(me->pipe[1], "x", 1) == 1);
    for (int again = 0; again < 2; again++)     /* level: it is still there */
        expect(recv(me->pipe[0], me->data, 1, 0) < 0);
    maru_try(n, maru_fd_ready(&me->io, me->pipe[0], MARU_READABLE));
    expect(n == MARU_READABLE);
    maru_try(n, maru_fd_ready(&me->io, me->pipe[0], MARU_READABLE));
    expect(n == MARU_READABLE && read(me->pipe[0], me->data, 1) == 1);
    expect(fcntl(me->pipe[1], F_SETFL, O_NONBLOCK) == 0);
    while (write(me->pipe[1], me->data, sizeof me->data) > 0)
        continue;
    maru_await(n, maru_within(&me->limit, 2 * MARU_MSEC,
                              maru_fd_ready(&me->io, me->pipe[1], MARU_WRITABLE)));
    expect(n == -ETIMEDOUT);
    close(me->pipe[1]);
    maru_try(n, maru_fd_ready(&me->io, me->pipe[0], MARU_READABLE));
    expect(n & MARU_READABLE);                  /* data, and the end counts as both */
    expect(fcntl(me->pipe[0], F_GETFL) == me->flags);
    close(me->pipe[0]);
}
maru_end;

Test(poll, pipes_are_awaited_and_left_as_they_were, .timeout = 30)
{
    run_everywhere(pipes);
}

struct poller {
    maru_frame frame;
    int fd;
    unsigned interest;
    maru_result want;
    maru_op io;
};

maru_async(poller)
{
    maru_result n;
    maru_await(n, maru_fd_ready(&me->io, me->fd, me->interest));
    expect(n == me->want);
}
maru_end;

struct events {
    maru_frame frame;
    int fd, count;
    maru_scope scope;
    maru_sleep nap;
};

maru_async(events)
{
    me->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    expect(me->fd >= 0);
    for (int i = 0; i < me->count; i++)
        maru_check(maru_scope_spawn(&me->scope, poller, .fd = me->fd, .interest = MARU_READABLE,
                                    .want = MARU_READABLE));
    maru_try(maru_sleep_for(&me->nap, 2 * MARU_MSEC));
    expect(eventfd_write(me->fd, 1) == 0);
    maru_try(maru_scope_wait(&me->scope));
    close(me->fd);
}
maru_end;

Test(poll, more_polls_than_slots_at_the_start_all_come_back, .timeout = 30)
{
    run_everywhere(events, .count = 100);
}

/* ---- cancelled ---- */

struct cancels {
    maru_frame frame;
    int fd, rounds;
    maru_op io;
    maru_sleep nap;
    maru_timeout limit;
    maru_task *task;
    maru_join_wait join;
};

/* By a time limit, by a cancel that races with the event, and by a cancel from another task. */
maru_async(cancels)
{
    maru_result n;
    me->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (; me->rounds > 0; me->rounds--) {
        maru_await(n, maru_within(&me->limit, (me->rounds % 4) * 100 * MARU_USEC,
                                  maru_fd_ready(&me->io, me->fd, MARU_READABLE)));
        expect(n == -ETIMEDOUT);
        me->task = maru_spawn(poller, .fd = me->fd, .interest = MARU_READABLE,
                              .want = -ECANCELED);
        expect(me->task);
        maru_try(maru_sleep_for(&me->nap, (me->rounds % 3) * 100 * MARU_USEC));
        maru_cancel(me->task);
        maru_try(maru_join_task(&me->join, me->task));
    }
    close(me->fd);
}
maru_end;

Test(poll, a_cancelled_poll_ends_and_leaves_nothing, .timeout = 30)
{
    run_everywhere(cancels, .rounds = 50);
}

struct racing_poller {
    maru_frame frame;
    int fd;
    maru_op io;
};

maru_async(racing_poller)
{
    maru_result n;
    maru_await(n, maru_fd_ready(&me->io, me->fd, MARU_READABLE));
    expect(n == MARU_READABLE || n == -ECANCELED);
}
maru_end;

struct race {
    maru_frame frame;
    int fd, rounds;
    maru_sleep nap;
    maru_task *task;
    maru_join_wait join;
    eventfd_t value;
};

maru_async(race)
{
    me->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (; me->rounds > 0; me->rounds--) {
        me->task = maru_spawn(racing_poller, .fd = me->fd);
        expect(me->task);
        if (me->rounds % 8 == 0)
            maru_try(maru_sleep_for(&me->nap, MARU_USEC));
        expect(eventfd_write(me->fd, 1) == 0);
        maru_cancel(me->task);
        maru_try(maru_join_task(&me->join, me->task));
        expect(eventfd_read(me->fd, &me->value) == 0);
    }
    close(me->fd);
}
maru_end;

Test(poll, a_cancel_that_meets_the_event_ends_once, .timeout = 30)
{
    run_everywhere(race, .rounds = 500);
}

/* The canceller is on another worker than the poll. */
struct apart {
    maru_frame frame;
    int fd, rounds;
    uint32_t here;
    maru_sleep nap;
    maru_scope scope;
};

struct far_poller {
    maru_frame frame;
    int fd;
    uint32_t *here;
    maru_op io;
    maru_task **ret_self;
};

maru_async(far_poller)
{
    maru_result n;
    expect(meet(me->here, 2));
    maru_await(n, maru_fd_ready(&me->io, me->fd, MARU_READABLE));
    expect(n == -ECANCELED);
}
maru_end;

struct busy {
    maru_frame frame;
    uint32_t *here;
};

maru_async(busy)
{
    expect(meet(me->here, 2));
    /* Keeps its worker until the other's poll has surely begun. */
    for (int64_t end = maru_now() + 300 * MARU_USEC; maru_now() < end;)
        sched_yield();
}
maru_end;

maru_async(apart)
{
    maru_result n;
    me->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (; me->rounds > 0; me->rounds--) {
        me->here = 0;
        maru_check(maru_scope_spawn(&me->scope, far_poller, .fd = me->fd, .here = &me->here));
        maru_check(maru_scope_spawn(&me->scope, busy, .here = &me->here));
        maru_try(maru_sleep_for(&me->nap, 500 * MARU_USEC));
        maru_scope_cancel(&me->scope);
        maru_await(n, maru_scope_wait(&me->scope));
        expect(n == 0 || n == -ECANCELED);
    }
    close(me->fd);
}
maru_end;

Test(poll, a_poll_is_cancelled_from_any_worker, .timeout = 30)
{
    run_in(SHAPE_TWO, apart, .rounds = 100);
    run_in(SHAPE_FOUR, apart, .rounds = 100);
}

/* ---- beside a registration ---- */

struct beside {
    maru_frame frame;
    int fds[2];
    maru_op io[2];
    maru_timeout limit;
    char byte;
};

maru_async(beside)
{
    maru_result won, n;
    expect(pair_new(TCP4, me->fds));
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_recv(&me->io[0], me->fds[0], &me->byte, 1)));
    expect(n == -ETIMEDOUT && armed_of(me->fds[0], SIDE_READ) == ARMED);
    maru_try(n, maru_fd_ready(&me->io[1], me->fds[0], MARU_READABLE | MARU_WRITABLE));
    expect(n == MARU_WRITABLE);
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_fd_ready(&me->io[1], me->fds[0], MARU_READABLE)));
    expect(n == -ETIMEDOUT);
    expect(send(me->fds[1], "x", 1, 0) == 1);
    maru_try(n, maru_fd_ready(&me->io[1], me->fds[0], MARU_READABLE));
    expect(n == MARU_READABLE);
    maru_select(won,
                maru_fd_ready(&me->io[1], me->fds[0], MARU_READABLE),
                maru_recv(&me->io[0], me->fds[0], &me->byte, 1));
    expect(won >= 0);
    if (won == 0)
        maru_try(maru_recv(&me->io[0], me->fds[0], &me->byte, 1));
    expect(me->byte == 'x' && armed_of(me->fds[0], SIDE_READ) == ARMED);
    close(me->fds[1]);
    maru_try(n, maru_fd_ready(&me->io[1], me->fds[0], MARU_READABLE));
    expect(n & MARU_READABLE);
    maru_try(n, maru_recv(&me->io[0], me->fds[0], &me->byte, 1));
    expect(n == 0);
    maru_try(maru_close(&me->io[0], me->fds[0]));
}
maru_end;

Test(poll, a_registered_descriptor_can_be_polled_beside, .timeout = 30)
{
    run_everywhere(beside);
}

/* ---- refused ---- */

struct refused {
    maru_frame frame;
    int file, folder, closed, pipe[2];
    maru_op io;
};

maru_async(refused)
{
    maru_result n;
    me->file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    me->folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect(me->file >= 0 && me->folder >= 0 && pipe2(me->pipe, O_CLOEXEC) == 0);
    me->closed = dup(me->file);
    close(me->closed);
    maru_await(n, maru_fd_ready(&me->io, me->pipe[0], 0));
    expect(n == -EINVAL);
    maru_await(n, maru_fd_ready(&me->io, me->pipe[0], 2));
    expect(n == -EINVAL);
    maru_await(n, maru_fd_ready(&me->io, -1, MARU_READABLE));
    expect(n == -EBADF);
    maru_await(n, maru_fd_ready(&me->io, me->closed, MARU_READABLE));
    expect(n == -EBADF);
    maru_await(n, maru_fd_ready(&me->io, INT32_MAX, MARU_READABLE));
    expect(n == -EBADF);
    maru_await(n, maru_fd_ready(&me->io, me->file, MARU_READABLE));
    expect(n == -EPERM);
    maru_await(n, maru_fd_ready(&me->io, me->folder, MARU_READABLE));
    expect(n == -EPERM);
    close(me->pipe[1]);
    maru_try(n, maru_fd_ready(&me->io, me->pipe[0], MARU_READABLE));
    expect(n == (MARU_READABLE | MARU_WRITABLE));       /* a hang-up counts as both */
    close(me->pipe[0]);
    close(me->file);
    close(me->folder);
}
maru_end;

Test(poll, what_cannot_be_polled_is_refused, .timeout = 30)
{
    run_everywhere(refused);
}
