/*
 * loopback.c - the few socket calls that every echo bench needs, each made in one place.
 */
#include "loopback.h"

#include "stopwatch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* For stdin, stdout, stderr, an epoll, a listener, a report file, and what a library keeps. */
enum { FDS_SPARE = 16 };

static struct sockaddr_in socket_address(struct in_addr address, uint16_t port)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = address };
    name.sin_port = htons(port);
    return name;
}

static int set_flag(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof(on)) == 0 ? 0 : -errno;
}

/* What every helper below ends with when it fails half-way: the fd goes, the error stays. */
static int close_with(int fd, int error)
{
    (void)close(fd); /* The first error is the one to tell. */
    return error;
}

static int listen_on(int fd, uint16_t port, uint16_t *ret_port)
{
    struct in_addr     host = { .s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in name = socket_address(host, port);
    socklen_t          size = sizeof(name);
    int                error = set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (error == 0)
        error = set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
    if (error != 0)
        return error;
    /* The kernel cuts the backlog down to net.core.somaxconn, the most it can be. */
    if (bind(fd, (const struct sockaddr *)&name, size) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        return -errno;
    *ret_port = ntohs(name.sin_port);
    return 0;
}

int loopback_listen(uint16_t port, uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int error = listen_on(fd, port, ret_port);
    return error == 0 ? fd : close_with(fd, error);
}

int loopback_address(const char *host, struct in_addr *ret_address)
{
    struct in_addr address;
    const char    *dotted = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, dotted, &address) != 1 || ntohl(address.s_addr) >> 24 != 127)
        return -EINVAL;
    *ret_address = address;
    return 0;
}

/* A blocking connect obeys SO_SNDTIMEO, which saves a poll for each of thousands. */
static int connect_within(int fd, const struct sockaddr_in *name, int64_t timeout_ns)
{
    int64_t        us = timeout_ns / 1000 > 0 ? timeout_ns / 1000 : 1; /* 0 would mean for ever */
    struct timeval timeout = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0)
        return -errno;
    int rc;
    do /* A ring that is being taken down interrupts it; asked again, Linux goes on waiting. */
        rc = connect(fd, (const struct sockaddr *)name, sizeof(*name));
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return errno == EINPROGRESS || errno == EAGAIN ? -ETIMEDOUT : -errno;
    return fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0 ? 0 : -errno;
}

int loopback_connect(struct in_addr address, uint16_t port, int64_t timeout_ns)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    struct sockaddr_in name = socket_address(address, port);
    int                error = set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
    if (error == 0)
        error = connect_within(fd, &name, timeout_ns);
    return error == 0 ? fd : close_with(fd, error);
}

/* The lowest free fd: as many are open as there are numbers below it, but for holes. */
static uint64_t fds_open(void)
{
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    (void)close(fd);
    return (uint64_t)fd;
}

bool loopback_has_room(uint64_t more, uint64_t *ret_limit)
{
    struct rlimit limit;
    uint64_t      wanted = fds_open() + more + FDS_SPARE;
    *ret_limit = 0;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    if (wanted > limit.rlim_cur && limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    *ret_limit = limit.rlim_cur;
    return wanted <= limit.rlim_cur;
}
