/* test_datagram.c - datagrams: each arrives whole or is told to be cut, empty ones are no ends,
 * errors that come back are told once, and a full queue makes the sender wait. */
#include "tests/unit/io_world.h"

#include <linux/errqueue.h>

enum kind { UDP4, UDP6, UNIX_NAMED, KINDS };

static enum kind kind_after(enum kind kind)
{
    return kind == UDP4 && !family_is_there(TCP6) ? UNIX_NAMED : (enum kind)(kind + 1);
}

/* A bound socket of a kind, and its endpoint. */
static int bound(enum kind kind, maru_endpoint *ret_endpoint)
{
    static uint32_t names;
    char name[64];
    (void)snprintf(name, sizeof name, "@maru-datagram-%d-%u", (int)getpid(),
                   atomic_add_ar(&names, 1u));  /* no partner: a counter */
    if (kind == UNIX_NAMED && maru_endpoint_unix(name, ret_endpoint) < 0)
        return -1;
    int fd = kind == UDP4   ? maru_udp_bind("127.0.0.1", 0)
             : kind == UDP6 ? maru_udp_bind("::1", 0)
                            : maru_datagram_bind(ret_endpoint);
    return fd >= 0 && maru_local_endpoint(fd, ret_endpoint) == 0 ? fd : -1;
}

static bool is_same(const maru_endpoint *a, const maru_endpoint *b)
{
    return a->len == b->len && memcmp(&a->storage, &b->storage, a->len) == 0;
}

/* ---- there and back ---- */

struct exchange {
    maru_frame frame;
    enum kind kind;
    int fds[2], i;
    maru_endpoint at[2], from;
    maru_op io;
    char buf[64];
};

