/* sockopt.h - options of sockets. Each is one plain call on a descriptor, made anywhere, and has
 * one shape: it returns 0 or a negative errno, and on an error nothing has changed. For all of
 * them: -EBADF fd is not open; -ENOTSOCK; what is told at the option; what setsockopt(2) says.
 * Options that are not here are set by setsockopt(2), as on any descriptor. */
#ifndef MARU_SOCKOPT_H
#define MARU_SOCKOPT_H

#include "future.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* TCP: sends small pieces at once instead of waiting to fill a packet.
 * Threads: any thread.
 * Returns 0. Errors: -EOPNOTSUPP not TCP. */
int maru_set_nodelay(int fd, bool on);

/* Asks a silent peer whether it is there, after idle_ns of silence, every interval_ns, and gives up
 * after `count` questions without an answer: then operations end with -ETIMEDOUT. Times are rounded
 * up to seconds. idle_ns 0: never asks, the default; the others are not looked at then.
 * Threads: any thread.
 * Returns 0. Errors: -EINVAL a time is over 32,767 seconds or not positive, or count not in 1 to
 * 127; -EOPNOTSUPP not TCP. */
int maru_set_keepalive(int fd, int64_t idle_ns, int64_t interval_ns, int count);

/* What closing does. 0: resets the connection, what was not sent is lost, the peer gets
 * -ECONNRESET. -1: sends the rest behind our back, the default. No other time: close(2) would block
 * its worker; await the peer's end by maru_shutdown and maru_recv instead.
 * Threads: any thread.
 * Returns 0. Errors: -EINVAL seconds is neither 0 nor -1. */
int maru_set_linger(int fd, int seconds);

/* Before binding: several sockets of one user may share the address; the kernel spreads clients and
 * datagrams over them. maru_listen_options has it too.
 * Threads: any thread.
 * Returns 0. */
int maru_set_reuse_port(int fd, bool on);

/* Before binding: the address may be taken although connections of an earlier owner linger. The
 * listening calls of net.h set it by themselves.
 * Threads: any thread.
 * Returns 0. */
int maru_set_reuse_address(int fd, bool on);

/* Before binding: whether an IPv6 socket leaves IPv4 alone.
 * Threads: any thread.
 * Returns 0. Errors: -EOPNOTSUPP not IPv6; -EINVAL it is bound already. */
int maru_set_v6only(int fd, bool on);

/* Bytes that the kernel keeps for us before sends wait, and for the peer before it must wait; the
 * kernel doubles them for its own needs, and bounds them.
 * Threads: any thread.
 * Returns 0. Errors: -EINVAL more than INT32_MAX. */
int maru_set_send_buffer(int fd, size_t bytes);
int maru_set_recv_buffer(int fd, size_t bytes);

/* Hops that packets may make, IPv4 and IPv6.
 * Threads: any thread.
 * Returns 0. Errors: -EINVAL hops is not in 1 to 255; -EOPNOTSUPP not an IP socket. */
int maru_set_ttl(int fd, int hops);

/* Datagrams: may be sent to broadcast addresses; without it that is -EACCES.
 * Threads: any thread.
 * Returns 0. */
int maru_set_broadcast(int fd, bool on);

/* Takes the error that is pending on a socket, which the next operation would tell otherwise.
 * Threads: any thread.
 * Returns 0: there was none; else the error. */
int maru_take_error(int fd) MARU_MUST_USE;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
