/* net.h - sockets: plain int file descriptors; each operation is a future in the frame.
 * endpoint.h has their addresses, sockopt.h their options, stream.h buffered reading and writing.
 *
 * A socket is registered with the runtime at its first wait and forgotten by maru_close, which
 * is why a descriptor that was awaited must be closed by maru_close. The first accept or connect
 * on a descriptor sets O_NONBLOCK. One maru_op carries one operation at a time. All of them give
 * -ECANCELED when cancelled first, -EBADF when the descriptor is closed meanwhile or was none, and
 * -EINVAL when there are bytes to be moved and NULL is where they are.
 */
#ifndef MARU_NET_H
#define MARU_NET_H

#include "endpoint.h"
#include "future.h"

#include <sys/socket.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct maru_op {
    maru_leaf leaf_;
    maru_link link_;         /* in the waiters of a descriptor, under its lock */
    void *data_;
    size_t len_;
    union {
        size_t done_;        /* sent so far, and other counts */
        maru_endpoint *endpoint_; /* of a datagram */
    };
    int32_t fd_;
    int32_t error_;          /* set by whoever ends the wait with an error */
    uint32_t slot_;          /* of a one-shot poll: its slot; else the generation it waits in */
    union {
        uint16_t home_;      /* of a one-shot poll: the worker whose driver has it */
        uint16_t cut_;       /* of a datagram: it was longer than the buffer */
    };
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

/* How to listen. Zero means the default, in every field. */
typedef struct maru_listen_options {
    uint32_t size;           /* sizeof(maru_listen_options), set by maru_listen_options_init */
    uint32_t backlog;        /* connections that wait to be accepted; default: SOMAXCONN */
    uint32_t reuse_port;     /* 1: several sockets share the port, the kernel spreads the clients */
    uint32_t v6only;         /* 1: an IPv6 socket takes no IPv4 clients */
    uint32_t recv_buffer;    /* bytes, also of the accepted sockets; default: the kernel's */
    uint32_t send_buffer;    /* likewise */
} maru_listen_options;

/* Fills in `options`, of `size` bytes as the caller's compiler knows it, with zeroes and size.
 * Threads: any thread. */
void maru_listen_options_init(maru_listen_options *options, size_t size);

/* A stream socket that listens on an endpoint. options may be NULL. SO_REUSEADDR is set.
 * Threads: any thread.
 * Returns the descriptor. Errors: -EINVAL endpoint is NULL or no address, or an option is out of
 * range; -E2BIG options has fields that this library does not know; what socket(2), bind(2),
 * setsockopt(2) and listen(2) say. */
int maru_listen_at(const maru_endpoint *endpoint,
                   const maru_listen_options *options) MARU_MUST_USE;

/* A stream socket of a family, non-blocking, for maru_connect.
 * Threads: any thread.
 * Returns the descriptor. Errors: what socket(2) says. */
int maru_socket(int family) MARU_MUST_USE;

/* The same of another type: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET.
 * Threads: any thread.
 * Returns the descriptor. Errors: -EINVAL another type; what socket(2) says. */
int maru_socket_of(int family, int type) MARU_MUST_USE;

/* Two connected, non-blocking Unix sockets of a type, as above.
 * Threads: any thread.
 * Returns 0 and sets ret_fds. Errors: -EINVAL another type or NULL; what socketpair(2) says. */
int maru_socket_pair(int type, int ret_fds[2]) MARU_MUST_USE;

/* Binds a socket to an endpoint of its own, before it connects or sends.
 * Threads: any thread.
 * Returns 0. Errors: -EINVAL endpoint is NULL; what bind(2) says. */
int maru_bind(int fd, const maru_endpoint *endpoint) MARU_MUST_USE;

/* A datagram socket that is bound to an endpoint: IPv4, IPv6 or Unix.
 * Threads: any thread.
 * Returns the descriptor. Errors: -EINVAL endpoint is NULL; what socket(2) and bind(2) say. */
int maru_datagram_bind(const maru_endpoint *endpoint) MARU_MUST_USE;

/* The same on a numeric address: a UDP socket; port 0: any free one.
 * Threads: any thread.
 * Returns the descriptor. Errors: -EINVAL `ip` is not a numeric address; as maru_datagram_bind. */
int maru_udp_bind(const char *ip, uint16_t port) MARU_MUST_USE;

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

/* Connects a stream socket, or gives a datagram socket its one peer: then maru_send and maru_recv
 * send to it and receive from it alone. `address` must stay until the future has ended.
 * Threads: start function, task only.
 * Result: 0. Errors: -EINVAL address is NULL; what connect(2) says. After an error close the
 * descriptor. */
maru_future *maru_connect(maru_op *op, int fd, const struct sockaddr *address,
                          socklen_t len) MARU_MUST_USE;

