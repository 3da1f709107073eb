/*
 * echo_phase.c - the turns: send, serve, collect.
 */
#include "echo_phase.h"

#include "loopback.h"
#include "pattern.h"
#include "plain_echo.h"
#include "stopwatch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_USUAL = 512,
    MESSAGE_BYTES_USUAL = 64,
    MESSAGE_BYTES_MAX = 8192, /* fits the smallest default buffer, so a send is never short */
    REPLY_MS_MAX = 1000,      /* the reply was sent before: a second is for ever */
};

struct echo_phase {
    const struct echo_phase_server *server;
    void *served; /* NULL until the server took its sockets */

    size_t connections;
    size_t ready;
    size_t message_bytes;
    size_t next; /* the first connection of the coming round */

    int      *client_fds; /* -1: not connected */
    int      *server_fds; /* the phase's only until the server took them; then -1 */
    uint64_t *positions;  /* how far each connection's stream has come */
    char      message[MESSAGE_BYTES_MAX];
};

static int plain_c_create(const int *fds, size_t count, void **ret_server)
{
    struct plain_echo *echo;
    int                error = plain_echo_new_connected(fds, count, &echo);
    if (error == 0)
        *ret_server = echo;
    return error;
}

static int64_t plain_c_serve(void *server, uint64_t messages)
{
    int64_t start = stopwatch_ns();
    int     error = plain_echo_serve(server, messages);
    int64_t elapsed_ns = stopwatch_ns() - start;
    return error != 0 ? error : elapsed_ns;
}

static void plain_c_destroy(void *server)
{
    plain_echo_free(server);
}

const struct echo_phase_server echo_phase_plain_c = {
    .name = "plain-c",
    .create = plain_c_create,
    .serve = plain_c_serve,
    .destroy = plain_c_destroy,
};

/* Accepting each before the next connects keeps the queue at one, whatever its length. */
static int connect_pairs(struct echo_phase *phase, int listen_fd, uint16_t port)
{
    struct in_addr host = { .s_addr = htonl(INADDR_LOOPBACK) };
    for (size_t index = 0; index < phase->connections; index++) {
        phase->client_fds[index] = loopback_connect(host, port, NS_PER_SECOND);
        if (phase->client_fds[index] < 0)
            return phase->client_fds[index];
        do
            phase->server_fds[index] =
                accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        while (phase->server_fds[index] < 0 && errno == EINTR);
        if (phase->server_fds[index] < 0)
            return -errno;
    }
    return 0;
}

static int connect_all(struct echo_phase *phase)
{
    uint16_t port;
    uint64_t limit;
    if (!loopback_has_room(2 * phase->connections, &limit))
        return -EMFILE;
    int listen_fd = loopback_listen(0, &port);
    if (listen_fd < 0)
        return listen_fd;
    int error = connect_pairs(phase, listen_fd, port);
    (void)close(listen_fd);
    return error;
}

static int give_to_server(struct echo_phase *phase)
{
    int error = phase->server->create(phase->server_fds, phase->connections, &phase->served);
    if (error != 0)
        return error;
    for (size_t index = 0; index < phase->connections; index++)
        phase->server_fds[index] = -1;
    return 0;
}

static int allocate_tables(struct echo_phase *phase)
{
    phase->client_fds = calloc(phase->connections, sizeof(int));
    phase->server_fds = calloc(phase->connections, sizeof(int));
    phase->positions = calloc(phase->connections, sizeof(uint64_t));
    if (phase->client_fds == NULL || phase->server_fds == NULL || phase->positions == NULL)
        return -ENOMEM;
    for (size_t index = 0; index < phase->connections; index++)
        phase->client_fds[index] = phase->server_fds[index] = -1;
    return 0;
}

int echo_phase_new(const struct echo_phase_server *server, const struct echo_phase_config *config,
                   struct echo_phase **ret_phase)
{
    size_t connections = config->connections != 0 ? config->connections : CONNECTIONS_USUAL;
    size_t bytes = config->message_bytes != 0 ? config->message_bytes : MESSAGE_BYTES_USUAL;
    if (config->ready < 1 || config->ready > connections || bytes > MESSAGE_BYTES_MAX)
        return -EINVAL;
    struct echo_phase *phase = calloc(1, sizeof(*phase));
    if (phase == NULL)
        return -ENOMEM;
    phase->server = server;
    phase->connections = connections;
    phase->ready = config->ready;
    phase->message_bytes = bytes;
    int error = allocate_tables(phase);
    if (error == 0)
        error = connect_all(phase);
    if (error == 0)
        error = give_to_server(phase);
    if (error != 0) {
        echo_phase_free(phase);
        return error;
    }
    *ret_phase = phase;
    return 0;
}

