/* test_close.c - maru_close: waiters get -EBADF, the peer sees the end at once, and whoever gets
 * the number next hears nothing of its predecessor. */
#include "tests/unit/io_world.h"

#include <fcntl.h>
#include <sys/resource.h>

/* Waits for a byte, and expects to be told that the descriptor is closed. */
struct waiter {
    maru_frame frame;
    int fd;
    uint32_t *here;              /* NULL: comes alone */
    maru_op io;
    char byte;
};

maru_async(waiter)
{
    maru_result n;
    expect(!me->here || meet(me->here, 2));
    maru_await(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    expect(n == -EBADF);
}
maru_end;

/* ---- at home ---- */

struct close_here {
    maru_frame frame;
    enum family family;
    int fds[2], waiters;
    maru_op io;
    maru_sleep nap;
    maru_scope scope;
};

maru_async(close_here)
{
    expect(pair_new(me->family, me->fds));
    for (int i = 0; i < me->waiters; i++)
        maru_check(maru_scope_spawn(&me->scope, waiter, .fd = me->fds[0]));
    while (waiters_of(me->fds[0], SIDE_READ) < (size_t)me->waiters)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_try(maru_close(&me->io, me->fds[0]));
    expect(fcntl(me->fds[0], F_GETFD) < 0);
    expect(sees_the_end(me->fds[1]));
    maru_try(maru_scope_wait(&me->scope));
    close(me->fds[1]);
}
maru_end;

Test(close, waiters_get_ebadf_and_the_peer_sees_the_end, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        for (int waiters = 0; waiters < 40; waiters += 13)
            run_everywhere(close_here, .family = family, .waiters = waiters);
}

/* ---- the poll is at home on another worker ---- */

struct close_there {
    maru_frame frame;
    int *fds;
    uint32_t *here;
    maru_op io;
};

maru_async(close_there)
{
    expect(meet(me->here, 2));
    expect(block_until_waited(me->fds[0], SIDE_READ));
    expect(home_of(me->fds[0], SIDE_READ) != io_driver_here()->id);
    maru_try(maru_close(&me->io, me->fds[0]));
    expect(sees_the_end(me->fds[1]));
}
maru_end;

struct apart {
    maru_frame frame;
    enum family family;
    uint32_t here;
    int fds[2], rounds;
    maru_scope scope;
};

maru_async(apart)
{
    while (me->rounds-- > 0) {
        me->here = 0;
        expect(pair_new(me->family, me->fds));
        maru_check(maru_scope_spawn(&me->scope, waiter, .fd = me->fds[0], .here = &me->here));
        maru_check(maru_scope_spawn(&me->scope, close_there, .fds = me->fds, .here = &me->here));
        maru_try(maru_scope_wait(&me->scope));
        close(me->fds[1]);
    }
}
maru_end;

Test(close, a_poll_of_another_worker_is_taken_out_first, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family)) {
        run_in(SHAPE_TWO, apart, .family = family, .rounds = 20);
        run_in(SHAPE_FOUR, apart, .family = family, .rounds = 20);
    }
}

/* ---- an event is under way ---- */

/* Data come while the worker is busy closing: the poll has an event that nobody has taken. */
struct under_way {
    maru_frame frame;
    enum family family;
    int fds[2], rounds;
    maru_op io;
    char bytes[2];
};

maru_async(under_way)
{
    maru_result n;
    while (me->rounds-- > 0) {
        expect(pair_new(me->family, me->fds));
        expect(send(me->fds[1], "a", 1, 0) == 1);
        maru_try(n, maru_recv(&me->io, me->fds[0], me->bytes, 2));
        expect(n == 1);
        expect(me->rounds % 2 == 0 || send(me->fds[1], "b", 1, 0) == 1);
        maru_try(maru_close(&me->io, me->fds[0]));
        close(me->fds[1]);
    }
}
maru_end;

Test(close, an_event_under_way_does_not_hold_it_up, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(under_way, .family = family, .rounds = 200);
}

struct armed_reader {
    maru_frame frame;
    int fd;
    maru_op io;
    char byte;
};

