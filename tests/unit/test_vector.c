/* test_vector.c - several pieces of memory at once: the bytes are those of one piece, whatever the
 * pieces are, and a send that stops within one goes on there. */
#include "tests/unit/io_world.h"

enum { ROOM = 4096 };

struct pieces {
    struct iovec list[MARU_PIECES_MAX + 1];
    size_t count, total;
};

/* Pieces of odd lengths, empty ones among them. */
static void cut(struct pieces *pieces, unsigned char *data, size_t len, size_t step)
{
    pieces->count = pieces->total = 0;
    while (pieces->total < len && pieces->count < MARU_PIECES_MAX) {
        size_t n = pieces->count * step % 7 * step, rest = len - pieces->total;
        n = n < rest ? n : rest;
        pieces->list[pieces->count++] = (struct iovec){ data + pieces->total, n };
        pieces->total += n;
    }
}

/* ---- there and back ---- */

struct send_pieces {
    maru_frame frame;
    int fd;
    size_t len, step, times;
    maru_op io;
    struct pieces pieces;
    unsigned char *data;
};

maru_async(send_pieces)
{
    maru_result n;
    for (size_t i = 0; i < me->len; i++)
        me->data[i] = pattern_at(i);
    cut(&me->pieces, me->data, me->len, me->step);
    maru_try(n, maru_send_vec_all(&me->io, me->fd, me->pieces.list, me->pieces.count));
    expect(n == (maru_result)me->pieces.total && maru_op_progress(&me->io) == me->pieces.total);
    maru_try(maru_shutdown(&me->io, me->fd, SHUT_WR));
}
maru_end;

struct recv_pieces {
    maru_frame frame;
    int fd;
    size_t step, have;
    maru_op io;
    struct pieces pieces;
    unsigned char data[ROOM];
};

maru_async(recv_pieces)
{
    maru_result n;
    for (;;) {
        cut(&me->pieces, me->data, ROOM, me->step);
        maru_try(n, maru_recv_vec(&me->io, me->fd, me->pieces.list, me->pieces.count));
        if (n == 0)
            break;
        for (size_t i = 0; i < (size_t)n; i++)
            expect(me->data[i] == pattern_at(me->have + i));
        me->have += (size_t)n;
    }
    maru_return((maru_result)me->have);
}
maru_end;

struct both {
    maru_frame frame;
    enum family family;
    size_t len, step;
    int fds[2];
    maru_op io;
    unsigned char *data;
    struct send_pieces sender;
    struct recv_pieces receiver;
};

maru_async(both)
{
    maru_result rc;
    expect(pair_new(me->family, me->fds) && (me->data = malloc(me->len)));
    expect(maru_set_send_buffer(me->fds[0], 4096) == 0);        /* so that it stops within */
    maru_join(rc,
              maru_call(send_pieces, &me->sender, .fd = me->fds[0], .len = me->len,
                        .step = me->step, .data = me->data),
              maru_call(recv_pieces, &me->receiver, .fd = me->fds[1], .step = me->step));
    maru_check(rc);
    expect(maru_result_of(&me->receiver) == (maru_result)me->sender.pieces.total);
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_close(&me->io, me->fds[1]));
maru_finally:
    free(me->data);
}
maru_end;

Test(vector, pieces_arrive_as_they_were_sent, .timeout = 60)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        for (size_t step = 1; step < 400; step = step * 3 + 1)
            run_everywhere(both, .family = family, .len = 300000, .step = step);
}

/* ---- one call each ---- */

struct calls {
    maru_frame frame;
    int fds[2];
    maru_op io;
    maru_timeout limit;
    char a[3], b[8];
    struct iovec list[2];
};

