/* accept.c - taking connections: no more than tasks wait for, so the backlog pushes back. */
#include "io/io.h"

#include "maru/err.h"
#include "runtime/base/atomic.h"

#include <sys/socket.h>

static int set_nonblocking(struct fd_entry *entry, int fd)
{
    uint8_t *flag = &entry->sides[SIDE_READ].flag;
    if (atomic_load_rlx(flag) & FD_NONBLOCKING)         /* no partner: twice does no harm */
        return 0;
    int rc = io_set_nonblocking(fd);
    if (rc == 0)
        (void)atomic_or_ar(flag, FD_NONBLOCKING);       /* no partner: a memory */
    return rc;
}

/* The errors that accept(2) lists as one client's own: the next client may be fine. */
static bool is_clients_own(int error)
{
    switch (error) {
    case ECONNABORTED:
    case EINTR:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:
        return true;
    default:
        return false;
    }
}

/* A listening socket never gives EOPNOTSUPP; another one gives nothing else. */
static maru_result try_accept(int fd)
{
    enum { ATTEMPTS = 128 };                    /* clients that fail in a row, at the most */
    for (int i = 0; i < ATTEMPTS; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0)
            return client;
        if (!is_clients_own(errno))
            return -errno;
    }
    return -errno;
}

static maru_result accept_poll(maru_future *self, maru_context *cx)
{
    maru_op *op = (maru_op *)(void *)self;
    struct fd_entry *entry;
    int rc = io_entry_here(op->fd_, &entry);
    if (rc < 0)
        return rc;
    maru_result go = ready_before(entry, op, SIDE_READ, cx);
    while (go == 0) {
        uint32_t seen;
        if (!ready_enter(entry, op, SIDE_READ, &seen))
            return -EBADF;
        maru_result client = set_nonblocking(entry, op->fd_);
        if (client == 0)
            client = try_accept(op->fd_);
        ready_leave(entry, SIDE_READ);
        if (client >= 0)
            return io_hand_out((int)client);
        if (client != -EAGAIN)
            return client;
        go = ready_wait(entry, op, SIDE_READ, seen, cx);
    }
    return go;
}

static const maru_future_type accept_type = { accept_poll, "accept" };

maru_future *maru_accept(maru_op *op, int fd)
{
    return io_start(op, &accept_type, fd);
}