maru_async(exchange)
{
    maru_result n;
    for (int i = 0; i < 2; i++)
        expect((me->fds[i] = bound(me->kind, &me->at[i])) >= 0);
    for (me->i = 0; me->i < 20; me->i++) {
        maru_try(n, maru_send_to(&me->io, me->fds[0], "question", 8, &me->at[1]));
        expect(n == 8);
        maru_try(n, maru_recv_from(&me->io, me->fds[1], me->buf, sizeof me->buf, &me->from));
        expect(n == 8 && memcmp(me->buf, "question", 8) == 0 && is_same(&me->from, &me->at[0]));
        expect(!maru_op_truncated(&me->io));
        maru_try(maru_send_to(&me->io, me->fds[1], "answer", 6, &me->from));
        maru_try(n, maru_recv_from(&me->io, me->fds[0], me->buf, sizeof me->buf, NULL));
        expect(n == 6 && memcmp(me->buf, "answer", 6) == 0);
    }
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(datagram, an_answer_goes_to_where_the_question_came_from, .timeout = 30)
{
    for (enum kind kind = UDP4; kind < KINDS; kind = kind_after(kind))
        run_everywhere(exchange, .kind = kind);
}

/* ---- several at once ---- */

/* They come while the reader waits, and are one event: a read that is shorter than its buffer
 * must not be taken for the last. */
struct burst {
    maru_frame frame;
    enum kind kind;
    bool connected;
    int fds[2], i;
    maru_endpoint at[2];
    maru_op io;
    maru_timeout limit;
    unsigned char buf[64];
};

maru_async(burst)
{
    maru_result n;
    for (int i = 0; i < 2; i++)
        expect((me->fds[i] = bound(me->kind, &me->at[i])) >= 0);
    for (int i = 0; i < 2; i++)
        maru_try(maru_connect(&me->io, me->fds[i], &me->at[1 - i].any, me->at[1 - i].len));
    maru_await(n, maru_within(&me->limit, MARU_MSEC, maru_recv(&me->io, me->fds[1], me->buf, 64)));
    expect(n == -ETIMEDOUT);                    /* now it is watched */
    for (unsigned char i = 0; i < 8; i++)
        expect(send(me->fds[0], &i, 1, 0) == 1);
    for (me->i = 0; me->i < 8; me->i++) {
        if (me->connected)
            maru_await(n, maru_within(&me->limit, 5 * MARU_SEC,
                                      maru_recv(&me->io, me->fds[1], me->buf, 64)));
        else
            maru_await(n, maru_within(&me->limit, 5 * MARU_SEC,
                                      maru_recv_from(&me->io, me->fds[1], me->buf, 64, NULL)));
        expect(n == 1 && me->buf[0] == me->i);
    }
    maru_await(n, maru_within(&me->limit, MARU_MSEC, maru_recv(&me->io, me->fds[1], me->buf, 64)));
    expect(n == -ETIMEDOUT);
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(datagram, a_short_read_does_not_mean_that_there_is_no_other_one, .timeout = 30)
{
    for (enum kind kind = UDP4; kind < KINDS; kind = kind_after(kind))
        for (int connected = 0; connected < 2; connected++)
            run_everywhere(burst, .kind = kind, .connected = connected != 0);
}

/* ---- cut and empty ones: conformance 74 ---- */

struct sizes {
    maru_frame frame;
    enum kind kind;
    int fds[2];
    maru_endpoint at[2], from;
    maru_op io;
    maru_timeout limit;
    char buf[16], big[70000];
};

maru_async(sizes)
{
    maru_result n;
    for (int i = 0; i < 2; i++)
        expect((me->fds[i] = bound(me->kind, &me->at[i])) >= 0);
    maru_try(maru_send_to(&me->io, me->fds[0], "0123456789", 10, &me->at[1]));
    maru_try(n, maru_recv_from(&me->io, me->fds[1], me->buf, 4, &me->from));
    expect(n == 4 && memcmp(me->buf, "0123", 4) == 0 && maru_op_truncated(&me->io));
    maru_try(maru_send_to(&me->io, me->fds[0], "0123", 4, &me->at[1]));
    maru_try(n, maru_recv_from(&me->io, me->fds[1], me->buf, 4, &me->from));
    expect(n == 4 && !maru_op_truncated(&me->io));      /* just enough room */
    maru_try(n, maru_send_to(&me->io, me->fds[0], NULL, 0, &me->at[1]));
    expect(n == 0);
    maru_try(maru_send_to(&me->io, me->fds[0], "after", 5, &me->at[1]));
    memset(&me->from, 0, sizeof me->from);
    maru_try(n, maru_recv_from(&me->io, me->fds[1], me->buf, 16, &me->from));
    expect(n == 0 && is_same(&me->from, &me->at[0]) && !maru_op_truncated(&me->io));
    maru_try(n, maru_recv_from(&me->io, me->fds[1], NULL, 0, NULL));
    expect(n == 0 && maru_op_truncated(&me->io));       /* "after" was taken */
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_recv_from(&me->io, me->fds[1], me->buf, 16, NULL)));
    expect(n == -ETIMEDOUT);
    maru_try(maru_connect(&me->io, me->fds[0], &me->at[1].any, me->at[1].len));
    maru_try(n, maru_send(&me->io, me->fds[0], NULL, 0));
    expect(n == 0);
    maru_try(n, maru_send_to(&me->io, me->fds[0], "to the peer", 11, NULL));
    expect(n == 11);
    maru_try(n, maru_recv(&me->io, me->fds[1], me->buf, 16));
    expect(n == 0);
    maru_try(n, maru_recv(&me->io, me->fds[1], me->buf, 16));
    expect(n == 11);
    if (me->kind != UNIX_NAMED) {
        maru_await(n, maru_send_to(&me->io, me->fds[0], me->big, sizeof me->big, &me->at[1]));
        expect(n == -EMSGSIZE);
        maru_await(n, maru_send(&me->io, me->fds[0], me->big, sizeof me->big));
        expect(n == -EMSGSIZE);
    }
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

/* conformance 74 */
Test(datagram, cut_ones_are_told_and_empty_ones_are_no_end, .timeout = 30)
{
    for (enum kind kind = UDP4; kind < KINDS; kind = kind_after(kind))
        run_everywhere(sizes, .kind = kind);
}

/* ---- errors that come back ---- */

struct refused {
    maru_frame frame;
    int fd, gone, loops;
    bool waits;
    maru_endpoint to, at;
    maru_op io;
    maru_timeout limit;
    char buf[16];
};

/* What nobody listens on answers by itself, once for each datagram. */
maru_async(refused)
{
    maru_result n;
    expect((me->gone = bound(UDP4, &me->to)) >= 0 && (me->fd = bound(UDP4, &me->at)) >= 0);
    close(me->gone);
    maru_try(maru_connect(&me->io, me->fd, &me->to.any, me->to.len));
    for (me->loops = 0; me->loops < 3; me->loops++) {
        maru_try(maru_send(&me->io, me->fd, "x", 1));
        maru_await(n, me->waits ? maru_recv_from(&me->io, me->fd, me->buf, 16, &me->at)
                                : maru_recv(&me->io, me->fd, me->buf, 16));
        expect(n == -ECONNREFUSED);
    }
    maru_try(maru_send(&me->io, me->fd, "x", 1));
    maru_await(n, maru_send(&me->io, me->fd, "x", 1));
    expect(n == 1 || n == -ECONNREFUSED);       /* a send may be told, too */
    maru_await(n, maru_within(&me->limit, 20 * MARU_MSEC,
                              maru_recv(&me->io, me->fd, me->buf, 16)));
    expect(n == -ECONNREFUSED || n == -ETIMEDOUT);
    maru_await(n, maru_within(&me->limit, 20 * MARU_MSEC,
                              maru_recv(&me->io, me->fd, me->buf, 16)));
    expect(n == -ECONNREFUSED || n == -ETIMEDOUT);
    expect(maru_take_error(me->fd) == 0);
    maru_try(maru_close(&me->io, me->fd));
}
maru_end;

/* conformance 74 */
Test(datagram, a_refused_one_is_told_on_recv, .timeout = 30)
{
    for (int waits = 0; waits < 2; waits++)
        run_everywhere(refused, .waits = waits != 0);
}

/* With IP_RECVERR a socket without a peer is told, too, and the error queue says whom it was. */
struct queued {
    maru_frame frame;
    int fd, gone;
    maru_endpoint to, at, offender;
    maru_op io;
    maru_timeout limit;
    char buf[16];
};

static int error_of_queue(int fd, maru_endpoint *to)
{
    char control[256] __attribute__((aligned(16))), byte[16];
    struct iovec piece = { byte, sizeof byte };
    struct msghdr message = { .msg_name = &to->any,
                              .msg_namelen = sizeof to->storage,
                              .msg_iov = &piece,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof control };
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) != 1)
        return -1;
    to->len = message.msg_namelen;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    return header && header->cmsg_type == IP_RECVERR
               ? (int)((struct sock_extended_err *)(void *)CMSG_DATA(header))->ee_errno
               : -1;
}

