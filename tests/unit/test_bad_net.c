/* test_bad_net.c - bad arguments of operations on sockets, of streams and of signals: what the
 * start function cannot say, the await tells. */
#include "tests/unit/bad_world.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>

/* ---- operations ---- */

struct operations {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_op op;
    maru_endpoint endpoint;
    struct iovec pieces[2];
    struct sockaddr_in address;
    char data[8];
    int fd;
};

/* On one descriptor that is none: every operation says the same. */
maru_async(operations)
{
    AWAITED(-EBADF, maru_accept(&me->op, me->fd));
    AWAITED(-EBADF, maru_connect(&me->op, me->fd, (struct sockaddr *)&me->address, 16));
    AWAITED(-EBADF, maru_recv(&me->op, me->fd, me->data, sizeof me->data));
    AWAITED(-EBADF, maru_peek(&me->op, me->fd, me->data, sizeof me->data));
    AWAITED(-EBADF, maru_send(&me->op, me->fd, me->data, sizeof me->data));
    AWAITED(-EBADF, maru_send_all(&me->op, me->fd, me->data, sizeof me->data));
    me->pieces[0] = (struct iovec){ me->data, sizeof me->data };
    AWAITED(-EBADF, maru_recv_vec(&me->op, me->fd, me->pieces, 1));
    AWAITED(-EBADF, maru_send_vec(&me->op, me->fd, me->pieces, 1));
    AWAITED(-EBADF, maru_send_vec_all(&me->op, me->fd, me->pieces, 1));
    AWAITED(-EBADF, maru_recv_from(&me->op, me->fd, me->data, sizeof me->data, NULL));
    AWAITED(-EBADF, maru_send_to(&me->op, me->fd, me->data, sizeof me->data, NULL));
    AWAITED(-EBADF, maru_shutdown(&me->op, me->fd, SHUT_RDWR));
    AWAITED(-EBADF, maru_close(&me->op, me->fd));
    AWAITED(-EBADF, maru_fd_ready(&me->op, me->fd, MARU_READABLE));
}
maru_end;

Test(bad_net, no_operation_takes_a_descriptor_that_is_none, .timeout = 60)
{
    static const int none[] = { -1, INT_MIN, FD_CLOSED, FD_BEYOND, INT_MAX };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        BAD_TASKS(operations, .fd = none[i]);
}

struct wrong_files {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_op op;
    struct iovec pieces[1];
    struct sockaddr_in address;
    char data[8];
};

maru_async(wrong_files)
{
    const struct bad *bad = me->bad;
    AWAITED(-ENOTSOCK, maru_accept(&me->op, me->bad->file));
    AWAITED(-EINVAL, maru_accept(&me->op, me->bad->pair[0]));
    AWAITED(-ENOTSOCK, maru_connect(&me->op, me->bad->pipe[0], (void *)&me->address, 16));
    AWAITED(-ENOTSOCK, maru_recv(&me->op, me->bad->file, me->data, sizeof me->data));
    AWAITED(-ENOTSOCK, maru_peek(&me->op, me->bad->pipe[0], me->data, sizeof me->data));
    AWAITED(-ENOTSOCK, maru_send(&me->op, me->bad->pipe[1], me->data, sizeof me->data));
    AWAITED(-ENOTSOCK, maru_send_all(&me->op, me->bad->file, me->data, sizeof me->data));
    me->pieces[0] = (struct iovec){ me->data, sizeof me->data };
    AWAITED(-ENOTSOCK, maru_recv_vec(&me->op, me->bad->pipe[0], me->pieces, 1));
    AWAITED(-ENOTSOCK, maru_send_vec(&me->op, me->bad->file, me->pieces, 1));
    AWAITED(-ENOTSOCK, maru_send_vec_all(&me->op, me->bad->file, me->pieces, 1));
    AWAITED(-ENOTSOCK, maru_recv_from(&me->op, me->bad->pipe[0], me->data, 8, NULL));
    AWAITED(-ENOTSOCK, maru_send_to(&me->op, me->bad->pipe[1], me->data, 8, NULL));
    AWAITED(-ENOTSOCK, maru_shutdown(&me->op, me->bad->file, SHUT_WR));
    (void)bad;
}
maru_end;

