/*
 * test_plain_echo.c - the plain C echo, alone and as the server of an echo phase.
 */
#include "../../bench/echo_phase.h"
#include "../../bench/loopback.h"
#include "../../bench/plain_echo.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Two ends that behave like a TCP connection, without one. */
static void make_pair(int ends[2])
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
}

Test(plain_echo, sends_back_what_it_received)
{
    int ends[2];
    char reply[8];
    struct plain_echo *echo;
    make_pair(ends);
    cr_assert_eq(plain_echo_new_connected(&ends[1], 1, &echo), 0);
    cr_assert_eq(send(ends[0], "hello", 5, 0), 5);
    cr_assert_eq(plain_echo_serve(echo, 1), 0);
    cr_assert_eq(recv(ends[0], reply, sizeof(reply), 0), 5);
    cr_assert_arr_eq(reply, "hello", 5);
    plain_echo_free(echo);
    (void)close(ends[0]);
}

Test(plain_echo, what_stands_before_a_hang_up_is_echoed_first)
{
    int ends[2];
    char reply[8];
    struct plain_echo *echo;
    make_pair(ends);
    cr_assert_eq(plain_echo_new_connected(&ends[1], 1, &echo), 0);
    cr_assert_eq(send(ends[0], "bye", 3, 0), 3);
    cr_assert_eq(shutdown(ends[0], SHUT_WR), 0);
    /* The second message never comes: the loop ends because nobody is left to send it. */
    cr_assert_eq(plain_echo_serve(echo, 2), -ENOTCONN);
    cr_assert_eq(recv(ends[0], reply, sizeof(reply), 0), 3);
    cr_assert_eq(recv(ends[0], reply, sizeof(reply), 0), 0);
    plain_echo_free(echo);
    (void)close(ends[0]);
}

Test(plain_echo, a_stopped_one_returns_at_once)
{
    int ends[2];
    struct plain_echo *echo;
    make_pair(ends);
    cr_assert_eq(plain_echo_new_connected(&ends[1], 1, &echo), 0);
    plain_echo_stop(echo);
    cr_assert_eq(plain_echo_serve(echo, UINT64_MAX), 0);
    plain_echo_free(echo);
    (void)close(ends[0]);
}

Test(plain_echo, accepts_over_a_listening_socket)
{
    uint16_t port;
    struct plain_echo *echo;
    char reply[8];
    struct in_addr host;
    int listen_fd = loopback_listen(0, &port);
    cr_assert_geq(listen_fd, 0);
    cr_assert_eq(loopback_address("localhost", &host), 0);
    cr_assert_eq(plain_echo_new_listening(listen_fd, &echo), 0);
    int client = loopback_connect(host, port, NS_PER_SECOND);
    cr_assert_geq(client, 0);
    cr_assert_eq(send(client, "x", 1, MSG_NOSIGNAL), 1);
    cr_assert_eq(plain_echo_serve(echo, 1), 0);
    cr_assert_eq(recv(client, reply, sizeof(reply), 0), 1);
    plain_echo_free(echo);
    (void)close(client);
}

Test(plain_echo, a_failing_creation_leaves_the_sockets_with_the_caller)
{
    int ends[2];
    struct plain_echo *echo;
    make_pair(ends);
    int twice[] = { ends[1], ends[1] };
    cr_assert_eq(plain_echo_new_connected(twice, 2, &echo), -EEXIST);
    cr_assert_eq(close(ends[1]), 0);
    cr_assert_eq(close(ends[0]), 0);
}

Test(loopback, refuses_every_other_host)
{
    struct in_addr host;
    cr_assert_eq(loopback_address("127.8.9.10", &host), 0);
    cr_assert_eq(loopback_address("128.0.0.1", &host), -EINVAL);
    cr_assert_eq(loopback_address("0.0.0.0", &host), -EINVAL);
    cr_assert_eq(loopback_address("example.org", &host), -EINVAL);
    cr_assert_eq(loopback_address("", &host), -EINVAL);
}

Test(echo_phase, every_reply_of_every_round_is_right)
{
    const struct echo_phase_config config = { .connections = 8, .ready = 3, .message_bytes = 99 };
    struct echo_phase *phase;
    cr_assert_eq(echo_phase_new(&echo_phase_plain_c, &config, &phase), 0);
    cr_assert_geq(echo_phase_run(phase, 20), 0);
    echo_phase_free(phase);
}

