/* test_writer.c - buffered writing: what was taken goes out once and in order, over random pieces,
 * buffers, cancels and slow peers; then errors and wrong arguments by name. */
#include "tests/unit/io_world.h"
#include "tests/unit/turns.h"

#include "runtime/base/rng.h"

#include <string.h>

/* ---- a stream that takes random pieces ---- */

/* May take bytes even when it was told to end, as a file may. */
struct sink {
    maru_stream stream;
    maru_future future;
    struct rng *rng;
    char *data;
    size_t have, len;
    int turns;
    const char *from;
};

static maru_result sink_poll(maru_future *self, maru_context *cx)
{
    struct sink *sink = container_of(self, struct sink, future);
    if (cx->ending != MARU_GO && rng_below(sink->rng, 2))
        return -ECANCELED;
    if (sink->turns-- > 0) {
        cx->waker->ops_->wake(cx->waker);
        return MARU_PENDING;
    }
    size_t n = 1 + rng_below(sink->rng, (uint32_t)sink->len);
    memcpy(sink->data + sink->have, sink->from, n);
    sink->have += n;
    return (maru_result)n;
}

static const maru_future_type sink_type = { sink_poll, "sink" };

static maru_future *sink_write(maru_stream *stream, const void *data, size_t len)
{
    struct sink *sink = container_of(stream, struct sink, stream);
    sink->from = data;
    sink->len = len;
    sink->turns = (int)rng_below(sink->rng, 3);
    return maru_future_init(&sink->future, &sink_type);
}

static const maru_stream_ops sink_ops = { NULL, sink_write };

/* ---- random writes, flushes, prints and cancels ---- */

enum { DATA_MAX = 20000, WRITE_MAX = 200 };

struct walk {
    maru_frame frame;
    uint64_t seed;
    int fd;                      /* a socket, or -1: a sink */
    char *data, *got;            /* of DATA_MAX bytes and some more */
    size_t taken, len, capacity;
    struct rng rng;
    struct sink sink;
    maru_writer out;
    maru_timeout limit;
    struct turns tick;
    int what, lost;
    char buffer[100];
};

static maru_future *begin(struct walk *me)
{
    return me->what ? maru_writer_write(&me->out, me->data + me->taken, me->len)
                    : maru_writer_flush(&me->out);
}

static bool print(struct walk *me)
{
    int number = (int)rng_below(&me->rng, 1000000);
    char text[32];
    int len = snprintf(text, sizeof text, "%d;", number);
    size_t room = me->capacity - maru_writer_buffered(&me->out);
    int n = maru_writer_printf(&me->out, "%d;", number);
    if (n < 0)
        return n == ((size_t)len > me->capacity ? -EMSGSIZE : -ENOSPC) && (size_t)len > room;
    memcpy(me->data + me->taken, text, (size_t)len);        /* it stands there now */
    me->taken += (size_t)len;
    return n == len && (size_t)len <= room;
}

maru_async(walk)
{
    maru_result n, won;
    me->rng = (struct rng){ me->seed };
    me->capacity = 1 + rng_below(&me->rng, 99);
    me->sink = (struct sink){ .stream = { &sink_ops }, .rng = &me->rng, .data = me->got };
    if (me->fd < 0)
        maru_writer_init_stream(&me->out, &me->sink.stream, me->buffer, me->capacity + 1);
    else
        maru_writer_init(&me->out, me->fd, me->buffer, me->capacity + 1);
    while (me->taken < DATA_MAX) {
        if (rng_below(&me->rng, 4) == 0)
            expect(print(me));
        me->what = rng_below(&me->rng, 5) > 0;
        me->len = me->what ? rng_below(&me->rng, WRITE_MAX) : 0;
        if (rng_below(&me->rng, 2)) {
            maru_await(n, begin(me));
        } else if (rng_below(&me->rng, 2)) {
            maru_select(won, begin(me),
                        turns_start(&me->tick, (int)rng_below(&me->rng, 4)));
            expect(won == 0 || won == 1);
            n = maru_result_of(&me->out);
        } else {
            maru_await(n, maru_within(&me->limit, rng_below(&me->rng, 3) * 20 * MARU_USEC,
                                      begin(me)));
        }
        expect(n == (maru_result)me->len || n == -ECANCELED || n == -ETIMEDOUT);
        expect(n < 0 ? me->len == 0 || maru_writer_progress(&me->out) < me->len
                     : maru_writer_progress(&me->out) == me->len);
        expect(n < 0 || me->what || maru_writer_buffered(&me->out) == 0);
        me->taken += maru_writer_progress(&me->out);
        me->lost += n < 0;
    }
    maru_try(maru_writer_flush(&me->out));
    expect(maru_writer_buffered(&me->out) == 0);
    maru_return(me->lost > 0 ? 0 : -ERANGE);
}
maru_end;

struct collector {
    maru_frame frame;
    int fd;
    char *got;
    size_t *have;
    maru_op io;
    maru_pause pause;
};

maru_async(collector)
{
    maru_result n;
    for (;;) {
        maru_try(n, maru_recv(&me->io, me->fd, me->got + *me->have, 333));
        if (n == 0)
            break;
        *me->have += (size_t)n;
        maru_try(maru_yield(&me->pause));
    }
}
maru_end;

struct walks {
    maru_frame frame;
    uint64_t seed, seeds;
    bool socket;
    int fds[2];
    size_t have;
    char *data, *got;
    maru_op io;
    struct rng rng;
    maru_scope readers;
    struct walk walk;
};