static size_t ready_connection(const struct echo_phase *phase, size_t index)
{
    return (phase->next + index) % phase->connections;
}

static int client_sends(struct echo_phase *phase)
{
    for (size_t index = 0; index < phase->ready; index++) {
        size_t         which = ready_connection(phase, index);
        struct pattern pattern = { which, phase->message_bytes };
        pattern_fill(&pattern, phase->positions[which], phase->message, phase->message_bytes);
        ssize_t sent = send(phase->client_fds[which], phase->message, phase->message_bytes,
                            MSG_NOSIGNAL);
        if (sent < 0)
            return -errno;
        if ((size_t)sent != phase->message_bytes)
            return -ENOBUFS;
    }
    return 0;
}

/* Loopback delivers within send(), unless the kernel put its softirq off to a thread. */
static int wait_for_bytes(int fd)
{
    struct pollfd waiting = { .fd = fd, .events = POLLIN };
    int           ready = poll(&waiting, 1, REPLY_MS_MAX);
    if (ready < 0 && errno != EINTR)
        return -errno;
    return ready == 0 ? -ETIMEDOUT : 0;
}

static int receive_message(struct echo_phase *phase, int fd)
{
    size_t got = 0;
    while (got < phase->message_bytes) {
        ssize_t count = recv(fd, phase->message + got, phase->message_bytes - got, 0);
        if (count == 0)
            return -ECONNRESET;
        if (count > 0) {
            got += (size_t)count;
            continue;
        }
        int error = errno == EAGAIN || errno == EINTR ? wait_for_bytes(fd) : -errno;
        if (error != 0)
            return error;
    }
    return 0;
}

static int client_collects(struct echo_phase *phase)
{
    for (size_t index = 0; index < phase->ready; index++) {
        size_t which = ready_connection(phase, index);
        int    error = receive_message(phase, phase->client_fds[which]);
        if (error != 0)
            return error;
        struct pattern pattern = { which, phase->message_bytes };
        size_t         right = pattern_check(&pattern, phase->positions[which], phase->message,
                                             phase->message_bytes);
        if (right != phase->message_bytes)
            return -EBADMSG;
        phase->positions[which] += phase->message_bytes;
    }
    phase->next = ready_connection(phase, phase->ready);
    return 0;
}

int64_t echo_phase_run(struct echo_phase *phase, uint64_t rounds)
{
    int64_t total_ns = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        int error = client_sends(phase);
        if (error != 0)
            return error;
        int64_t elapsed_ns = phase->server->serve(phase->served, phase->ready);
        if (elapsed_ns < 0)
            return elapsed_ns;
        total_ns += elapsed_ns;
        error = client_collects(phase);
        if (error != 0)
            return error;
    }
    return total_ns;
}

static void close_all(const int *fds, size_t count)
{
    for (size_t index = 0; fds != NULL && index < count; index++)
        if (fds[index] >= 0)
            (void)close(fds[index]);
}

void echo_phase_free(struct echo_phase *phase)
{
    if (phase == NULL)
        return;
    /* The clients first: it is their ports that rest in TIME_WAIT, not the listener's. */
    close_all(phase->client_fds, phase->connections);
    close_all(phase->server_fds, phase->connections);
    if (phase->served != NULL)
        phase->server->destroy(phase->served);
    free(phase->client_fds);
    free(phase->server_fds);
    free(phase->positions);
    free(phase);
}

int echo_phase_setup(const struct bench_row *row, const struct bench_impl *impl, void **ret_state)
{
    struct echo_phase *phase;
    int                error = echo_phase_new(impl->argument, row->argument, &phase);
    if (error == 0)
        *ret_state = phase;
    return error;
}

int64_t echo_phase_sample(void *state, uint64_t rounds)
{
    int64_t elapsed_ns = echo_phase_run(state, rounds);
    if (elapsed_ns < 0)
        bench_fail("the echo went wrong: %s", strerror((int)-elapsed_ns));
    return elapsed_ns;
}

void echo_phase_teardown(void *state)
{
    echo_phase_free(state);
}
