/*
 * loopback.h - TCP sockets of the echo benches: on 127.0.0.0/8 and nowhere else, without Nagle's
 * delay, non-blocking, closed on exec; and room for as many of them as a bench needs.
 */
#ifndef BENCH_LOOPBACK_H
#define BENCH_LOOPBACK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A listening socket on 127.0.0.1; port 0 takes any free one. Returns the fd and stores the port,
 * or a negative errno. Accepted sockets inherit TCP_NODELAY from it.
 */
int loopback_listen(uint16_t port, uint16_t *ret_port);

/* 0 and the address for "localhost" or a dotted 127.x.y.z; -EINVAL for everything else. */
int loopback_address(const char *host, struct in_addr *ret_address);

/*
 * A connected socket, or a negative errno; -ETIMEDOUT where the server's queue stays full for
 * `timeout_ns`. It may block up to then.
 */
int loopback_connect(struct in_addr address, uint16_t port, int64_t timeout_ns);

/*
 * True if `more` fds can be opened beside those already open. The soft limit is raised to the hard
 * one when it would not suffice. The limit then in force is stored in either case.
 */
bool loopback_has_room(uint64_t more, uint64_t *ret_limit);

#endif