maru_async(queued)
{
    maru_result n;
    const int on = 1;
    expect((me->gone = bound(UDP4, &me->to)) >= 0 && (me->fd = bound(UDP4, &me->at)) >= 0);
    close(me->gone);
    expect(setsockopt(me->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0);
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_recv_from(&me->io, me->fd, me->buf, 16, NULL)));
    expect(n == -ETIMEDOUT);
    maru_try(maru_send_to(&me->io, me->fd, "x", 1, &me->to));
    maru_await(n, maru_recv_from(&me->io, me->fd, me->buf, 16, NULL));
    expect(n == -ECONNREFUSED);
    expect(error_of_queue(me->fd, &me->offender) == ECONNREFUSED);
    expect(maru_endpoint_port(&me->offender) == maru_endpoint_port(&me->to));
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_recv_from(&me->io, me->fd, me->buf, 16, NULL)));
    expect(n == -ETIMEDOUT);
    maru_try(maru_send_to(&me->io, me->fd, "self", 4, &me->at));
    maru_try(n, maru_recv_from(&me->io, me->fd, me->buf, 16, NULL));
    expect(n == 4);
    maru_try(maru_close(&me->io, me->fd));
}
maru_end;

/* conformance 74 */
Test(datagram, the_error_queue_wakes_who_receives, .timeout = 30)
{
    run_everywhere(queued);
}

/* ---- full queues ---- */

struct drain {
    maru_frame frame;
    int fd, count;
    maru_op io;
    maru_sleep nap;
    char byte;
};

