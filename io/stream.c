/* stream.c - receiving and sending: a direct system call when readiness allows it. */
#include "io/attempt.h"

#include "maru/err.h"

#include <sys/socket.h>

static maru_op *op_of(maru_future *self)
{
    return (maru_op *)(void *)self;
}

static bool would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* ---- recv ---- */

static ssize_t recv_some(const maru_op *op)
{
    ssize_t n;
    do
        n = recv(op->fd_, op->data_, op->len_, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static maru_result recv_poll(maru_future *self, maru_context *cx)
{
    maru_op *op = op_of(self);
    struct fd_entry *entry;
    int rc = io_entry_here(op->fd_, &entry);
    if (rc < 0)
        return rc;
    if (op->len_ == 0)
        return cx->ending == MARU_GO ? 0 : -ECANCELED;
    maru_result go = ready_before(entry, op, SIDE_READ, cx);
    while (go == 0) {
        uint32_t seen;
        if (!ready_enter(entry, op, SIDE_READ, &seen))
            return -EBADF;
        ssize_t n = recv_some(op);
        ready_leave(entry, SIDE_READ);
        if (n >= 0) {
            if ((size_t)n < op->len_ && n > 0)
                ready_clear(entry, SIDE_READ, seen);    /* a short read has emptied the socket */
            return n;
        }
        if (!would_block(-(int)n))
            return n;
        go = ready_wait(entry, op, SIDE_READ, seen, cx);
    }
    return go;
}

static const maru_future_type recv_type = { recv_poll, "recv" };

maru_future *maru_recv(maru_op *op, int fd, void *data, size_t len)
{
    return io_start_data(op, &recv_type, fd, data, len);
}

/* ---- peek ---- */

/* READY stays after a short one, for what was looked at is still there. */
static maru_result peek_some(maru_op *op)
{
    ssize_t n = recv(op->fd_, op->data_, op->len_, MSG_DONTWAIT | MSG_PEEK);
    return n < 0 ? -errno : n;
}

static maru_result peek_poll(maru_future *self, maru_context *cx)
{
    if (op_of(self)->len_ == 0)
        return cx->ending == MARU_GO ? 0 : -ECANCELED;
    return attempt_poll(op_of(self), cx, SIDE_READ, peek_some);
}

static const maru_future_type peek_type = { peek_poll, "peek" };

maru_future *maru_peek(maru_op *op, int fd, void *data, size_t len)
{
    return io_start_data(op, &peek_type, fd, data, len);
}

/* ---- send ---- */

/* Sends what it can. The number of bytes, none of them for an empty datagram. */
static ssize_t send_some(const maru_op *op)
{
    const char *data = op->data_;
    ssize_t n;
    do
        n = send(op->fd_, data + op->done_, op->len_ - op->done_, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* Both sends: `all` goes on until everything is sent. */
static maru_result send_until(maru_op *op, maru_context *cx, bool all)
{
    struct fd_entry *entry;
    int rc = io_entry_here(op->fd_, &entry);
    if (rc < 0)
        return rc;
    maru_result go = ready_before(entry, op, SIDE_WRITE, cx);
    while (go == 0) {
        uint32_t seen;
        if (!ready_enter(entry, op, SIDE_WRITE, &seen))
            return -EBADF;
        ssize_t n = send_some(op);
        ready_leave(entry, SIDE_WRITE);
        if (n >= 0) {
            op->done_ += (size_t)n;
            if (op->done_ == op->len_ || !all)
                return (maru_result)op->done_;
        } else if (would_block(-(int)n)) {
            go = ready_wait(entry, op, SIDE_WRITE, seen, cx);
        } else {
            return n;
        }
    }
    return go;
}

static maru_result send_poll(maru_future *self, maru_context *cx)
{
    return send_until(op_of(self), cx, false);
}

static maru_result send_all_poll(maru_future *self, maru_context *cx)
{
    return send_until(op_of(self), cx, true);
}

static const maru_future_type send_type = { send_poll, "send" };
static const maru_future_type send_all_type = { send_all_poll, "send_all" };

maru_future *maru_send(maru_op *op, int fd, const void *data, size_t len)
{
    return io_start_data(op, &send_type, fd, data, len);
}

maru_future *maru_send_all(maru_op *op, int fd, const void *data, size_t len)
{
    return io_start_data(op, &send_all_type, fd, data, len);
}

size_t maru_op_progress(const maru_op *op)
{
    return op ? op->done_ : 0;
}

/* ---- shutdown ---- */

/* A connection that was reset is not connected any more: what is wanted is there. */
static maru_result shutdown_poll(maru_future *self, maru_context *cx)
{
    maru_op *op = op_of(self);
    struct fd_entry *entry;
    uint32_t seen;
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    int rc = io_entry_here(op->fd_, &entry);
    if (rc < 0)
        return rc;
    if (!ready_enter(entry, op, SIDE_WRITE, &seen))
        return -EBADF;
    rc = shutdown(op->fd_, (int)op->len_) == 0 || errno == ENOTCONN ? 0 : -errno;
    ready_leave(entry, SIDE_WRITE);
    return rc;
}

static const maru_future_type shutdown_type = { shutdown_poll, "shutdown" };

maru_future *maru_shutdown(maru_op *op, int fd, int how)
{
    maru_future *self = io_start(op, &shutdown_type, fd);
    if (self)
        op->len_ = (size_t)how;
    return self;
}