Test(bad_net, operations_of_sockets_take_no_other_files, .timeout = 60)
{
    BAD_TASKS(wrong_files);
}

/* ---- their other arguments ---- */

struct wrong_arguments {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_op op;
    maru_endpoint odd;
    struct iovec pieces[MARU_PIECES_MAX + 1];
    struct sockaddr address;
    char data[8];
    int fd;
};

maru_async(wrong_arguments)
{
    me->fd = me->bad->pair[0];
    me->odd.len = sizeof me->odd.storage + 1;
    AWAITED(-EINVAL, maru_connect(&me->op, me->fd, NULL, 16));
    AWAITED(-EINVAL, maru_connect(&me->op, me->fd, NULL, 0));
    AWAITED(-EINVAL, maru_connect(&me->op, me->fd, &me->address, 0));
    AWAITED(-EINVAL, maru_connect(&me->op, me->fd, &me->address, UINT32_MAX));
    AWAITED(-EINVAL, maru_recv(&me->op, me->fd, NULL, 1));
    AWAITED(0, maru_recv(&me->op, me->fd, NULL, 0));
    AWAITED(-EINVAL, maru_peek(&me->op, me->fd, NULL, SIZE_MAX));
    AWAITED(-EINVAL, maru_send(&me->op, me->fd, NULL, 1));
    AWAITED(-EINVAL, maru_send_all(&me->op, me->fd, NULL, 1));
    AWAITED(-EINVAL, maru_recv_vec(&me->op, me->fd, NULL, 1));
    AWAITED(-EINVAL, maru_recv_vec(&me->op, me->fd, me->pieces, MARU_PIECES_MAX + 1));
    AWAITED(0, maru_recv_vec(&me->op, me->fd, NULL, 0));
    AWAITED(-EINVAL, maru_send_vec(&me->op, me->fd, NULL, 1));
    AWAITED(-EINVAL, maru_send_vec(&me->op, me->fd, me->pieces, SIZE_MAX));
    AWAITED(-EINVAL, maru_send_vec_all(&me->op, me->fd, NULL, SIZE_MAX));
    AWAITED(-EINVAL, maru_send_vec_all(&me->op, me->fd, me->pieces, MARU_PIECES_MAX + 1));
    AWAITED(-EINVAL, maru_recv_from(&me->op, me->fd, NULL, 1, NULL));
    AWAITED(-EINVAL, maru_send_to(&me->op, me->fd, NULL, 1, NULL));
    AWAITED(-EINVAL, maru_send_to(&me->op, me->fd, me->data, 1, &me->odd));
    AWAITED(-EINVAL, maru_shutdown(&me->op, me->fd, 3));
    AWAITED(-EINVAL, maru_shutdown(&me->op, me->fd, -1));
    AWAITED(-EINVAL, maru_fd_ready(&me->op, me->fd, 0));
    AWAITED(-EINVAL, maru_fd_ready(&me->op, me->fd, 2));
    AWAITED(-EINVAL, maru_fd_ready(&me->op, me->fd, UINT_MAX));
    /* The socket is as good as before. */
    AWAITED(1, maru_send(&me->op, me->bad->pair[1], "x", 1));
    AWAITED(1, maru_recv(&me->op, me->fd, me->data, 1));
}
maru_end;

Test(bad_net, what_is_wrong_with_memory_or_numbers_the_await_tells, .timeout = 60)
{
    BAD_TASKS(wrong_arguments);
}

/* ---- no memory for the operation itself ---- */

