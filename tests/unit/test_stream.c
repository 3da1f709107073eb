/* test_stream.c - recv, send, send_all, shutdown: what arrives is what was sent, in order, and
 * every end, reset, cancel and wrong argument is told as it is. */
#include "tests/unit/io_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>

/* ---- bytes ---- */

Test(stream, bytes_come_back_as_they_were_sent, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(round_trip, .family = family, .total = 200000, .piece = 4096);
}

Test(stream, one_byte_at_a_time_arrives_too, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(round_trip, .family = family, .total = 1000, .piece = 1);
}

struct nothing {
    maru_frame frame;
    enum family family;
    int fds[2];
    maru_op io;
    char byte;
};

maru_async(nothing)
{
    maru_result n;
    expect(pair_new(me->family, me->fds));
    maru_try(n, maru_send(&me->io, me->fds[0], "", 0));
    expect(n == 0);
    maru_try(n, maru_send_all(&me->io, me->fds[0], "x", 0));
    expect(n == 0);
    maru_try(n, maru_send(&me->io, me->fds[0], "x", 1));
    expect(n == 1);
    maru_try(n, maru_recv(&me->io, me->fds[1], &me->byte, 0));
    expect(n == 0);
    maru_try(n, maru_recv(&me->io, me->fds[1], &me->byte, 1));
    expect(n == 1 && me->byte == 'x');
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(stream, no_bytes_are_sent_and_received_at_once, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_in(SHAPE_SINGLE, nothing, .family = family);
}

/* ---- ends ---- */

struct half_close {
    maru_frame frame;
    enum family family;
    int fds[2];
    maru_op io;
    char byte;
};

maru_async(half_close)
{
    maru_result n;
    expect(pair_new(me->family, me->fds));
    maru_try(maru_send_all(&me->io, me->fds[0], "question", 8));
    maru_try(maru_shutdown(&me->io, me->fds[0], SHUT_WR));
    for (me->byte = 0; me->byte != 'n';) {
        maru_try(n, maru_recv(&me->io, me->fds[1], &me->byte, 1));
        expect(n == 1);
    }
    maru_try(n, maru_recv(&me->io, me->fds[1], &me->byte, 1));
    expect(n == 0);
    maru_try(maru_send_all(&me->io, me->fds[1], "!", 1));
    maru_try(n, maru_recv(&me->io, me->fds[0], &me->byte, 1));
    expect(n == 1 && me->byte == '!');
    maru_await(n, maru_send(&me->io, me->fds[0], "x", 1));
    expect(n == -EPIPE);
    maru_try(maru_close(&me->io, me->fds[1]));
    maru_try(n, maru_recv(&me->io, me->fds[0], &me->byte, 1));
    expect(n == 0);
    maru_try(maru_close(&me->io, me->fds[0]));
}
maru_end;

/* conformance 73 */
Test(stream, a_side_that_has_ended_still_receives, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(half_close, .family = family);
}

/* The peer's end is one event together with its last bytes. */
struct last_reader {
    maru_frame frame;
    int fd;
    size_t have;
    int ends;
    maru_op io;
    char buf[3];
};

maru_async(last_reader)
{
    maru_result n;
    while (me->ends < 3) {
        maru_try(n, maru_recv(&me->io, me->fd, me->buf, sizeof me->buf));
        me->have += (size_t)n;
        me->ends += n == 0;
    }
    expect(me->have == 10);
}
maru_end;

struct last_bytes {
    maru_frame frame;
    enum family family;
    bool waiting;
    int fds[2];
    maru_op io;
    maru_sleep nap;
    maru_scope readers;
};

maru_async(last_bytes)
{
    expect(pair_new(me->family, me->fds));
    if (me->waiting) {
        maru_check(maru_scope_spawn(&me->readers, last_reader, .fd = me->fds[1]));
        while (waiters_of(me->fds[1], SIDE_READ) == 0)
            maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    }
    expect(send(me->fds[0], "0123456789", 10, MSG_NOSIGNAL) == 10);
    close(me->fds[0]);
    if (!me->waiting)
        maru_check(maru_scope_spawn(&me->readers, last_reader, .fd = me->fds[1]));
    maru_try(maru_scope_wait(&me->readers));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(stream, the_end_is_not_lost_when_it_comes_with_data, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        for (int waiting = 0; waiting < 2; waiting++)
            run_everywhere(last_bytes, .family = family, .waiting = waiting != 0);
}

struct reset_reader {
    maru_frame frame;
    int fd;
    maru_op io;
    char byte;
};

maru_async(reset_reader)
{
    maru_result n;
    maru_await(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    expect(n == -ECONNRESET);
    maru_await(n, maru_send(&me->io, me->fd, "x", 1));
    expect(n == -EPIPE);
    maru_try(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    expect(n == 0);
}
maru_end;

struct resets {
    maru_frame frame;
    enum family family;
    int fds[2];
    maru_op io;
    maru_sleep nap;
    maru_scope readers;
};

maru_async(resets)
{
    expect(pair_new(me->family, me->fds));
    maru_check(maru_scope_spawn(&me->readers, reset_reader, .fd = me->fds[1]));
    while (waiters_of(me->fds[1], SIDE_READ) == 0)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    reset(me->fds[0]);
    maru_try(maru_scope_wait(&me->readers));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(stream, a_reset_is_told_once_and_then_it_is_a_broken_pipe, .timeout = 30)
{
    run_everywhere(resets, .family = TCP4);
    if (family_is_there(TCP6))
        run_everywhere(resets, .family = TCP6);
}

struct broken_pipe {
    maru_frame frame;
    enum family family;
    int fds[2], sends;
    maru_op io;
    maru_sleep nap;
};

maru_async(broken_pipe)
{
    maru_result n;
    expect(pair_new(me->family, me->fds));
    close(me->fds[1]);
    for (n = 1; n == 1 && me->sends < 1000; me->sends++) {
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
        maru_await(n, maru_send(&me->io, me->fds[0], "x", 1));
    }
    expect(n == -EPIPE);
    maru_await(n, maru_send_all(&me->io, me->fds[0], "x", 1));
    expect(n == -EPIPE);
    maru_try(maru_close(&me->io, me->fds[0]));
}
maru_end;

Test(stream, sending_to_a_peer_that_has_gone_is_an_error_and_no_signal, .timeout = 30)
{
    signal(SIGPIPE, SIG_DFL);
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_in(SHAPE_SINGLE, broken_pipe, .family = family);
}

/* ---- full buffers ---- */

struct slow {
    maru_frame frame;
    enum family family;
    size_t total;
    int fds[2];
    maru_op io;
    unsigned char *data;
    maru_scope readers;
};

/* Not the receiver's: TCP with a tiny window waits for its persist timer. */
static void small_send_buffer(int fd)
{
    const int bytes = 4096;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static unsigned char *pattern_new(size_t len)
{
    unsigned char *data = malloc(len);
    for (size_t i = 0; data && i < len; i++)
        data[i] = pattern_at(i);
    return data;
}

maru_async(slow)
{
    maru_result n;
    expect(pair_new(me->family, me->fds));
    small_send_buffer(me->fds[0]);
    me->data = pattern_new(me->total);
    expect(me->data);
    maru_check(maru_scope_spawn(&me->readers, reader, .fd = me->fds[1], .total = me->total,
                                .piece = 4096, .pause_ns = 100 * MARU_USEC));
    maru_try(n, maru_send_all(&me->io, me->fds[0], me->data, me->total));
    expect(n == (maru_result)me->total && maru_op_progress(&me->io) == me->total);
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_scope_wait(&me->readers));
    maru_try(maru_close(&me->io, me->fds[1]));
maru_finally:
    free(me->data);
}
maru_end;

Test(stream, send_all_outlives_full_buffers_and_a_slow_reader, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(slow, .family = family, .total = 300000);
}

struct given_up {
    maru_frame frame;
    enum family family;
    size_t total, sent;
    int fds[2];
    maru_op io;
    maru_timeout limit;
    unsigned char *data;
    struct reader reader;
};

maru_async(given_up)
{
    maru_result n;
    expect(pair_new(me->family, me->fds));
    small_send_buffer(me->fds[0]);
    me->data = pattern_new(me->total);
    expect(me->data);
    maru_await(n, maru_within(&me->limit, 5 * MARU_MSEC,
                              maru_send_all(&me->io, me->fds[0], me->data, me->total)));
    expect(n == -ETIMEDOUT && maru_timed_out(&me->limit));
    me->sent = maru_op_progress(&me->io);
    expect(me->sent > 0 && me->sent < me->total);
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_call(reader, &me->reader, .fd = me->fds[1], .total = me->sent, .piece = 4096));
    maru_try(maru_close(&me->io, me->fds[1]));
maru_finally:
    free(me->data);
}
maru_end;

Test(stream, a_cancelled_send_all_tells_exactly_what_went, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(given_up, .family = family, .total = 20000000);
}

/* ---- many waiters, cancels, selects ---- */

struct taker {
    maru_frame frame;
    int fd;
    uint32_t *taken;
    maru_op io;
    char byte;
};

maru_async(taker)
{
    maru_result n;
    maru_try(n, maru_recv(&me->io, me->fd, &me->byte, 1));
    atomic_add_ar(me->taken, (uint32_t)n);      /* read after the scope's wait */
}
maru_end;

struct crowd {
    maru_frame frame;
    size_t count, bytes;
    uint32_t taken;
    int fds[2];
    maru_op io;
    maru_sleep nap;
    maru_scope takers;
    char data[64];
};

maru_async(crowd)
{
    expect(pair_new(UNIX, me->fds));
    for (size_t i = 0; i < me->count; i++)
        maru_check(maru_scope_spawn(&me->takers, taker, .fd = me->fds[1], .taken = &me->taken));
    while (waiters_of(me->fds[1], SIDE_READ) < me->count)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    expect(send(me->fds[0], me->data, me->bytes, 0) == (ssize_t)me->bytes);
    if (me->bytes < me->count) {
        while (waiters_of(me->fds[1], SIDE_READ) != me->count - me->bytes)
            maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
        close(me->fds[0]);
    }
    maru_try(maru_scope_wait(&me->takers));
    expect(me->taken == me->bytes);
    if (me->bytes == me->count)
        close(me->fds[0]);
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(stream, many_waiters_of_one_descriptor_share_what_comes, .timeout = 30)
{
    run_everywhere(crowd, .count = 50, .bytes = 50);
}

/* conformance 72 */
Test(stream, the_end_wakes_all_waiters, .timeout = 30)
{
    run_everywhere(crowd, .count = 50, .bytes = 7);
}

/* Reads a stream under time limits that fire at any moment. */
struct hasty_reader {
    maru_frame frame;
    int fd;
    size_t total, done, timeouts;
    maru_op io;
    maru_timeout limit;
    unsigned char buf[16];
};

maru_async(hasty_reader)
{
    maru_result n;
    while (me->done < me->total) {
        maru_await(n, maru_within(&me->limit, (int64_t)(me->done % 5) * 50 * MARU_USEC,
                                  maru_recv(&me->io, me->fd, me->buf, sizeof me->buf)));
        me->timeouts += n == -ETIMEDOUT;
        if (n == -ETIMEDOUT)
            continue;
        expect(n > 0);
        for (size_t i = 0; i < (size_t)n; i++)
            expect(me->buf[i] == pattern_at(me->done + i));
        me->done += (size_t)n;
    }
    expect(me->timeouts > 0);
}
maru_end;

struct slow_writer {
    maru_frame frame;
    int fd;
    size_t total, done;
    maru_op io;
    maru_sleep nap;
    unsigned char byte;
};

maru_async(slow_writer)
{
    for (; me->done < me->total; me->done++) {
        me->byte = pattern_at(me->done);
        maru_try(maru_send_all(&me->io, me->fd, &me->byte, 1));
        maru_try(maru_sleep_for(&me->nap, (int64_t)(me->done % 3) * 200 * MARU_USEC));
    }
}
maru_end;

struct hasty {
    maru_frame frame;
    enum family family;
    size_t total;
    int fds[2];
    maru_op io;
    maru_scope both;
};

maru_async(hasty)
{
    expect(pair_new(me->family, me->fds));
    maru_check(maru_scope_spawn(&me->both, slow_writer, .fd = me->fds[0], .total = me->total));
    maru_check(maru_scope_spawn(&me->both, hasty_reader, .fd = me->fds[1], .total = me->total));
    maru_try(maru_scope_wait(&me->both));
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(stream, a_cancelled_recv_loses_nothing, .timeout = 30)
{
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family))
        run_everywhere(hasty, .family = family, .total = 300);
}

struct losers {
    maru_frame frame;
    int a[2], b[2];
    maru_op io[2];
    char bytes[2];
    unsigned wins[2];
};

maru_async(losers)
{
    maru_result won;
    expect(pair_new(UNIX, me->a) && pair_new(UNIX, me->b));
    expect(send(me->a[0], "aaaaaaaa", 8, 0) == 8 && send(me->b[0], "bbbbbbbb", 8, 0) == 8);
    while (me->wins[0] + me->wins[1] < 8) {
        me->bytes[0] = me->bytes[1] = 0;
        maru_select(won,
                    maru_recv(&me->io[0], me->a[1], &me->bytes[0], 1),
                    maru_recv(&me->io[1], me->b[1], &me->bytes[1], 1));
        expect(won == 0 || won == 1);
        expect(me->bytes[won] == "ab"[won] && me->bytes[1 - won] == 0);
        expect(maru_result_of(&me->io[won]) == 1);
        expect(maru_result_of(&me->io[1 - won]) == -ECANCELED);
        me->wins[won]++;
    }
    while (me->wins[0] < 8) {
        maru_try(maru_recv(&me->io[0], me->a[1], me->bytes, 1));
        me->wins[0]++;
    }
    while (me->wins[1] < 8) {
        maru_try(maru_recv(&me->io[0], me->b[1], me->bytes, 1));
        me->wins[1]++;
    }
    expect(recv(me->a[1], me->bytes, 1, MSG_DONTWAIT) < 0);
    expect(recv(me->b[1], me->bytes, 1, MSG_DONTWAIT) < 0);
    for (int i = 0; i < 2; i++)
        close(i ? me->b[0] : me->a[0]);
    maru_try(maru_close(&me->io[0], me->a[1]));
    maru_try(maru_close(&me->io[0], me->b[1]));
}
maru_end;

Test(stream, the_loser_of_a_select_has_received_nothing, .timeout = 30)
{
    run_everywhere(losers);
}

/* ---- wrong things ---- */

struct wrong {
    maru_frame frame;
    int fds[2], pipe[2], plain, closed, flags;
    maru_op io;
    char byte;
};

maru_async(wrong)
{
    maru_result n;
    expect(pair_new(TCP4, me->fds) && pipe2(me->pipe, O_CLOEXEC) == 0);
    me->plain = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    me->closed = dup(me->plain);
    close(me->closed);
    me->flags = fcntl(me->pipe[0], F_GETFL);
    maru_await(n, maru_recv(&me->io, -1, &me->byte, 1));
    expect(n == -EBADF);
    maru_await(n, maru_recv(&me->io, me->closed, &me->byte, 1));
    expect(n == -EBADF);
    maru_await(n, maru_recv(&me->io, INT32_MAX, &me->byte, 1));
    expect(n == -EBADF);
    maru_await(n, maru_recv(&me->io, (int)FD_MAX, &me->byte, 1));
    expect(n == -EBADF);
    maru_await(n, maru_recv(&me->io, me->pipe[0], &me->byte, 1));
    expect(n == -ENOTSOCK);
    maru_await(n, maru_recv(&me->io, me->plain, &me->byte, 1));
    expect(n == -ENOTCONN);
    expect(send(me->fds[1], "x", 1, 0) == 1);
    maru_await(n, maru_recv(&me->io, me->fds[0], NULL, 1));
    expect(n == -EINVAL);
    maru_await(n, maru_recv(&me->io, me->fds[0], &me->byte, 1));
    expect(n == 1 && me->byte == 'x');
    maru_await(n, maru_send(&me->io, -1, "x", 1));
    expect(n == -EBADF);
    maru_await(n, maru_send(&me->io, me->closed, "x", 1));
    expect(n == -EBADF);
    maru_await(n, maru_send(&me->io, me->pipe[1], "x", 1));
    expect(n == -ENOTSOCK);
    maru_await(n, maru_send(&me->io, me->plain, "x", 1));
    expect(n == -EPIPE || n == -ENOTCONN);
    maru_await(n, maru_send(&me->io, me->fds[0], NULL, 1));
    expect(n == -EINVAL);
    maru_await(n, maru_send_all(&me->io, -1, "x", 1));
    expect(n == -EBADF && maru_op_progress(&me->io) == 0);
    maru_await(n, maru_send_all(&me->io, me->pipe[1], "x", 1));
    expect(n == -ENOTSOCK);
    maru_await(n, maru_shutdown(&me->io, -1, SHUT_WR));
    expect(n == -EBADF);
    maru_await(n, maru_shutdown(&me->io, me->pipe[1], SHUT_WR));
    expect(n == -ENOTSOCK);
    maru_await(n, maru_shutdown(&me->io, me->plain, SHUT_WR));
    expect(n == 0);                             /* not connected is what was wanted */
    maru_await(n, maru_shutdown(&me->io, me->fds[0], 77));
    expect(n == -EINVAL);
    maru_await(n, maru_shutdown(&me->io, me->fds[0], -1));
    expect(n == -EINVAL);
    expect(fcntl(me->pipe[0], F_GETFL) == me->flags);
    expect(send(me->fds[1], "y", 1, 0) == 1);
    maru_try(maru_recv(&me->io, me->fds[0], &me->byte, 1));
    expect(me->byte == 'y');
    close(me->pipe[0]);
    close(me->pipe[1]);
    close(me->plain);
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(stream, wrong_descriptors_and_arguments_are_errors_that_change_nothing, .timeout = 30)
{
    run_in(SHAPE_SINGLE, wrong);
    run_in(SHAPE_TWO, wrong);
}

/* ---- reads that stop short of what is there ---- */

struct marked_reader {
    maru_frame frame;
    int fd;
    size_t total, have;
    maru_op io;
    char bytes[16];
};

maru_async(marked_reader)
{
    maru_result n;
    while (me->have < me->total) {
        maru_try(n, maru_recv(&me->io, me->fd, me->bytes, sizeof me->bytes));
        expect(n > 0);
        me->have += (size_t)n;
    }
}
maru_end;

struct stops_short {
    maru_frame frame;
    int fds[2], i;
    maru_op io;
    maru_scope readers;
    maru_pause pause;
};

/* A descriptor passed over a Unix socket ends a read early. */
static bool send_marked(int fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    char text[] = "AAA";
    struct iovec data = { text, 3 };
    struct msghdr message = { .msg_iov = &data,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof control };
    memset(&control, 0, sizeof control);
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(fd, &message, 0) == 3 && send(fd, "BBB", 3, 0) == 3;
}

maru_async(stops_short)
{
    expect(pair_new(UNIX, me->fds));
    maru_check(maru_scope_spawn(&me->readers, marked_reader, .fd = me->fds[0], .total = 6));
    for (me->i = 0; me->i < 200; me->i++)           /* it waits by now, most likely */
        maru_try(maru_yield(&me->pause));
    expect(send_marked(me->fds[1]));
    maru_try(maru_scope_wait(&me->readers));
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(maru_close(&me->io, me->fds[1]));
}
maru_end;

Test(stream, a_read_that_stops_short_leaves_nothing_behind, .timeout = 30)
{
    run_everywhere(stops_short);
}

/* ---- signals ---- */

static void on_alarm(int signal)
{
    (void)signal;
}

Test(stream, a_storm_of_signals_changes_nothing, .timeout = 30)
{
    const struct sigaction action = { .sa_handler = on_alarm };     /* without SA_RESTART */
    const struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family)) {
        run_in(SHAPE_SINGLE, round_trip, .family = family, .total = 500000, .piece = 700);
        run_in(SHAPE_TWO, round_trip, .family = family, .total = 500000, .piece = 700);
        run_in(SHAPE_SINGLE, slow, .family = family, .total = 300000);
    }
    setitimer(ITIMER_REAL, &never, NULL);
}