/* A server that answers with one wrong byte. */
static int lying_create(const int *fds, size_t count, void **ret_server)
{
    int *fd = malloc(sizeof(*fd));
    cr_assert_not_null(fd);
    cr_assert_eq(count, 1);
    *fd = fds[0];
    *ret_server = fd;
    return 0;
}

static int64_t lying_serve(void *server, uint64_t messages)
{
    char bytes[64];
    (void)messages;
    cr_assert_eq(recv(*(int *)server, bytes, sizeof(bytes), 0), 64);
    bytes[63] ^= 1;
    cr_assert_eq(send(*(int *)server, bytes, sizeof(bytes), MSG_NOSIGNAL), 64);
    return 0;
}

static void lying_destroy(void *server)
{
    (void)close(*(int *)server);
    free(server);
}

Test(echo_phase, a_single_wrong_byte_is_found)
{
    const struct echo_phase_server liar = { "liar", lying_create, lying_serve, lying_destroy };
    const struct echo_phase_config config = { .connections = 1, .ready = 1 };
    struct echo_phase *phase;
    cr_assert_eq(echo_phase_new(&liar, &config, &phase), 0);
    cr_assert_eq(echo_phase_run(phase, 1), -EBADMSG);
    echo_phase_free(phase);
}

Test(echo_phase, a_config_out_of_range_is_refused)
{
    struct echo_phase *phase;
    const struct echo_phase_config none_ready = { .connections = 4, .ready = 0 };
    const struct echo_phase_config too_many = { .connections = 4, .ready = 5 };
    const struct echo_phase_config too_long = { .ready = 1, .message_bytes = 8193 };
    cr_assert_eq(echo_phase_new(&echo_phase_plain_c, &none_ready, &phase), -EINVAL);
    cr_assert_eq(echo_phase_new(&echo_phase_plain_c, &too_many, &phase), -EINVAL);
    cr_assert_eq(echo_phase_new(&echo_phase_plain_c, &too_long, &phase), -EINVAL);
}

/* More than two socket buffers hold, so that the echo has to keep some and wait for room. */
enum { LARGE_BYTES = 4 << 20 };

/* Sends as much as goes, takes as much as came; true once all has come back right. */
static bool exchange(int fd, size_t *sent, size_t *received)
{
    static char bytes[65536];
    memset(bytes, 'm', sizeof(bytes));
    size_t left = LARGE_BYTES - *sent < sizeof(bytes) ? LARGE_BYTES - *sent : sizeof(bytes);
    ssize_t count = left > 0 ? send(fd, bytes, left, MSG_NOSIGNAL) : 0;
    *sent += count > 0 ? (size_t)count : 0;
    if (*sent < LARGE_BYTES && count > 0)
        return false; /* Fill the way there first, and read nothing: a slow peer. */
    count = recv(fd, bytes, sizeof(bytes), 0);
    for (ssize_t index = 0; index < count; index++)
        cr_assert_eq(bytes[index], 'm');
    *received += count > 0 ? (size_t)count : 0;
    return *received == LARGE_BYTES;
}

Test(plain_echo, a_slow_peer_gets_every_byte, .timeout = 30)
{
    int ends[2];
    struct plain_echo *echo;
    make_pair(ends);
    cr_assert_eq(plain_echo_new_connected(&ends[1], 1, &echo), 0);
    pid_t client = fork();
    cr_assert_geq(client, 0);
    if (client == 0) {
        size_t sent = 0, received = 0;
        (void)close(ends[1]);
        while (!exchange(ends[0], &sent, &received)) {
            struct pollfd ready = { .fd = ends[0], .events = POLLIN };
            if (sent < LARGE_BYTES)
                ready.events |= POLLOUT;
            (void)poll(&ready, 1, -1); /* The next exchange finds out what it was. */
        }
        _exit(0); /* The hang-up is what ends the loop in the parent. */
    }
    (void)close(ends[0]);
    cr_assert_eq(plain_echo_serve(echo, UINT64_MAX), -ENOTCONN);
    int status;
    cr_assert_eq(waitpid(client, &status, 0), client);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    plain_echo_free(echo);
}
