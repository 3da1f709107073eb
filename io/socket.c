/* socket.c - making sockets; nothing here waits. */
#include "maru/net.h"

#include "io/io.h"
#include "maru/err.h"
#include "runtime/base/context.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* Outside of workers there is no table; the operation that first waits on the number finds out
 * what is wrong with it. */
int io_hand_out(int fd)
{
    if (context_here()->local) {
        int rc = ready_adopt(io_here(), fd);
        if (rc < 0) {
            (void)close(fd);                    /* new and unused */
            return rc == -EBADF ? -EMFILE : rc;
        }
    }
    return fd;
}

int io_set_nonblocking(int fd)
{
    int type;
    socklen_t len = sizeof type;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (flags & O_NONBLOCK)
        return 0;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
        fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

int maru_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : io_hand_out(fd);
}

static int bind_and_listen(int fd, const struct sockaddr *address, socklen_t len, int backlog)
{
    const int on = 1;
    if (address->sa_family != AF_UNIX &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return -errno;
    if (bind(fd, address, len) < 0 || listen(fd, backlog) < 0)
        return -errno;
    return 0;
}

int maru_listen(const struct sockaddr *address, socklen_t len, int backlog)
{
    if (!address || len < sizeof address->sa_family || backlog < 0)
        return -EINVAL;
    int fd = maru_socket(address->sa_family);
    if (fd < 0)
        return fd;
    int rc = bind_and_listen(fd, address, len, backlog);
    if (rc == 0)
        return fd;
    (void)close(fd);                            /* new and unused */
    return rc;
}

int maru_address(const char *ip, uint16_t port, struct sockaddr_storage *address)
{
    if (!ip || !address)
        return -EINVAL;
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
        memcpy(address, &v4, sizeof v4);
        return (int)sizeof v4;
    }
    if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1) {
        memcpy(address, &v6, sizeof v6);
        return (int)sizeof v6;
    }
    return -EINVAL;
}

int maru_listen_ip(const char *ip, uint16_t port, int backlog)
{
    struct sockaddr_storage address;
    int len = maru_address(ip, port, &address);
    if (len < 0)
        return len;
    return maru_listen((const struct sockaddr *)&address, (socklen_t)len, backlog);
}

int maru_local_port(int fd)
{
    union {
        struct sockaddr_storage any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address.any, &len) < 0)
        return -errno;
    if (address.any.ss_family == AF_INET)
        return ntohs(address.v4.sin_port);
    return address.any.ss_family == AF_INET6 ? ntohs(address.v6.sin6_port) : -EAFNOSUPPORT;
}
