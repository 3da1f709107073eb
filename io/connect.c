/* connect.c - making a connection: connect(2), then writability, then what it came to. */
#include "io/io.h"

#include "maru/err.h"

#include <sys/socket.h>

/* EINTR: it goes on without us, as EINPROGRESS. */
static int begin(const maru_op *op)
{
    int rc = io_set_nonblocking(op->fd_);
    if (rc < 0)
        return rc;
    if (connect(op->fd_, op->data_, (socklen_t)op->len_) == 0)
        return 0;
    return errno == EINTR ? -EINPROGRESS : -errno;
}

static int outcome(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

/* Writable, and no error: connected, if there is a peer. */
static bool is_connected(int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

static maru_result check(struct fd_entry *entry, maru_op *op, maru_context *cx)
{
    maru_result go = 0;
    while (go == 0) {
        uint32_t seen;
        if (!ready_enter(entry, op, SIDE_WRITE, &seen))
            return -EBADF;
        int rc = outcome(op->fd_);
        bool connected = is_connected(op->fd_);
        ready_leave(entry, SIDE_WRITE);
        if (rc < 0 || connected)
            return rc;
        go = ready_wait(entry, op, SIDE_WRITE, seen, cx);
    }
    return go;
}

static maru_result connect_poll(maru_future *self, maru_context *cx)
{
    maru_op *op = (maru_op *)(void *)self;
    struct fd_entry *entry;
    int rc = io_entry_here(op->fd_, &entry);
    if (rc < 0)
        return rc;
    if (op->done_ == 0) {
        if (cx->ending != MARU_GO)
            return -ECANCELED;
        uint32_t seen;
        if (!ready_enter(entry, op, SIDE_WRITE, &seen))
            return -EBADF;
        rc = begin(op);
        ready_leave(entry, SIDE_WRITE);
        if (rc != -EINPROGRESS)
            return rc;
        op->done_ = 1;                          /* in progress */
    } else {
        maru_result go = ready_before(entry, op, SIDE_WRITE, cx);
        if (go != 0)
            return go;
    }
    return check(entry, op, cx);
}

static const maru_future_type connect_type = { connect_poll, "connect" };

maru_future *maru_connect(maru_op *op, int fd, const struct sockaddr *address, socklen_t len)
{
    if (!address)
        return maru_future_ready(io_start(op, &connect_type, fd), -EINVAL);
    return io_start_data(op, &connect_type, fd, address, len);
}