static void no_operation(struct bad *bad)
{
    const struct iovec piece = { bad, 1 };
    const struct sockaddr address = { .sa_family = AF_INET };
    NONE(maru_accept(NULL, bad->listener));
    NONE(maru_connect(NULL, bad->listener, &address, sizeof address));
    NONE(maru_connect(NULL, bad->listener, NULL, 0));
    NONE(maru_recv(NULL, bad->pair[0], bad, 1));
    NONE(maru_peek(NULL, bad->pair[0], bad, 1));
    NONE(maru_send(NULL, bad->pair[0], bad, 1));
    NONE(maru_send_all(NULL, bad->pair[0], bad, 1));
    NONE(maru_recv_vec(NULL, bad->pair[0], &piece, 1));
    NONE(maru_send_vec(NULL, bad->pair[0], &piece, 1));
    NONE(maru_send_vec_all(NULL, bad->pair[0], NULL, SIZE_MAX));
    NONE(maru_recv_from(NULL, bad->pair[0], bad, 1, NULL));
    NONE(maru_send_to(NULL, bad->pair[0], bad, 1, NULL));
    NONE(maru_shutdown(NULL, bad->pair[0], SHUT_RD));
    NONE(maru_close(NULL, bad->pair[0]));
    NONE(maru_fd_ready(NULL, bad->pair[0], MARU_READABLE));
    NONE(maru_signal_next(NULL, NULL));
    NONE(maru_signal_once(NULL, SIGUSR1));
    BAD(0, maru_op_progress(NULL));
    BAD(false, maru_op_truncated(NULL));
}

Test(bad_net, without_an_operation_there_is_no_future, .timeout = 60)
{
    bad_calls(no_operation);
}

/* ---- polled where no task runs ---- */

static void keep(maru_waker *waker)
{
    (void)waker;
}

static maru_result poll_of(maru_future *future)
{
    static const maru_waker_ops ops = { keep, keep, keep };
    maru_waker waker = { &ops };
    maru_context cx = { &waker, NULL, MARU_GO };
    return maru_future_poll(future, &cx);
}

Test(bad_net, polled_outside_of_tasks_operations_say_so, .timeout = 60)
{
    struct bad here = { .place = "outside" }, *bad = &here;
    maru_op op = { .fd_ = 0 };
    maru_signal_once_wait once = { .signal_.fd_ = -1 };
    struct iovec piece = { &op, 1 };
    const struct sockaddr address = { .sa_family = AF_INET };
    bad_open(bad);
    bad->looks = true;
    BAD(-EPERM, poll_of(maru_accept(&op, bad->listener)));
    BAD(-EPERM, poll_of(maru_connect(&op, bad->pair[0], &address, sizeof address)));
    BAD(-EPERM, poll_of(maru_recv(&op, bad->pair[0], &piece, 1)));
    BAD(-EPERM, poll_of(maru_peek(&op, bad->pair[0], &piece, 1)));
    BAD(-EPERM, poll_of(maru_send(&op, bad->pair[0], &piece, 1)));
    BAD(-EPERM, poll_of(maru_send_all(&op, bad->pair[0], &piece, 1)));
    BAD(-EPERM, poll_of(maru_recv_vec(&op, bad->pair[0], &piece, 1)));
    BAD(-EPERM, poll_of(maru_send_vec(&op, bad->pair[0], &piece, 1)));
    BAD(-EPERM, poll_of(maru_send_vec_all(&op, bad->pair[0], &piece, 1)));
    BAD(-EPERM, poll_of(maru_recv_from(&op, bad->pair[0], &piece, 1, NULL)));
    BAD(-EPERM, poll_of(maru_send_to(&op, bad->pair[0], &piece, 1, NULL)));
    BAD(-EPERM, poll_of(maru_shutdown(&op, bad->pair[0], SHUT_RD)));
    BAD(-EPERM, poll_of(maru_close(&op, bad->pair[0])));
    BAD(-EPERM, poll_of(maru_fd_ready(&op, bad->pair[0], MARU_READABLE)));
    BAD(-EPERM, poll_of(maru_signal_once(&once, SIGUSR1)));
    bad_close(bad);
    cr_assert_eq(bad->wrong, 0);
}

/* ---- readers and writers ---- */

