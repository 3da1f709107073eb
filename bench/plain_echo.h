/*
 * plain_echo.h - the limit that echo is measured against: the fastest single-threaded echo loop
 * that plain C and epoll give. 1.0 in a report means "as fast as this".
 *
 *   - One epoll registration per connection, edge-triggered; EPOLLOUT is asked for only while the
 *     peer takes no more.
 *   - recv(), then send() at once; a short read has emptied the socket, so no second recv() is
 *     made to hear EAGAIN. A hang-up (EPOLLRDHUP) is the exception: what stands before it is read.
 *   - A connection at rest owns no memory beyond its slot in one table; a buffer is allocated
 *     only for what a slow peer leaves over.
 *
 * A message is one recv() whose bytes have all been sent back: the loop knows no frames.
 * All functions belong to one thread, but for plain_echo_stop.
 */
#ifndef BENCH_PLAIN_ECHO_H
#define BENCH_PLAIN_ECHO_H

#include <stddef.h>
#include <stdint.h>

struct plain_echo;

/*
 * Makes an echo over a listening socket, or over connected ones; all non-blocking. 0 or a negative
 * errno. The sockets are owned by the echo once 0 was returned, and by the caller otherwise.
 */
int plain_echo_new_listening(int listen_fd, struct plain_echo **ret_echo);
int plain_echo_new_connected(const int *fds, size_t count, struct plain_echo **ret_echo);

/*
 * Runs the loop until `messages` more have been echoed (UINT64_MAX: without end), or until
 * plain_echo_stop. 0, or a negative errno: -ENOTCONN where no connection is left that could bring
 * more, -EMFILE where no fd is left for a connection, -ENOMEM.
 */
int plain_echo_serve(struct plain_echo *echo, uint64_t messages);

/* Makes plain_echo_serve return, now and ever after. Any thread, also a signal handler. */
void plain_echo_stop(struct plain_echo *echo);

/* Closes all sockets. Accepts NULL. */
void plain_echo_free(struct plain_echo *echo);

#endif
