/* net.h - sockets: plain int file descriptors; each operation is a future in the frame.
 *
 * A socket is registered with the runtime at its first wait and forgotten by maru_close, which
 * is why a descriptor that was awaited must be closed by maru_close. The first accept or connect
 * on a descriptor sets O_NONBLOCK. One maru_op carries one operation at a time. All of them give
 * -ECANCELED when cancelled first, -EBADF when the descriptor is closed meanwhile.
 */
#ifndef MARU_NET_H
#define MARU_NET_H

#include "future.h"

#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct maru_op {
    maru_leaf leaf_;
    maru_link link_;         /* in the waiters of a descriptor, under its lock */
    void *data_;
    size_t len_, done_;
    int32_t fd_;
    int32_t error_;          /* set by whoever ends the wait with an error */
    uint32_t slot_;          /* of a one-shot poll: its slot; else the generation it waits in */
    uint16_t home_;          /* the worker whose driver has it */
    uint8_t side_;
    uint8_t stage_;
} maru_op;

/* ---- making sockets; these do not wait ---- */

/* A stream socket that listens on `address`: IPv4, IPv6 or Unix. SO_REUSEADDR is set.
 * Threads: any thread.
 * Returns the descriptor. Errors: -EINVAL address is NULL or too short, backlog < 0; what
 * socket(2), bind(2) and listen(2) say. */
int maru_listen(const struct sockaddr *address, socklen_t len, int backlog) MARU_MUST_USE;

/* The same on a numeric address: "127.0.0.1", "::1", "0.0.0.0"; port 0: any free one.
 * Threads: any thread.
 * Returns the descriptor. Errors: -EINVAL `ip` is not a numeric address; as maru_listen. */
int maru_listen_ip(const char *ip, uint16_t port, int backlog) MARU_MUST_USE;

/* A stream socket of a family, non-blocking, for maru_connect.
 * Threads: any thread.
 * Returns the descriptor. Errors: what socket(2) says. */
int maru_socket(int family) MARU_MUST_USE;

/* Fills in *address from a numeric ip and a port.
 * Threads: any thread.
 * Returns its length. Errors: -EINVAL `ip` is not a numeric address. */
int maru_address(const char *ip, uint16_t port, struct sockaddr_storage *address) MARU_MUST_USE;

/* The port that a socket is bound to.
 * Threads: any thread.
 * Returns the port. Errors: what getsockname(2) says; -EAFNOSUPPORT for a Unix socket. */
int maru_local_port(int fd) MARU_MUST_USE;

/* Declares that a number made elsewhere names a new file: what the runtime knew of it is gone.
 * Threads: task only.
 * Returns 0. Errors: -EBADF fd < 0 or beyond the table, or not inside a task; -ENOMEM. */
int maru_fd_adopt(int fd);

/* ---- operations ---- */

/* Accepts a connection; goes on after the errors of one client that accept(2) lists. Takes no
 * more connections than tasks wait for.
 * Threads: start function, task only.
 * Result: the new descriptor, the caller's. Errors: -EMFILE, -ENFILE, -ENOMEM: nothing was
 * accepted, or the client had to be closed again, try later; -EBADF, -EINVAL, -ENOTSOCK: the
 * socket is not a listening one. */
maru_future *maru_accept(maru_op *op, int fd) MARU_MUST_USE;

/* Connects a stream socket. `address` must stay until the future has ended.
 * Threads: start function, task only.
 * Result: 0. Errors: what connect(2) says. After an error close the descriptor. */
maru_future *maru_connect(maru_op *op, int fd, const struct sockaddr *address,
                          socklen_t len) MARU_MUST_USE;

/* Receives at most `len` bytes from a stream socket. A loser of a select has received nothing.
 * TCP's urgent data is not supported: what follows it in the same burst may be received only when
 * more comes.
 * Threads: start function, task only.
 * Result: the number of bytes; 0: the peer has ended its side, or len is 0. Errors: -ECONNRESET
 * and what recv(2) says. */
maru_future *maru_recv(maru_op *op, int fd, void *data, size_t len) MARU_MUST_USE;

/* Sends at least one byte, at most `len`, on a stream socket, without SIGPIPE.
 * Threads: start function, task only.
 * Result: the number of bytes taken. Errors: -EPIPE, -ECONNRESET and what send(2) says. */
maru_future *maru_send(maru_op *op, int fd, const void *data, size_t len) MARU_MUST_USE;

/* Sends all `len` bytes or gives an error; maru_op_progress tells how many went before it.
 * Threads: start function, task only.
 * Result: len. Errors: as maru_send. */
maru_future *maru_send_all(maru_op *op, int fd, const void *data, size_t len) MARU_MUST_USE;

/* How many bytes a send_all has sent.
 * Threads: task only. */
size_t maru_op_progress(const maru_op *op);

/* Shuts down SHUT_RD, SHUT_WR or SHUT_RDWR. Does not wait.
 * Threads: start function, task only.
 * Result: 0. Errors: what shutdown(2) says. */
maru_future *maru_shutdown(maru_op *op, int fd, int how) MARU_MUST_USE;

/* Closes a descriptor: ends everyone who waits on it with -EBADF, takes it out of the driver,
 * then closes it. Cannot be cancelled: it runs to its end.
 * Threads: start function, task only.
 * Result: 0. Errors: -EBADF it is not open; what close(2) says. */
maru_future *maru_close(maru_op *op, int fd) MARU_MUST_USE;

enum { MARU_READABLE = 1, MARU_WRITABLE = 4 };

/* Waits until a descriptor is ready, without registering it: for descriptors that a foreign
 * library owns. `interest` is MARU_READABLE, MARU_WRITABLE or both. Cancel it before the library
 * closes the descriptor.
 * Threads: start function, task only.
 * Result: what it is ready for; errors and hang-ups count as both. Errors: -EINVAL interest;
 * -EBADF; -EPERM the file cannot be polled; -ENOMEM, and on epoll -EMFILE and -ENOSPC: no room for
 * another wait. */
maru_future *maru_fd_ready(maru_op *op, int fd, unsigned interest) MARU_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