maru_async(armed_reader)
{
    maru_result n;
    maru_await(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    expect(n == 1 || n == -EBADF);
}
maru_end;

struct armed_under_way {
    maru_frame frame;
    enum family family;
    int fds[2], rounds;
    maru_op io;
    maru_pause pause;
    maru_sleep nap;
    maru_scope scope;
};

maru_async(armed_under_way)
{
    while (me->rounds-- > 0) {
        expect(pair_new(me->family, me->fds));
        maru_check(maru_scope_spawn(&me->scope, armed_reader, .fd = me->fds[0]));
        while (waiters_of(me->fds[0], SIDE_READ) == 0)
            maru_try(maru_yield(&me->pause));
        maru_try(maru_sleep_for(&me->nap, 200 * MARU_USEC));    /* the poll is in the kernel */
        expect(send(me->fds[1], "b", 1, 0) == 1);
        maru_try(maru_close(&me->io, me->fds[0]));
        maru_try(maru_scope_wait(&me->scope));
        expect(recv(me->fds[1], &me->nap, 1, MSG_DONTWAIT) <= 0);
        close(me->fds[1]);
    }
}
maru_end;

Test(close, an_event_of_a_live_poll_does_not_hold_it_up, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(armed_under_way, .family = family, .rounds = 20);
}

/* ---- both sides, on two workers ---- */

struct half_waiter {
    maru_frame frame;
    int fd;
    bool writes;
    uint32_t *here;
    maru_op io;
    char *data;
    size_t len;
};

maru_async(half_waiter)
{
    maru_result n;
    expect(meet(me->here, 2));
    maru_await(n, me->writes ? maru_send_all(&me->io, me->fd, me->data, me->len)
                             : maru_recv(&me->io, me->fd, me->data, 1));
    expect(n == -EBADF);
}
maru_end;

struct two_homes {
    maru_frame frame;
    enum family family;
    uint32_t here;
    int fds[2];
    size_t len;
    char *data;
    maru_op io;
    maru_sleep nap;
    maru_scope scope;
};

maru_async(two_homes)
{
    expect(pair_new(me->family, me->fds));
    me->data = calloc(1, me->len);
    expect(me->data);
    maru_check(maru_scope_spawn(&me->scope, half_waiter, .fd = me->fds[0], .here = &me->here,
                                .data = me->data, .len = me->len));
    maru_check(maru_scope_spawn(&me->scope, half_waiter, .fd = me->fds[0], .here = &me->here,
                                .data = me->data, .len = me->len, .writes = true));
    while (!waiters_of(me->fds[0], SIDE_READ) || !waiters_of(me->fds[0], SIDE_WRITE))
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_scope_wait(&me->scope));
    while (recv(me->fds[1], me->data, me->len, MSG_DONTWAIT) > 0)
        continue;
    expect(sees_the_end(me->fds[1]));
    close(me->fds[1]);
maru_finally:
    free(me->data);
}
maru_end;

Test(close, sides_that_live_on_two_workers_are_both_taken_out, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family)) {
        run_in(SHAPE_TWO, two_homes, .family = family, .len = 10000000);
        run_in(SHAPE_FOUR, two_homes, .family = family, .len = 10000000);
    }
}

/* ---- twice, and wrong ---- */

struct twice {
    maru_frame frame;
    int fd;
    maru_op io;
};

maru_async(twice)
{
    maru_result n;
    maru_await(n, maru_close(&me->io, me->fd));
    expect(n == 0 || n == -EBADF);
    maru_return(n == 0);
}
maru_end;

struct races {
    maru_frame frame;
    int fds[2], rounds;
    maru_result ends[4];
    maru_op io;
    maru_sleep nap;
    maru_scope scope;
    struct twice closers[4];
};

/* The closes come one after the other at first, for the number is nobody's in between. */
maru_async(races)
{
    maru_result n;
    expect(pair_new(UNIX, me->fds));
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_await(n, maru_close(&me->io, me->fds[0]));
    expect(n == -EBADF);
    close(me->fds[1]);
    maru_await(n, maru_close(&me->io, -1));
    expect(n == -EBADF);
    maru_await(n, maru_close(&me->io, (int)FD_MAX));
    expect(n == -EBADF);
    while (me->rounds-- > 0) {
        expect(pair_new(UNIX, me->fds));
        maru_check(maru_scope_spawn(&me->scope, waiter, .fd = me->fds[0]));
        while (waiters_of(me->fds[0], SIDE_READ) == 0)
            maru_try(maru_sleep_for(&me->nap, 100 * MARU_USEC));
        maru_join(n, maru_call(twice, &me->closers[0], .fd = me->fds[0]),
                  maru_call(twice, &me->closers[1], .fd = me->fds[0]),
                  maru_call(twice, &me->closers[2], .fd = me->fds[0]),
                  maru_call(twice, &me->closers[3], .fd = me->fds[0]));
        maru_check(n);
        n = 0;
        for (int i = 0; i < 4; i++)
            n += maru_result_of(&me->closers[i]);
        expect(n == 1);
        maru_try(maru_scope_wait(&me->scope));
        expect(sees_the_end(me->fds[1]));
        close(me->fds[1]);
    }
}
maru_end;

Test(close, of_two_closes_one_wins_and_the_other_gets_ebadf, .timeout = 30)
{
    run_everywhere(races, .rounds = 10);
}

struct unknown {
    maru_frame frame;
    int pipe[2], file;
    maru_op io;
};

maru_async(unknown)
{
    maru_result n;
    expect(pipe2(me->pipe, O_CLOEXEC) == 0);
    me->file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    maru_try(maru_close(&me->io, me->pipe[0]));
    maru_try(maru_close(&me->io, me->pipe[1]));
    maru_try(maru_close(&me->io, me->file));
    maru_await(n, maru_close(&me->io, me->file));
    expect(n == -EBADF);
}
maru_end;

Test(close, closes_whatever_has_a_number, .timeout = 30)
{
    run_everywhere(unknown);
}

/* ---- the number's next life ---- */

struct reused {
    maru_frame frame;
    enum family family;
    int fds[2], next[2], rounds;
    maru_op io;
    maru_pause pause;
    maru_timeout limit;
    maru_scope scope;
    char byte;
};

