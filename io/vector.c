/* vector.c - receiving into and sending from several pieces of memory at once. */
#include "io/attempt.h"

#include <sys/uio.h>

enum {
    /* Pieces that are copied for the rest of a send that stopped within one: enough for a call to
     * be worth it, little on the stack. */
    REST_PIECES = 64,
};

static maru_op *op_of(maru_future *self)
{
    return (maru_op *)(void *)self;
}

static const struct iovec *pieces_of(const maru_op *op)
{
    return op->data_;
}

static size_t total_of(const maru_op *op)
{
    size_t total = 0;
    for (size_t i = 0; i < op->len_; i++)
        total += pieces_of(op)[i].iov_len;      /* the kernel refuses a sum that is too large */
    return total;
}

/* As struct msghdr wants it: a size_t in glibc, an int in musl, and both hold MARU_PIECES_MAX. */
static uint16_t count_of(size_t count)
{
    return (uint16_t)count;
}

static maru_future *start(maru_op *op, const maru_future_type *type, int fd,
                          const struct iovec *pieces, size_t count)
{
    maru_future *self = io_start_data(op, type, fd, pieces, count);
    return count > MARU_PIECES_MAX ? maru_future_ready(self, -EINVAL) : self;
}

/* ---- recv ---- */

static maru_result recv_some(maru_op *op)
{
    struct msghdr message = { .msg_iov = op->data_, .msg_iovlen = count_of(op->len_) };
    ssize_t n = recvmsg(op->fd_, &message, MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static maru_result recv_vec_poll(maru_future *self, maru_context *cx)
{
    maru_op *op = op_of(self);
    if (total_of(op) == 0)
        return cx->ending == MARU_GO ? 0 : -ECANCELED;
    return attempt_poll(op, cx, SIDE_READ, recv_some);
}

static const maru_future_type recv_vec_type = { recv_vec_poll, "recv_vec" };

maru_future *maru_recv_vec(maru_op *op, int fd, const struct iovec *pieces, size_t count)
{
    return start(op, &recv_vec_type, fd, pieces, count);
}

/* ---- send ---- */

/* What has not been sent; at most REST_PIECES of it. */
static size_t rest_of(const maru_op *op, struct iovec *ret_rest)
{
    size_t skip = op->done_, count = 0;
    for (size_t i = 0; i < op->len_ && count < REST_PIECES; i++) {
        struct iovec piece = pieces_of(op)[i];
        size_t gone = skip < piece.iov_len ? skip : piece.iov_len;
        skip -= gone;
        piece.iov_base = (char *)piece.iov_base + gone;
        piece.iov_len -= gone;
        if (piece.iov_len > 0)
            ret_rest[count++] = piece;
    }
    return count;
}

static maru_result send_some(maru_op *op)
{
    struct iovec rest[REST_PIECES];
    struct msghdr message = { .msg_iov = op->data_, .msg_iovlen = count_of(op->len_) };
    if (op->done_ > 0) {
        message.msg_iovlen = count_of(rest_of(op, rest));
        message.msg_iov = rest;
    }
    ssize_t n = sendmsg(op->fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return -errno;
    op->done_ += (size_t)n;
    return n;
}

static maru_result send_vec_poll(maru_future *self, maru_context *cx)
{
    return attempt_poll(op_of(self), cx, SIDE_WRITE, send_some);
}

static maru_result send_vec_all_poll(maru_future *self, maru_context *cx)
{
    maru_op *op = op_of(self);
    size_t total = total_of(op);
    maru_result n;
    do
        n = attempt_poll(op, cx, SIDE_WRITE, send_some);
    while (n >= 0 && op->done_ < total);
    return n < 0 ? n : (maru_result)op->done_;
}

static const maru_future_type send_vec_type = { send_vec_poll, "send_vec" };
static const maru_future_type send_vec_all_type = { send_vec_all_poll, "send_vec_all" };

maru_future *maru_send_vec(maru_op *op, int fd, const struct iovec *pieces, size_t count)
{
    return start(op, &send_vec_type, fd, pieces, count);
}

maru_future *maru_send_vec_all(maru_op *op, int fd, const struct iovec *pieces, size_t count)
{
    return start(op, &send_vec_all_type, fd, pieces, count);
}