/* Receives at most `len` bytes from a stream socket, or one datagram (the rest of a longer one is
 * thrown away; maru_recv_from tells). A loser of a select has received nothing. TCP's urgent data
 * is not supported: what follows it in the same burst may be received only when more comes.
 * Threads: start function, task only.
 * Result: the number of bytes; 0: the peer has ended its side, or len is 0, and of a datagram
 * socket: the datagram is empty. Errors: -ECONNRESET; -ECONNREFUSED a connected datagram socket's
 * peer is not there: that is told once, and the socket is as good as before; what recv(2) says. */
maru_future *maru_recv(maru_op *op, int fd, void *data, size_t len) MARU_MUST_USE;

/* The same, but what is received stays and is received again. It does not wait for more than is
 * there.
 * Threads: start function, task only.
 * Result: as maru_recv. Errors: as maru_recv. */
maru_future *maru_peek(maru_op *op, int fd, void *data, size_t len) MARU_MUST_USE;

/* Sends at least one byte, at most `len`, on a stream socket, without SIGPIPE; or one datagram to
 * the peer that the socket is connected to, also an empty one.
 * Threads: start function, task only.
 * Result: the number of bytes taken. Errors: -EPIPE, -ECONNRESET; -EMSGSIZE too long for a
 * datagram; -ECONNREFUSED as maru_recv; what send(2) says. */
maru_future *maru_send(maru_op *op, int fd, const void *data, size_t len) MARU_MUST_USE;

/* Sends all `len` bytes or gives an error; maru_op_progress tells how many went before it.
 * Threads: start function, task only.
 * Result: len. Errors: as maru_send. */
maru_future *maru_send_all(maru_op *op, int fd, const void *data, size_t len) MARU_MUST_USE;

/* How many bytes a send_all or a send_vec_all has sent.
 * Threads: task only. */
size_t maru_op_progress(const maru_op *op);

/* ---- several pieces of memory at once ----
 *
 * `pieces` and what they name must stay until the future has ended. */

/* The most pieces of one operation: the kernel's own limit, IOV_MAX. */
#define MARU_PIECES_MAX 1024

/* Receives as maru_recv, into one piece after the other.
 * Threads: start function, task only.
 * Result: the number of bytes; 0: the peer has ended its side, or there is no room in the pieces.
 * Errors: -EINVAL count is over MARU_PIECES_MAX, or pieces is NULL; as maru_recv. */
maru_future *maru_recv_vec(maru_op *op, int fd, const struct iovec *pieces,
                           size_t count) MARU_MUST_USE;

/* Sends as maru_send: at least one byte of the pieces, or all of them as one datagram.
 * Threads: start function, task only.
 * Result: the number of bytes taken. Errors: -EINVAL as maru_recv_vec; as maru_send. */
maru_future *maru_send_vec(maru_op *op, int fd, const struct iovec *pieces,
                           size_t count) MARU_MUST_USE;

/* Sends all bytes of the pieces or gives an error; maru_op_progress tells how many went before it.
 * Threads: start function, task only.
 * Result: the sum of the pieces. Errors: -EINVAL as maru_recv_vec; as maru_send. */
maru_future *maru_send_vec_all(maru_op *op, int fd, const struct iovec *pieces,
                               size_t count) MARU_MUST_USE;

/* ---- datagrams ---- */

/* Receives one datagram, also into len 0, and tells who sent it; ret_from may be NULL, else it
 * must stay until the future has ended. Its len is 0 if the sender has no address. What is longer
 * than `len` is cut off: see maru_op_truncated. A loser of a select has received nothing.
 * Threads: start function, task only.
 * Result: the number of bytes; 0: an empty datagram, which is no end. Errors: as maru_recv. */
maru_future *maru_recv_from(maru_op *op, int fd, void *data, size_t len,
                            maru_endpoint *ret_from) MARU_MUST_USE;

/* True if the datagram that this recv_from took was longer than its buffer.
 * Threads: task only, after the operation. */
bool maru_op_truncated(const maru_op *op);

/* Sends one datagram, also an empty one. `to` must stay until the future has ended; NULL: the peer
 * that the socket is connected to.
 * Threads: start function, task only.
 * Result: len. Errors: -EMSGSIZE too long; -ENOBUFS the queue of the Unix socket that `to` names is
 * full: try later, or connect to it, for a connected socket waits; as maru_send; what sendto(2)
 * says. */
maru_future *maru_send_to(maru_op *op, int fd, const void *data, size_t len,
                          const maru_endpoint *to) MARU_MUST_USE;

/* ---- ending ---- */

/* Shuts down SHUT_RD, SHUT_WR or SHUT_RDWR. Does not wait.
 * Threads: start function, task only.
 * Result: 0, also when the connection has been reset, or never was. Errors: what shutdown(2)
 * says. */
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

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