maru_async(calls)
{
    maru_result n;
    expect(maru_socket_pair(SOCK_STREAM, me->fds) == 0);
    me->list[0] = (struct iovec){ (char[]){ "abc" }, 3 };
    me->list[1] = (struct iovec){ (char[]){ "defg" }, 4 };
    maru_try(n, maru_send_vec(&me->io, me->fds[0], me->list, 2));
    expect(n == 7);
    me->list[0] = (struct iovec){ me->a, sizeof me->a };
    me->list[1] = (struct iovec){ me->b, sizeof me->b };
    maru_try(n, maru_recv_vec(&me->io, me->fds[1], me->list, 2));
    expect(n == 7 && memcmp(me->a, "abc", 3) == 0 && memcmp(me->b, "defg", 4) == 0);
    maru_await(n, maru_within(&me->limit, MARU_MSEC,
                              maru_recv_vec(&me->io, me->fds[1], me->list, 2)));
    expect(n == -ETIMEDOUT);
    maru_try(maru_send(&me->io, me->fds[0], "more", 4));
    maru_try(n, maru_recv_vec(&me->io, me->fds[1], me->list, 2));
    expect(n == 4 && me->b[0] == 'e');
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(n, maru_recv_vec(&me->io, me->fds[1], me->list, 2));
    expect(n == 0);
    maru_await(n, maru_send_vec(&me->io, me->fds[1], me->list, 2));
    expect(n == -EPIPE);
    maru_await(n, maru_send_vec_all(&me->io, me->fds[1], me->list, 2));
    expect(n == -EPIPE && maru_op_progress(&me->io) == 0);
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(vector, one_call_fills_one_piece_after_the_other, .timeout = 30)
{
    run_everywhere(calls);
}

struct datagrams {
    maru_frame frame;
    int fds[2];
    maru_op io;
    struct iovec list[2];
    char a[2], b[2];
};

maru_async(datagrams)
{
    maru_result n;
    expect(maru_socket_pair(SOCK_DGRAM, me->fds) == 0);
    me->list[0] = (struct iovec){ (char[]){ "head" }, 4 };
    me->list[1] = (struct iovec){ (char[]){ "body" }, 4 };
    maru_try(n, maru_send_vec_all(&me->io, me->fds[0], me->list, 2));
    expect(n == 8);
    maru_try(n, maru_send_vec(&me->io, me->fds[0], me->list, 0));
    expect(n == 0);                             /* an empty datagram */
    me->list[0] = (struct iovec){ me->a, sizeof me->a };
    me->list[1] = (struct iovec){ me->b, sizeof me->b };
    maru_try(n, maru_recv_vec(&me->io, me->fds[1], me->list, 2));
    expect(n == 4 && memcmp(me->a, "he", 2) == 0 && memcmp(me->b, "ad", 2) == 0);
    maru_try(n, maru_recv_vec(&me->io, me->fds[1], me->list, 2));
    expect(n == 0);
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(vector, pieces_are_one_datagram, .timeout = 30)
{
    run_in(SHAPE_SINGLE, datagrams);
    run_in(SHAPE_TWO, datagrams);
}

/* ---- cancels ---- */

struct given_up {
    maru_frame frame;
    int fds[2];
    size_t sent, have;
    maru_op io;
    maru_timeout limit;
    unsigned char *data;
    struct pieces pieces;
    struct recv_pieces receiver;
};

maru_async(given_up)
{
    enum { LEN = 8000000 };
    maru_result n;
    expect(pair_new(TCP4, me->fds) && (me->data = malloc(LEN)));
    for (size_t i = 0; i < LEN; i++)
        me->data[i] = pattern_at(i);
    cut(&me->pieces, me->data, LEN, 6000);
    maru_await(n, maru_within(&me->limit, 5 * MARU_MSEC,
                              maru_send_vec_all(&me->io, me->fds[0], me->pieces.list,
                                                me->pieces.count)));
    expect(n == -ETIMEDOUT);
    me->sent = maru_op_progress(&me->io);
    expect(me->sent > 0 && me->sent < me->pieces.total);
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(n, maru_call(recv_pieces, &me->receiver, .fd = me->fds[1], .step = 100));
    expect(n == (maru_result)me->sent);
    maru_try(maru_close(&me->io, me->fds[1]));
maru_finally:
    free(me->data);
}
maru_end;

Test(vector, a_cancelled_send_tells_exactly_what_went, .timeout = 30)
{
    run_everywhere(given_up);
}

/* ---- wrong things ---- */

struct wrong {
    maru_frame frame;
    int fds[2];
    maru_op io;
    struct pieces pieces;
    char bytes[2];
};

maru_async(wrong)
{
    maru_result n;
    expect(maru_socket_pair(SOCK_STREAM, me->fds) == 0);
    for (size_t i = 0; i <= MARU_PIECES_MAX; i++)
        me->pieces.list[i] = (struct iovec){ me->bytes, 1 };
    maru_await(n, maru_send_vec(&me->io, me->fds[0], me->pieces.list, MARU_PIECES_MAX + 1));
    expect(n == -EINVAL);
    maru_await(n, maru_send_vec_all(&me->io, me->fds[0], me->pieces.list, SIZE_MAX));
    expect(n == -EINVAL && maru_op_progress(&me->io) == 0);
    maru_await(n, maru_recv_vec(&me->io, me->fds[0], me->pieces.list, MARU_PIECES_MAX + 1));
    expect(n == -EINVAL);
    maru_await(n, maru_recv_vec(&me->io, me->fds[0], NULL, 1));
    expect(n == -EINVAL);
    maru_await(n, maru_send_vec(&me->io, me->fds[0], NULL, 1));
    expect(n == -EINVAL);
    maru_await(n, maru_recv_vec(&me->io, me->fds[0], NULL, 0));
    expect(n == 0);
    maru_await(n, maru_send_vec_all(&me->io, me->fds[0], NULL, 0));
    expect(n == 0);
    maru_await(n, maru_send_vec_all(&me->io, me->fds[0], me->pieces.list, MARU_PIECES_MAX));
    expect(n == MARU_PIECES_MAX);
    maru_await(n, maru_recv_vec(&me->io, me->fds[1], me->pieces.list, MARU_PIECES_MAX));
    expect(n == MARU_PIECES_MAX);
    me->pieces.list[0].iov_len = me->pieces.list[1].iov_len = (size_t)INT64_MAX;
    maru_await(n, maru_send_vec_all(&me->io, me->fds[0], me->pieces.list, 2));
    expect(n < 0);                              /* the kernel's word for it */
    maru_await(n, maru_recv_vec(&me->io, -1, me->pieces.list, 2));
    expect(n == -EBADF);
    maru_await(n, maru_send_vec(&me->io, -1, me->pieces.list, 2));
    expect(n == -EBADF);
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(vector, wrong_arguments_are_errors_that_change_nothing, .timeout = 30)
{
    run_in(SHAPE_SINGLE, wrong);
    run_in(SHAPE_TWO, wrong);
}