static void no_stream(struct bad *bad)
{
    maru_stream_ops no_ops = { NULL, NULL };
    maru_stream mute = { &no_ops }, blank = { NULL };
    NONE(maru_socket_stream_init(NULL, bad->pair[0]));
    NOTHING(maru_reader_init(NULL, bad->pair[0], bad, 8));
    NOTHING(maru_reader_init_stream(NULL, &mute, bad, 8));
    NOTHING(maru_reader_init_stream(NULL, &blank, bad, 8));
    NONE(maru_reader_line(NULL, 0));
    NONE(maru_reader_until(NULL, 'x', 0));
    NONE(maru_reader_exact(NULL, 1));
    NONE(maru_reader_some(NULL, 1));
    NONE(maru_reader_fill(NULL, 1));
    NONE(maru_reader_skip_until(NULL, 'x'));
    NONE(maru_reader_data(NULL));
    BAD(0, maru_reader_len(NULL));
    BAD(false, maru_reader_is_partial(NULL));
    BAD(0, maru_reader_buffered(NULL));
    BAD(0, maru_reader_take(NULL, 1));
    NOTHING(maru_writer_init(NULL, bad->pair[0], bad, 8));
    NOTHING(maru_writer_init_stream(NULL, &mute, bad, 8));
    NONE(maru_writer_write(NULL, "x", 1));
    NONE(maru_writer_flush(NULL));
    BAD(-EINVAL, maru_writer_printf(NULL, "x"));
    BAD(0, maru_writer_progress(NULL));
    BAD(0, maru_writer_buffered(NULL));
}

Test(bad_net, no_reader_and_no_writer_are_fine, .timeout = 60)
{
    bad_calls(no_stream);
}

struct streams {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_stream_ops no_ops;
    maru_stream mute, blank;
    maru_reader in;
    maru_writer out;
    char buffer[8], outgoing[8];
    int kind;
};

enum { NO_BUFFER, TINY, NO_STREAM, MUTE, BLANK, ZEROED, KINDS };

static void wrong_streams(struct streams *me)
{
    maru_stream *stream = me->kind == MUTE ? &me->mute : me->kind == BLANK ? &me->blank : NULL;
    me->mute.ops = &me->no_ops;
    if (me->kind == NO_BUFFER) {
        maru_reader_init(&me->in, me->bad->pair[0], NULL, 8);
        maru_writer_init(&me->out, me->bad->pair[0], NULL, 8);
    } else if (me->kind == TINY) {
        maru_reader_init(&me->in, me->bad->pair[0], me->buffer, 1);
        maru_writer_init(&me->out, me->bad->pair[0], me->outgoing, 0);
    } else if (me->kind != ZEROED) {
        maru_reader_init_stream(&me->in, stream, me->buffer, 8);
        maru_writer_init_stream(&me->out, stream, me->outgoing, 8);
    }
}

maru_async(streams)
{
    wrong_streams(me);
    AWAITED(-EINVAL, maru_reader_line(&me->in, 0));
    AWAITED(-EINVAL, maru_reader_until(&me->in, 'x', SIZE_MAX));
    AWAITED(-EINVAL, maru_reader_exact(&me->in, 1));
    AWAITED(-EINVAL, maru_reader_exact(&me->in, SIZE_MAX));
    AWAITED(-EINVAL, maru_reader_some(&me->in, 1));
    AWAITED(-EINVAL, maru_reader_fill(&me->in, 1));
    AWAITED(-EINVAL, maru_reader_skip_until(&me->in, 'x'));
    AWAITED(-EINVAL, maru_writer_write(&me->out, "x", 1));
    AWAITED(-EINVAL, maru_writer_write(&me->out, NULL, 0));
    AWAITED(-EINVAL, maru_writer_flush(&me->out));
    struct bad *bad = me->bad;
    NONE(maru_reader_data(&me->in));
    BAD(0, maru_reader_len(&me->in));
    BAD(0, maru_reader_buffered(&me->in));
    BAD(0, maru_reader_take(&me->in, SIZE_MAX));
    BAD(-EINVAL, maru_writer_printf(&me->out, "x"));
    BAD(0, maru_writer_progress(&me->out));
    BAD(0, maru_writer_buffered(&me->out));
}
maru_end;

