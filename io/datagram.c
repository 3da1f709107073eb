/* datagram.c - datagrams with their addresses. READY stays after each: there may be another one,
 * whose event was the same, so only EAGAIN tells that there is none. */
#include "io/attempt.h"

#include "runtime/base/check.h"

static maru_op *op_of(maru_future *self)
{
    return (maru_op *)(void *)self;
}

/* ---- receiving ---- */

static maru_result recv_one(maru_op *op)
{
    maru_endpoint *from = op->endpoint_;
    struct iovec piece = { op->data_, op->len_ };
    struct msghdr message = { .msg_name = from ? &from->any : NULL,
                              .msg_namelen = from ? (socklen_t)sizeof from->storage : 0,
                              .msg_iov = &piece,
                              .msg_iovlen = 1 };
    ssize_t n = recvmsg(op->fd_, &message, MSG_DONTWAIT);
    if (n < 0)
        return -errno;
    if (from)
        from->len = message.msg_namelen;
    op->cut_ = (message.msg_flags & MSG_TRUNC) != 0;
    return n;
}

static maru_result recv_from_poll(maru_future *self, maru_context *cx)
{
    return attempt_poll(op_of(self), cx, SIDE_READ, recv_one);
}

static const maru_future_type recv_from_type = { recv_from_poll, "recv_from" };

maru_future *maru_recv_from(maru_op *op, int fd, void *data, size_t len, maru_endpoint *ret_from)
{
    maru_future *self = io_start_data(op, &recv_from_type, fd, data, len);
    if (UNLIKELY(!self))
        return NULL;
    op->endpoint_ = ret_from;
    op->cut_ = 0;
    return self;
}

bool maru_op_truncated(const maru_op *op)
{
    return op && op->leaf_.future.type_ == &recv_from_type && op->cut_;
}

/* ---- sending ---- */

static maru_result send_one(maru_op *op)
{
    const maru_endpoint *to = op->endpoint_;
    ssize_t n = sendto(op->fd_, op->data_, op->len_, MSG_DONTWAIT | MSG_NOSIGNAL,
                       to ? &to->any : NULL, to ? to->len : 0);
    return n < 0 ? -errno : n;
}

/* The queue of a Unix socket may be full of what others sent: then no event would ever tell this
 * socket, unless it is connected, that there is room. */
static maru_result send_one_to_unix(maru_op *op)
{
    maru_result result = send_one(op);
    return result == -EAGAIN ? -ENOBUFS : result;
}

static maru_result send_to_poll(maru_future *self, maru_context *cx)
{
    maru_op *op = op_of(self);
    const maru_endpoint *to = op->endpoint_;
    if (to && to->any.sa_family == AF_UNIX)
        return attempt_poll(op, cx, SIDE_WRITE, send_one_to_unix);
    return attempt_poll(op, cx, SIDE_WRITE, send_one);
}

static const maru_future_type send_to_type = { send_to_poll, "send_to" };

maru_future *maru_send_to(maru_op *op, int fd, const void *data, size_t len,
                          const maru_endpoint *to)
{
    maru_future *self = io_start_data(op, &send_to_type, fd, data, len);
    if (LIKELY(self))
        op->endpoint_ = (maru_endpoint *)(uintptr_t)to;
    return self;
}