/* The old peer speaks and ends just before the close, so that its events are under way when the
 * number begins its next life. */
maru_async(reused)
{
    maru_result n;
    while (me->rounds-- > 0) {
        expect(pair_new(me->family, me->fds));
        maru_check(maru_scope_spawn(&me->scope, armed_reader, .fd = me->fds[0]));
        while (waiters_of(me->fds[0], SIDE_READ) == 0)
            maru_try(maru_yield(&me->pause));
        expect(send(me->fds[1], "o", 1, 0) == 1);
        close(me->fds[1]);
        maru_try(maru_close(&me->io, me->fds[0]));
        expect(pair_new(me->family, me->next));
        if (me->next[0] != me->fds[0] && me->next[1] != me->fds[0])
            expect(dup2(me->next[0], me->fds[0]) == me->fds[0] && close(me->next[0]) == 0);
        if (me->next[1] == me->fds[0])
            me->next[1] = me->next[0];
        me->next[0] = me->fds[0];
        maru_await(n, maru_within(&me->limit, 300 * MARU_USEC,
                                  maru_recv(&me->io, me->next[0], &me->byte, 1)));
        expect(n == -ETIMEDOUT);
        expect(!(entry_of(me->next[0])->sides[SIDE_READ].state & (SIDE_READY | SIDE_HUNG_UP)));
        expect(send(me->next[1], "n", 1, 0) == 1);
        maru_try(n, maru_recv(&me->io, me->next[0], &me->byte, 1));
        expect(n == 1 && me->byte == 'n');
        maru_try(maru_scope_wait(&me->scope));
        maru_try(maru_close(&me->io, me->next[0]));
        expect(sees_the_end(me->next[1]));
        close(me->next[1]);
    }
}
maru_end;

Test(close, a_number_used_again_gets_no_event_of_its_predecessor, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(reused, .family = family, .rounds = 20);
}

/* A waiter that has been woken, but has not run yet, when its number is closed and comes again. */
struct replacer {
    maru_frame frame;
    int fd, cue, next[2];
    bool replaced;
    maru_op io, closing;
    char byte;
};

maru_async(replacer)
{
    maru_result n;
    maru_try(n, maru_recv(&me->io, me->cue, &me->byte, 1));
    expect(n == 1);
    maru_try(maru_close(&me->closing, me->fd));
    expect(pair_new(UNIX, me->next));
    expect(send(me->next[0], "n", 1, 0) == 1 && send(me->next[1], "n", 1, 0) == 1);
    maru_try(maru_recv(&me->io, me->cue, &me->byte, 1));
    for (int i = 0; i < 2; i++)
        expect(recv(me->next[i], &me->byte, 1, MSG_DONTWAIT) == 1 && close(me->next[i]) == 0);
}
maru_end;

struct woken {
    maru_frame frame;
    int fds[2], cue[2];
    maru_op io;
    maru_sleep nap;
    maru_scope scope;
};

maru_async(woken)
{
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);
    expect(pair_new(UNIX, me->fds) && pair_new(UNIX, me->cue));
    maru_check(maru_scope_spawn(&me->scope, replacer, .fd = me->fds[0], .cue = me->cue[0]));
    maru_check(maru_scope_spawn(&me->scope, armed_reader, .fd = me->fds[0]));
    while (!waiters_of(me->fds[0], SIDE_READ) || !waiters_of(me->cue[0], SIDE_READ))
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    expect(send(me->cue[1], "c", 1, 0) == 1);
    expect(send(me->fds[1], "o", 1, MSG_NOSIGNAL) == 1 || errno == EPIPE);  /* closed already */
    maru_try(maru_sleep_for(&me->nap, 2 * MARU_MSEC));
    expect(send(me->cue[1], "c", 1, 0) == 1);
    maru_try(maru_scope_wait(&me->scope));
    expect(maru_scope_failed(&me->scope) == 0);
    close(me->fds[1]);
    close(me->cue[1]);
    maru_try(maru_close(&me->io, me->cue[0]));
}
maru_end;

Test(close, a_waiter_that_was_woken_before_takes_nothing_of_the_next_file, .timeout = 30)
{
    run_everywhere(woken);
}

/* ---- it runs to its end ---- */

struct uncancelled {
    maru_frame frame;
    int fds[2];
    maru_op io;
    maru_timeout limit;
    maru_sleep nap;
    maru_scope scope;
};

maru_async(uncancelled)
{
    maru_result n;
    expect(pair_new(TCP4, me->fds));
    maru_check(maru_scope_spawn(&me->scope, waiter, .fd = me->fds[0]));
    while (waiters_of(me->fds[0], SIDE_READ) == 0)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_await(n, maru_within(&me->limit, 0, maru_close(&me->io, me->fds[0])));
    expect(n == 0);
    maru_try(maru_scope_wait(&me->scope));
    expect(sees_the_end(me->fds[1]));
    close(me->fds[1]);
}
maru_end;

Test(close, cannot_be_cancelled, .timeout = 30)
{
    run_everywhere(uncancelled);
}