Test(bad_net, what_is_wrong_with_a_stream_its_requests_tell, .timeout = 60)
{
    for (int kind = 0; kind < KINDS; kind++)
        BAD_TASKS(streams, .kind = kind);
}

struct requests {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_socket_stream socket;
    maru_reader in;
    maru_writer out;
    char buffer[8], outgoing[8];
};

maru_async(requests)
{
    struct bad *bad = me->bad;
    maru_reader_init(&me->in, -1, me->buffer, sizeof me->buffer);
    maru_writer_init(&me->out, FD_CLOSED, me->outgoing, sizeof me->outgoing);
    AWAITED(-EBADF, maru_reader_line(&me->in, 0));
    AWAITED(-EBADF, maru_reader_some(&me->in, 0));
    AWAITED(-EMSGSIZE, maru_reader_exact(&me->in, 8));
    AWAITED(-EMSGSIZE, maru_reader_fill(&me->in, SIZE_MAX));
    AWAITED(-EINVAL, maru_writer_write(&me->out, NULL, 1));
    AWAITED(-EBADF, maru_writer_write(&me->out, "too long for it", 15));
    bad = me->bad;
    BAD(-EINVAL, maru_writer_printf(&me->out, NULL));
    BAD(-EMSGSIZE, maru_writer_printf(&me->out, "%08d", 1));
    BAD(3, maru_writer_printf(&me->out, "abc"));
    BAD(-ENOSPC, maru_writer_printf(&me->out, "%05d", 1));
    AWAITED(-EBADF, maru_writer_flush(&me->out));
    bad = me->bad;
    BAD(3, maru_writer_buffered(&me->out));
    maru_writer_init_stream(&me->out, maru_socket_stream_init(&me->socket, -1), me->outgoing, 8);
    maru_reader_init_stream(&me->in, &me->socket.stream, me->buffer, 8);
    AWAITED(-EBADF, maru_reader_fill(&me->in, 1));
    AWAITED(-EBADF, maru_writer_write(&me->out, "too long for it", 15));
}
maru_end;

Test(bad_net, requests_of_streams_of_nothing_tell_why, .timeout = 60)
{
    BAD_TASKS(requests);
}

/* ---- signals ---- */

static void signals(struct bad *bad)
{
    static const int none[] = { 0,       -1,     INT_MIN, INT_MAX, NSIG,   SIGKILL, SIGSTOP,
                                SIGSEGV, SIGBUS, SIGFPE,  SIGILL,  SIGTRAP, SIGSYS, SIGABRT };
    maru_signal signal = { .signo_ = 77 };
    BAD(-EINVAL, maru_signal_open(NULL, SIGUSR1));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        BAD(-EINVAL, maru_signal_open(&signal, none[i]));
    BAD(77, signal.signo_);
    BAD(0, maru_signal_close(NULL));
    BAD(0, maru_signal_close(&signal));
    BAD(0, maru_signal_close(&signal));
}

struct waits_for_signals {
    maru_frame frame;
    struct bad *bad;
    maru_result got;
    maru_signal closed, open;
    maru_signal_wait wait;
    maru_signal_once_wait once;
};

maru_async(waits_for_signals)
{
    AWAITED(-EINVAL, maru_signal_next(&me->wait, NULL));
    AWAITED(-EBADF, maru_signal_next(&me->wait, &me->closed));
    maru_check(maru_signal_open(&me->open, SIGUSR2));
    maru_check(maru_signal_close(&me->open));
    AWAITED(-EBADF, maru_signal_next(&me->wait, &me->open));
    AWAITED(-EINVAL, maru_signal_once(&me->once, 0));
    AWAITED(-EINVAL, maru_signal_once(&me->once, SIGKILL));
    AWAITED(-EINVAL, maru_signal_once(&me->once, INT_MAX));
}
maru_end;

Test(bad_net, what_is_no_signal_is_not_listened_to, .timeout = 60)
{
    bad_calls(signals);
    BAD_TASKS(waits_for_signals);
}