maru_async(drain)
{
    while (me->count-- > 0) {
        maru_try(maru_sleep_for(&me->nap, 200 * MARU_USEC));
        maru_try(maru_recv(&me->io, me->fd, &me->byte, 1));
    }
}
maru_end;

struct full {
    maru_frame frame;
    enum kind kind;
    bool empty;
    int fds[3], sent;
    maru_endpoint at[3];
    maru_op io;
    maru_timeout limit;
    maru_scope readers;
};

/* A Unix queue holds a few datagrams; empty ones count, and must not be taken for sent. */
maru_async(full)
{
    maru_result n;
    for (int i = 0; i < 3; i++)
        expect((me->fds[i] = bound(UNIX_NAMED, &me->at[i])) >= 0);
    maru_try(maru_connect(&me->io, me->fds[0], &me->at[1].any, me->at[1].len));
    for (n = 0; n >= 0; me->sent += n >= 0)
        maru_await(n, maru_within(&me->limit, 2 * MARU_MSEC,
                                  maru_send(&me->io, me->fds[0], "x", !me->empty)));
    expect(n == -ETIMEDOUT && me->sent > 0 && me->sent < 10000);
    maru_await(n, maru_send_to(&me->io, me->fds[2], "x", 1, &me->at[1]));
    expect(n == -ENOBUFS);                      /* nothing would wake this one */
    maru_check(maru_scope_spawn(&me->readers, drain, .fd = me->fds[1], .count = me->sent + 50));
    for (me->sent = 0; me->sent < 50; me->sent++) {
        maru_try(n, maru_send(&me->io, me->fds[0], "x", !me->empty));
        expect(n == !me->empty);
    }
    maru_try(maru_scope_wait(&me->readers));
    maru_try(maru_send_to(&me->io, me->fds[2], "x", 1, &me->at[1]));
    maru_await(n, maru_send_to(&me->io, me->fds[0], "x", 1, &me->at[2]));
    expect(n == 1 || n == -EISCONN);
    for (me->sent = 0; me->sent < 3; me->sent++)
        maru_try(maru_close(&me->io, me->fds[me->sent]));
}
maru_end;

Test(datagram, a_full_queue_makes_a_connected_sender_wait, .timeout = 30)
{
    for (int empty = 0; empty < 2; empty++)
        run_everywhere(full, .empty = empty != 0);
}

/* ---- cancels, losers, closing, many waiters ---- */

struct losing {
    maru_frame frame;
    int fds[2];
    maru_endpoint at[2], from[2];
    maru_op io[2];
    maru_timeout limit;
    unsigned wins[2];
    char buf[2][16];
};

maru_async(losing)
{
    maru_result won, n;
    for (int i = 0; i < 2; i++)
        expect((me->fds[i] = bound(UDP4, &me->at[i])) >= 0);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 2; k++)
            expect(sendto(me->fds[k], "datagram", 8, 0, &me->at[1 - k].any, me->at[k].len) == 8);
    while (me->wins[0] + me->wins[1] < 8) {
        me->from[0].len = me->from[1].len = 99;
        maru_select(won, maru_recv_from(&me->io[0], me->fds[0], me->buf[0], 16, &me->from[0]),
                    maru_recv_from(&me->io[1], me->fds[1], me->buf[1], 16, &me->from[1]));
        expect(won == 0 || won == 1);
        expect(is_same(&me->from[won], &me->at[1 - won]) && me->from[1 - won].len == 99);
        me->wins[won]++;
    }
    for (int k = 0; k < 2; k++)
        for (; me->wins[k] < 8; me->wins[k]++)
            expect(recv(me->fds[k], me->buf[k], 16, MSG_DONTWAIT) == 8);
    for (int k = 0; k < 2; k++)
        expect(recv(me->fds[k], me->buf[k], 16, MSG_DONTWAIT) == -1);
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_recv_from(&me->io[0], me->fds[0], me->buf[0], 16, NULL)));
    expect(n == -ETIMEDOUT);
    maru_try(maru_close(&me->io[0], me->fds[0]));
    maru_try(maru_close(&me->io[0], me->fds[1]));
}
maru_end;

Test(datagram, the_loser_of_a_select_has_received_none, .timeout = 30)
{
    run_everywhere(losing);
}

