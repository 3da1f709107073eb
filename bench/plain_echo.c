/*
 * plain_echo.c - the loop. The event carries the fd itself, so the path of a message touches the
 * event, one buffer that is always the same, and nothing else.
 */
#include "plain_echo.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS_PER_WAIT = 512,    /* one wait serves 512 ready connections; 6 KiB of events */
    BUFFER_BYTES = 64 * 1024, /* a large message in few calls, and still within L2 */
    ACCEPTS_PER_EVENT = 64,   /* a storm of connections must not starve those that are open */
    FIRST_SLOTS = 64,
};

#define READING (EPOLLIN | EPOLLRDHUP | EPOLLET)
/* Without EPOLLRDHUP: a peer that has said all it wants to say may still be listening. */
#define WRITING (EPOLLOUT | EPOLLET)
#define HANG_UP (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

/* Indexed by fd. While something is left to send, the connection waits for EPOLLOUT alone. */
struct connection {
    char  *left; /* NULL: all was sent */
    size_t left_len;
    size_t left_at;
    bool   is_open;
};

struct plain_echo {
    int                epoll_fd;
    int                stop_fd;   /* an eventfd, so that a signal handler can write to it */
    int                listen_fd; /* -1: over connected sockets */
    bool               stopped;
    int                error; /* what made the loop give up; 0 so far */
    uint64_t           echoed;
    size_t             open;
    size_t             slots;
    struct connection *connections;
    struct epoll_event events[EVENTS_PER_WAIT];
    char               buffer[BUFFER_BYTES];
};

static int epoll_set(const struct plain_echo *echo, int operation, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    return epoll_ctl(echo->epoll_fd, operation, fd, &event) == 0 ? 0 : -errno;
}

