/*
 * echo_phase.h - what a message costs the server and nobody else, measured on one CPU.
 *
 * Client and server take turns on one thread. In the client's phase N of C connections send a
 * message each; in the server's phase the server echoes these N, and only this is timed; then the
 * client reads and checks the replies, byte for byte. No wake-up of another CPU is in the figure,
 * which makes it repeatable to about 2 % where two processes on two CPUs vary by 30 %. Which N are
 * ready moves on from round to round, so that no connection stays warm for free.
 *
 * The server is an interface: the plain C loop is here, another is put beside it by the bench.
 */
#ifndef BENCH_ECHO_PHASE_H
#define BENCH_ECHO_PHASE_H

#include "bench.h"

#include <stddef.h>
#include <stdint.h>

struct echo_phase_server {
    const char *name;
    /*
     * Takes `count` connected, non-blocking sockets. 0 or a negative errno; the sockets are the
     * server's once 0 was returned, and the caller's otherwise.
     */
    int (*create)(const int *fds, size_t count, void **ret_server);
    /*
     * Echoes exactly `messages` messages, whose bytes have been sent to it already, and returns
     * what that took in nanoseconds, or a negative errno. It measures by itself, so that what a
     * runtime does to get going can be left out or kept in, as the bench declares.
     */
    int64_t (*serve)(void *server, uint64_t messages);
    /* Closes the sockets. */
    void (*destroy)(void *server);
};

/* The limit: plain_echo.h over the same sockets. */
extern const struct echo_phase_server echo_phase_plain_c;

struct echo_phase_config {
    size_t connections;   /* 0: 512 */
    size_t ready;         /* per round: 1 to connections */
    size_t message_bytes; /* 0: 64; at most 8 KiB, which any socket buffer holds */
};

struct echo_phase;

/* 0 or a negative errno: -EINVAL for a config out of range, -EMFILE where the fds do not fit. */
int echo_phase_new(const struct echo_phase_server *server, const struct echo_phase_config *config,
                   struct echo_phase **ret_phase);

/* Runs `rounds` rounds; nanoseconds of all server phases together, or a negative errno. -EBADMSG
 * is a reply that differs from what was sent, -ETIMEDOUT one that did not come in a second. */
int64_t echo_phase_run(struct echo_phase *phase, uint64_t rounds);

/* Accepts NULL. */
void echo_phase_free(struct echo_phase *phase);

/*
 * The same as a bench's implementation. The row's argument is the config and its units_per_round
 * the config's `ready`; the implementation's argument is the server:
 *
 *     static const struct bench_impl impls[] = {
 *         {.name = "maru", .argument = &maru_server, .setup = echo_phase_setup,
 *          .sample = echo_phase_sample, .teardown = echo_phase_teardown},
 *         {.name = "plain-c", .argument = &echo_phase_plain_c, .setup = echo_phase_setup,
 *          .sample = echo_phase_sample, .teardown = echo_phase_teardown, .is_limit = true},
 *     };
 */
int echo_phase_setup(const struct bench_row *row, const struct bench_impl *impl, void **ret_state);
int64_t echo_phase_sample(void *state, uint64_t rounds);
void    echo_phase_teardown(void *state);

#endif