struct listener {
    maru_frame frame;
    int fd;
    uint32_t *ended;
    maru_result want;
    maru_op io;
    char byte;
};

maru_async(listener)
{
    maru_result n;
    maru_await(n, maru_recv_from(&me->io, me->fd, &me->byte, 1, NULL));
    expect(n == me->want);
    atomic_add_ar(me->ended, 1u);               /* read after the scope's wait */
}
maru_end;

struct listeners {
    maru_frame frame;
    bool closing;
    uint32_t ended;
    int fds[2];
    maru_endpoint at[2];
    maru_op io;
    maru_sleep nap;
    maru_scope scope;
};

maru_async(listeners)
{
    for (int i = 0; i < 2; i++)
        expect((me->fds[i] = bound(UDP4, &me->at[i])) >= 0);
    for (int i = 0; i < 20; i++)
        maru_check(maru_scope_spawn(&me->scope, listener, .fd = me->fds[1], .ended = &me->ended,
                                    .want = me->closing ? -EBADF : 1));
    while (waiters_of(me->fds[1], SIDE_READ) < 20)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    if (me->closing)
        maru_try(maru_close(&me->io, me->fds[1]));
    for (int i = 0; i < 20 && !me->closing; i++)
        expect(sendto(me->fds[0], "x", 1, 0, &me->at[1].any, me->at[1].len) == 1);
    maru_try(maru_scope_wait(&me->scope));
    expect(me->ended == 20);
    maru_try(maru_close(&me->io, me->fds[0]));
    if (!me->closing)
        maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

/* conformance 72 */
Test(datagram, many_who_wait_get_one_each_and_closing_ends_them, .timeout = 30)
{
    run_everywhere(listeners);
    run_everywhere(listeners, .closing = true);
}

/* ---- wrong things ---- */

struct wrong {
    maru_frame frame;
    int fd, pair[2];
    maru_endpoint at, to;
    maru_op io;
    char byte;
};

maru_async(wrong)
{
    maru_result n;
    expect((me->fd = bound(UDP4, &me->at)) >= 0 && maru_socket_pair(SOCK_STREAM, me->pair) == 0);
    maru_await(n, maru_recv_from(&me->io, -1, &me->byte, 1, NULL));
    expect(n == -EBADF);
    maru_await(n, maru_send_to(&me->io, -1, "x", 1, &me->at));
    expect(n == -EBADF);
    maru_await(n, maru_send_to(&me->io, me->fd, "x", 1, NULL));
    expect(n == -EDESTADDRREQ);
    maru_await(n, maru_send_to(&me->io, me->fd, NULL, 1, &me->at));
    expect(n == -EINVAL);
    expect(maru_endpoint_unix("@nobody-is-here", &me->to) == 0);
    maru_await(n, maru_send_to(&me->io, me->fd, "x", 1, &me->to));
    expect(n == -EAFNOSUPPORT || n == -EINVAL);
    me->to.len = 1;
    maru_await(n, maru_send_to(&me->io, me->fd, "x", 1, &me->to));
    expect(n == -EINVAL);
    maru_try(maru_send_to(&me->io, me->fd, "x", 1, &me->at));
    maru_await(n, maru_recv_from(&me->io, me->fd, NULL, 1, NULL));
    expect(n == -EINVAL);
    maru_try(maru_send(&me->io, me->pair[0], "stream", 6));
    maru_try(n, maru_recv_from(&me->io, me->pair[1], &me->byte, 1, &me->to));
    expect(n == 1 && me->byte == 's' && me->to.len == 0 && !maru_op_truncated(&me->io));
    maru_try(maru_recv(&me->io, me->pair[1], &me->byte, 1));
    expect(!maru_op_truncated(&me->io));        /* another kind of operation */
    maru_try(maru_close(&me->io, me->fd));
    maru_try(maru_close(&me->io, me->pair[0]));
    maru_try(maru_close(&me->io, me->pair[1]));
}
maru_end;

Test(datagram, wrong_arguments_are_errors_that_change_nothing, .timeout = 30)
{
    run_in(SHAPE_SINGLE, wrong);
    run_in(SHAPE_TWO, wrong);
}