static int table_reserve(struct plain_echo *echo, int fd)
{
    size_t slots = echo->slots;
    while (slots <= (size_t)fd)
        slots *= 2;
    if (slots == echo->slots)
        return 0;
    struct connection *grown = realloc(echo->connections, slots * sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    memset(grown + echo->slots, 0, (slots - echo->slots) * sizeof(*grown));
    echo->connections = grown;
    echo->slots = slots;
    return 0;
}

static int connection_open(struct plain_echo *echo, int fd)
{
    int error = table_reserve(echo, fd);
    if (error == 0)
        error = epoll_set(echo, EPOLL_CTL_ADD, fd, READING);
    if (error != 0)
        return error;
    echo->connections[fd].is_open = true;
    echo->open++;
    return 0;
}

/* Closing an fd takes it out of the epoll as well. A socket that fails to close is gone all the
 * same, and the echo has no use for the reason. */
static void connection_close(struct plain_echo *echo, int fd)
{
    free(echo->connections[fd].left);
    echo->connections[fd] = (struct connection){ 0 };
    echo->open--;
    (void)close(fd);
}

/* Keeps what the peer did not take, and waits for room instead of for more to read. */
static int connection_keep(struct plain_echo *echo, int fd, const char *bytes, size_t len)
{
    char *left = malloc(len);
    if (left == NULL)
        return -ENOMEM;
    memcpy(left, bytes, len);
    echo->connections[fd] = (struct connection){ .left = left, .left_len = len, .is_open = true };
    return epoll_set(echo, EPOLL_CTL_MOD, fd, WRITING);
}

/* How a connection stands after an attempt to move bytes. */
enum outcome {
    MOVED_ALL,
    WOULD_BLOCK,
    GONE,
};

static enum outcome send_all(int fd, const char *bytes, size_t len, size_t *ret_sent)
{
    size_t sent = 0;
    while (sent < len) {
        ssize_t count = send(fd, bytes + sent, len - sent, MSG_NOSIGNAL);
        if (count >= 0) {
            sent += (size_t)count;
        } else if (errno != EINTR) {
            *ret_sent = sent;
            return errno == EAGAIN ? WOULD_BLOCK : GONE;
        }
    }
    *ret_sent = sent;
    return MOVED_ALL;
}

/* Echoes what one recv brought; false when there is nothing more to do for this connection. */
static bool connection_echo_once(struct plain_echo *echo, int fd, bool *ret_was_full)
{
    ssize_t count = recv(fd, echo->buffer, sizeof(echo->buffer), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        *ret_was_full = errno == EINTR; /* An interrupted recv has read nothing: try again. */
        return *ret_was_full;
    }
    if (count <= 0) {
        connection_close(echo, fd);
        return false;
    }

    size_t sent;
    *ret_was_full = (size_t)count == sizeof(echo->buffer);
    switch (send_all(fd, echo->buffer, (size_t)count, &sent)) {
    case MOVED_ALL: echo->echoed++; return true;
    case WOULD_BLOCK:
        echo->error = connection_keep(echo, fd, echo->buffer + sent, (size_t)count - sent);
        return false;
    case GONE: connection_close(echo, fd); return false;
    }
    return false;
}

static void connection_read(struct plain_echo *echo, int fd, uint32_t events)
{
    bool was_full;
    while (connection_echo_once(echo, fd, &was_full))
        if (!was_full && (events & HANG_UP) == 0)
            return;
}

/* Sends what was left over; when all of it has gone, EPOLLIN tells again what came meanwhile. */
static void connection_write(struct plain_echo *echo, int fd)
{
    struct connection *connection = &echo->connections[fd];
    size_t             sent;
    enum outcome       outcome = send_all(fd, connection->left + connection->left_at,
                                          connection->left_len - connection->left_at, &sent);
    connection->left_at += sent;
    if (outcome == GONE) {
        connection_close(echo, fd);
    } else if (outcome == MOVED_ALL) {
        free(connection->left);
        *connection = (struct connection){ .is_open = true };
        echo->echoed++;
        echo->error = epoll_set(echo, EPOLL_CTL_MOD, fd, READING);
    }
}

/* The listener is level-triggered: what is not accepted now is reported again. */
static void accept_some(struct plain_echo *echo)
{
    for (int count = 0; count < ACCEPTS_PER_EVENT; count++) {
        int fd = accept4(echo->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            bool passes = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
            echo->error = passes ? 0 : -errno;
            return;
        }
        echo->error = connection_open(echo, fd);
        if (echo->error != 0) {
            (void)close(fd); /* It was not ours yet, and the first error is the one to tell. */
            return;
        }
    }
}

static void event_handle(struct plain_echo *echo, const struct epoll_event *event)
{
    int fd = event->data.fd;
    if (fd == echo->stop_fd)
        echo->stopped = true;
    else if (fd == echo->listen_fd)
        accept_some(echo);
    else if ((event->events & EPOLLIN) != 0)
        connection_read(echo, fd, event->events);
    else if ((event->events & EPOLLOUT) != 0)
        connection_write(echo, fd);
    else
        connection_close(echo, fd); /* An error or hang-up while it waited for room. */
}

int plain_echo_serve(struct plain_echo *echo, uint64_t messages)
{
    uint64_t goal = messages < UINT64_MAX - echo->echoed ? echo->echoed + messages : UINT64_MAX;
    while (echo->echoed < goal && !echo->stopped) {
        if (echo->open == 0 && echo->listen_fd < 0)
            return -ENOTCONN;
        int count = epoll_wait(echo->epoll_fd, echo->events, EVENTS_PER_WAIT, -1);
        if (count < 0 && errno != EINTR)
            return -errno;
        for (int index = 0; index < count && echo->error == 0; index++)
            event_handle(echo, &echo->events[index]);
        if (echo->error != 0)
            return echo->error;
    }
    return 0;
}

void plain_echo_stop(struct plain_echo *echo)
{
    uint64_t one = 1;
    int      saved = errno; /* A signal handler must not change it under the code it interrupts. */
    ssize_t  written = write(echo->stop_fd, &one, sizeof(one));
    (void)written; /* Fails only when the counter is full: then the loop has been told already. */
    errno = saved;
}

void plain_echo_free(struct plain_echo *echo)
{
    if (echo == NULL)
        return;
    for (size_t fd = 0; fd < echo->slots; fd++)
        if (echo->connections[fd].is_open)
            connection_close(echo, (int)fd);
    if (echo->listen_fd >= 0)
        (void)close(echo->listen_fd);
    if (echo->stop_fd >= 0)
        (void)close(echo->stop_fd);
    if (echo->epoll_fd >= 0)
        (void)close(echo->epoll_fd);
    free(echo->connections);
    free(echo);
}

/* The parts that both kinds have: a table, an epoll, and the eventfd that stops it. */
static int echo_new(struct plain_echo **ret_echo)
{
    struct plain_echo *echo = calloc(1, sizeof(*echo));
    if (echo == NULL)
        return -ENOMEM;
    echo->listen_fd = -1;
    echo->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    echo->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = echo->epoll_fd < 0 || echo->stop_fd < 0 ? -errno : 0;
    echo->connections = calloc(FIRST_SLOTS, sizeof(*echo->connections));
    echo->slots = echo->connections != NULL ? FIRST_SLOTS : 0;
    if (error == 0 && echo->connections == NULL)
        error = -ENOMEM;
    if (error == 0)
        error = epoll_set(echo, EPOLL_CTL_ADD, echo->stop_fd, EPOLLIN);
    if (error != 0) {
        plain_echo_free(echo);
        return error;
    }
    *ret_echo = echo;
    return 0;
}

int plain_echo_new_listening(int listen_fd, struct plain_echo **ret_echo)
{
    struct plain_echo *echo;
    int                error = echo_new(&echo);
    if (error != 0)
        return error;
    error = epoll_set(echo, EPOLL_CTL_ADD, listen_fd, EPOLLIN);
    if (error != 0) {
        plain_echo_free(echo);
        return error;
    }
    echo->listen_fd = listen_fd;
    *ret_echo = echo;
    return 0;
}

/* Gives the sockets back to the caller, who owns them while no echo was made. */
static void disown_connections(struct plain_echo *echo)
{
    for (size_t fd = 0; fd < echo->slots; fd++)
        echo->connections[fd].is_open = false;
}

int plain_echo_new_connected(const int *fds, size_t count, struct plain_echo **ret_echo)
{
    struct plain_echo *echo;
    int                error = echo_new(&echo);
    if (error != 0)
        return error;
    for (size_t index = 0; index < count && error == 0; index++)
        error = connection_open(echo, fds[index]);
    if (error != 0) {
        disown_connections(echo);
        plain_echo_free(echo);
        return error;
    }
    *ret_echo = echo;
    return 0;
}
