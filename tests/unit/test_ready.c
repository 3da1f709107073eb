/* test_ready.c - readiness: numbers reused behind our back, ends that are none, events that come
 * between an attempt and the wait. */
#include "tests/unit/io_world.h"

#include <fcntl.h>

struct waiter {
    maru_frame frame;
    int fd;
    maru_op io;
    char byte;
};

maru_async(waiter)
{
    maru_result n;
    maru_await(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    expect(n == -EBADF);
}
maru_end;

/* ---- closed behind our back ---- */

enum reuse { BY_ACCEPT, BY_SOCKET, BY_ADOPT, REUSES };

struct stale {
    maru_frame frame;
    enum reuse reuse;
    bool waiting;
    int listener, fds[2], client, fresh, filler;
    maru_op io;
    maru_sleep nap;
    maru_timeout limit;
    maru_scope scope;
    char byte;
    struct sockaddr_storage to;
    maru_metrics metrics;
};

static uint64_t stale_fds(maru_metrics *metrics)
{
    metrics->size = sizeof *metrics;
    return maru_metrics_read(maru_runtime_current(), metrics) == 0 ? metrics->stale_fds : 99;
}

maru_async(stale)
{
    maru_result n;
    expect((me->listener = listen_on(TCP4, 8)) >= 0);
    expect(pair_new(TCP4, me->fds));
    me->client = -1;
    me->filler = dup(me->listener);             /* so that no lower number is free */
    expect(me->filler > me->listener && me->filler < me->fds[0]);
    if (me->reuse == BY_ACCEPT)
        expect((me->client = plain_connect(me->listener)) >= 0);
    if (me->waiting) {
        maru_check(maru_scope_spawn(&me->scope, waiter, .fd = me->fds[0]));
        while (waiters_of(me->fds[0], SIDE_READ) == 0)
            maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    } else {
        maru_await(n, maru_within(&me->limit, MARU_MSEC,
                                  maru_recv(&me->io, me->fds[0], &me->byte, 1)));
        expect(n == -ETIMEDOUT);
    }
    expect(armed_of(me->fds[0], SIDE_READ) == ARMED && stale_fds(&me->metrics) == 0);
    close(me->fds[0]);                          /* as a library would, behind our back */
    if (me->reuse == BY_ACCEPT) {
        maru_try(n, maru_accept(&me->io, me->listener));
        me->fresh = (int)n;
    } else if (me->reuse == BY_SOCKET) {
        me->fresh = maru_socket(AF_INET);
    } else {
        me->fresh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        expect(maru_fd_adopt(me->fresh) == 0);
    }
    expect(me->fresh == me->fds[0]);
    while (stale_fds(&me->metrics) != 1)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_try(maru_scope_wait(&me->scope));
    if (me->reuse != BY_ACCEPT) {
        maru_try(maru_connect(&me->io, me->fresh, (struct sockaddr *)&me->to,
                              address_of(me->listener, &me->to)));
        expect((me->client = accept(me->listener, NULL, NULL)) >= 0);
    }
    /* The new connection works, and the old peer's words and end do not touch it. */
    (void)send(me->fds[1], "old", 3, MSG_NOSIGNAL);
    maru_await(n, maru_within(&me->limit, 5 * MARU_MSEC,
                              maru_recv(&me->io, me->fresh, &me->byte, 1)));
    expect(n == -ETIMEDOUT);
    expect(send(me->client, "n", 1, 0) == 1);
    maru_try(n, maru_recv(&me->io, me->fresh, &me->byte, 1));
    expect(n == 1 && me->byte == 'n');
    do {
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
        n = recv(me->fds[1], &me->byte, 1, MSG_DONTWAIT);
    } while (n < 0 && errno == EAGAIN);
    expect(n == 0 || errno == ECONNRESET);      /* the removal of the old poll let it go */
    maru_try(maru_close(&me->io, me->fresh));
    expect(sees_the_end(me->client));
    expect(stale_fds(&me->metrics) == 1);
    close(me->fds[1]);
    close(me->client);
    close(me->filler);
    maru_try(maru_close(&me->io, me->listener));
}
maru_end;

Test(ready, a_number_closed_behind_our_back_is_noticed_when_it_comes_again, .timeout = 30)
{
    for (enum reuse reuse = BY_ACCEPT; reuse < REUSES; reuse++)
        for (int waiting = 0; waiting < 2; waiting++)
            run_everywhere(stale, .reuse = reuse, .waiting = waiting != 0);
}

struct adopts {
    maru_frame frame;
    int fds[2];
    maru_op io;
    char byte;
};

maru_async(adopts)
{
    maru_result n;
    expect(maru_fd_adopt(-1) == -EBADF && maru_fd_adopt((int)FD_MAX) == -EBADF);
    expect(maru_fd_adopt(INT32_MAX) == -EBADF);
    expect(pair_new(UNIX, me->fds));
    expect(maru_fd_adopt(me->fds[0]) == 0 && maru_fd_adopt(me->fds[0]) == 0);
    expect(send(me->fds[1], "x", 1, 0) == 1);
    maru_try(n, maru_recv(&me->io, me->fds[0], &me->byte, 1));
    expect(n == 1);
    maru_try(maru_close(&me->io, me->fds[0]));
    close(me->fds[1]);
}
maru_end;

Test(ready, adopting_a_new_number_does_no_harm, .timeout = 30)
{
    cr_assert_eq(maru_fd_adopt(0), -EBADF);     /* not a task */
    run_everywhere(adopts);
}

/* ---- an error that passes ---- */

/* A datagram to nobody comes back as an error event, once; after it the socket is as good as
 * before. Taking that event for the end of the socket would make a worker try for ever. */
struct passing {
    maru_frame frame;
    int fd, peer;
    struct sockaddr_storage to;
    maru_op io;
    maru_timeout limit;
    char byte;
};

maru_async(passing)
{
    maru_result n;
    struct sockaddr_in any = { .sin_family = AF_INET };
    socklen_t len;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    me->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    me->peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    expect(bind(me->peer, (struct sockaddr *)&any, sizeof any) == 0);
    len = address_of(me->peer, &me->to);
    expect(connect(me->fd, (struct sockaddr *)&me->to, len) == 0);
    close(me->peer);
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_recv(&me->io, me->fd, &me->byte, 1)));
    expect(n == -ETIMEDOUT);                    /* now it is watched */
    maru_try(maru_send(&me->io, me->fd, "x", 1));
    maru_await(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    expect(n == -ECONNREFUSED);
    maru_await(n, maru_within(&me->limit, 5 * MARU_MSEC,
                              maru_recv(&me->io, me->fd, &me->byte, 1)));
    expect(n == -ETIMEDOUT);
    me->peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    expect(bind(me->peer, (struct sockaddr *)&me->to, sizeof any) == 0);
    len = address_of(me->fd, &me->to);
    expect(sendto(me->peer, "y", 1, 0, (struct sockaddr *)&me->to, len) == 1);
    maru_try(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    expect(n == 1 && me->byte == 'y');
    close(me->peer);
    maru_try(maru_close(&me->io, me->fd));
}
maru_end;

Test(ready, an_error_event_that_passes_is_not_the_end_of_the_socket, .timeout = 30)
{
    run_everywhere(passing);
}

/* ---- between an attempt and the wait ---- */

/* Two tasks that answer each other as fast as they can: a wake lost between the attempt that
 * gave EAGAIN and the wait would leave both waiting. */
struct answer {
    maru_frame frame;
    int fd, rounds;
    bool first;
    maru_op io;
    char bytes[2];
};

maru_async(answer)
{
    maru_result n;
    while (me->rounds-- > 0) {
        if (me->first)
            maru_try(maru_send_all(&me->io, me->fd, "x", 1));
        maru_try(n, maru_recv(&me->io, me->fd, me->bytes, 2));  /* short: clears READY */
        expect(n == 1);
        if (!me->first)
            maru_try(maru_send_all(&me->io, me->fd, "x", 1));
    }
}
maru_end;

struct ping_pong {
    maru_frame frame;
    enum family family;
    int fds[8][2], rounds;
    maru_op io;
    int i;
    maru_scope both;
};

maru_async(ping_pong)
{
    for (int i = 0; i < 8; i++) {
        expect(pair_new(me->family, me->fds[i]));
        for (int side = 0; side < 2; side++)
            maru_check(maru_scope_spawn(&me->both, answer, .fd = me->fds[i][side],
                                        .rounds = me->rounds, .first = side == 0));
    }
    maru_try(maru_scope_wait(&me->both));
    for (me->i = 0; me->i < 16; me->i++)
        maru_try(maru_close(&me->io, me->fds[me->i / 2][me->i % 2]));
}
maru_end;

Test(ready, no_wake_is_lost_between_an_attempt_and_the_wait, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(ping_pong, .family = family, .rounds = 300);
}