maru_async(walks)
{
    maru_result rc;
    expect((me->data = malloc(DATA_MAX + 2 * WRITE_MAX)) && (me->got = malloc(2 * DATA_MAX)));
    for (; me->seeds > 0; me->seeds--, me->seed++) {
        me->rng = (struct rng){ ~me->seed };
        for (size_t i = 0; i < DATA_MAX + 2 * WRITE_MAX; i++)
            me->data[i] = (char)rng_below(&me->rng, 256);
        me->fds[0] = -1;
        me->have = 0;
        if (me->socket) {
            expect(maru_socket_pair(SOCK_STREAM, me->fds) == 0);
            expect(maru_set_send_buffer(me->fds[0], 1) == 0);
            maru_check(maru_scope_spawn(&me->readers, collector, .fd = me->fds[1],
                                        .got = me->got, .have = &me->have));
        }
        maru_await(rc, maru_call(walk, &me->walk, .seed = me->seed, .fd = me->fds[0],
                                 .data = me->data, .got = me->got));
        maru_check(rc == -ERANGE ? 0 : rc);     /* a walk without a cancel */
        if (me->socket) {
            maru_try(maru_close(&me->io, me->fds[0]));
            maru_try(maru_scope_wait(&me->readers));
            maru_try(maru_close(&me->io, me->fds[1]));
        } else {
            me->have = me->walk.sink.have;
        }
        expect(me->have == me->walk.taken && memcmp(me->got, me->data, me->have) == 0);
    }
maru_finally:
    free(me->data);
    free(me->got);
}
maru_end;

Test(writer, what_was_taken_goes_out_once_and_in_order, .timeout = 60)
{
    run_in(SHAPE_SINGLE, walks, .seed = 1, .seeds = 100);
    run_in(SHAPE_TWO, walks, .seed = 1000, .seeds = 50);
}

Test(writer, what_was_taken_arrives_over_sockets, .timeout = 60)
{
    run_in(SHAPE_SINGLE, walks, .seed = 2000, .seeds = 50, .socket = true);
    run_in(SHAPE_FOUR, walks, .seed = 3000, .seeds = 50, .socket = true);
}

/* ---- by name ---- */

struct named {
    maru_frame frame;
    int fds[2];
    maru_writer out;
    maru_op io;
    char buffer[9], got[64];
};

maru_async(named)
{
    maru_result n;
    expect(maru_socket_pair(SOCK_STREAM, me->fds) == 0);
    maru_writer_init(&me->out, me->fds[0], me->buffer, sizeof me->buffer);
    maru_try(n, maru_writer_write(&me->out, "abc", 3));
    expect(n == 3 && maru_writer_buffered(&me->out) == 3);
    expect(recv(me->fds[1], me->got, 64, MSG_DONTWAIT) == -1);  /* it is collected */
    expect(maru_writer_printf(&me->out, "%d", 12) == 2);
    expect(maru_writer_printf(&me->out, "%s", "four") == -ENOSPC);
    expect(maru_writer_printf(&me->out, "%s", "123456789") == -EMSGSIZE);
    expect(maru_writer_buffered(&me->out) == 5);
    maru_try(n, maru_writer_flush(&me->out));
    expect(n == 0 && maru_writer_buffered(&me->out) == 0);
    expect(recv(me->fds[1], me->got, 64, MSG_DONTWAIT) == 5 && memcmp(me->got, "abc12", 5) == 0);
    maru_try(n, maru_writer_write(&me->out, "a large one goes past it", 24));
    expect(n == 24 && maru_writer_buffered(&me->out) == 0);
    expect(recv(me->fds[1], me->got, 64, MSG_DONTWAIT) == 24);
    expect(maru_writer_printf(&me->out, "%s", "12345678") == 8);        /* all of it */
    maru_try(n, maru_writer_write(&me->out, NULL, 0));
    expect(n == 0);
    maru_await(n, maru_writer_write(&me->out, NULL, 1));
    expect(n == -EINVAL && maru_writer_buffered(&me->out) == 8);
    maru_try(maru_writer_flush(&me->out));
    maru_try(maru_writer_flush(&me->out));
    expect(recv(me->fds[1], me->got, 64, MSG_DONTWAIT) == 8);
    maru_try(maru_close(&me->io, me->fds[1]));
    maru_try(maru_writer_write(&me->out, "kept", 4));
    maru_await(n, maru_writer_flush(&me->out));
    expect(n == -EPIPE && maru_writer_buffered(&me->out) == 4);
    maru_await(n, maru_writer_write(&me->out, "56789", 5));
    expect(n == -EPIPE && maru_writer_progress(&me->out) == 4);
    maru_writer_init(&me->out, me->fds[0], NULL, 8);
    maru_await(n, maru_writer_flush(&me->out));
    expect(n == -EINVAL && maru_writer_printf(&me->out, "x") == -EINVAL);
    maru_writer_init(&me->out, me->fds[0], me->buffer, 1);
    maru_await(n, maru_writer_write(&me->out, "x", 1));
    expect(n == -EINVAL);
    maru_writer_init_stream(&me->out, NULL, me->buffer, 9);
    maru_await(n, maru_writer_flush(&me->out));
    expect(n == -EINVAL);
    maru_writer_init(&me->out, -1, me->buffer, 9);
    maru_try(maru_writer_write(&me->out, "x", 1));
    maru_await(n, maru_writer_flush(&me->out));
    expect(n == -EBADF);
    maru_try(maru_close(&me->io, me->fds[0]));
}
maru_end;

Test(writer, small_pieces_are_collected_and_errors_keep_them, .timeout = 30)
{
    run_everywhere(named);
}
