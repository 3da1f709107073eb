/* socket.c - making sockets; nothing here waits. */
#include "maru/net.h"

#include "io/io.h"
#include "maru/err.h"
#include "maru/sockopt.h"
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

/* ---- making ---- */

enum { OPEN_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC };

static bool is_type(int type)
{
    return type == SOCK_STREAM || type == SOCK_DGRAM || type == SOCK_SEQPACKET;
}

int maru_socket_of(int family, int type)
{
    if (!is_type(type))
        return -EINVAL;
    int fd = socket(family, type | OPEN_FLAGS, 0);
    return fd < 0 ? -errno : io_hand_out(fd);
}

int maru_socket(int family)
{
    return maru_socket_of(family, SOCK_STREAM);
}

int maru_socket_pair(int type, int ret_fds[2])
{
    int fds[2];
    if (!ret_fds || !is_type(type))
        return -EINVAL;
    if (socketpair(AF_UNIX, type | OPEN_FLAGS, 0, fds) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        int rc = io_hand_out(fds[i]);           /* closes it on error */
        if (rc < 0) {
            (void)close(fds[1 - i]);            /* new and unused */
            return rc;
        }
    }
    memcpy(ret_fds, fds, sizeof fds);
    return 0;
}

/* ---- binding ---- */

static bool is_address(const maru_endpoint *endpoint)
{
    return endpoint && endpoint->len >= sizeof endpoint->any.sa_family &&
           endpoint->len <= sizeof endpoint->storage;
}

/* The descriptor, unless what was done to it failed: then it is closed. */
static int keep_if(int rc, int fd)
{
    if (rc == 0)
        return fd;
    (void)close(fd);                            /* new and unused */
    return rc;
}

int maru_bind(int fd, const maru_endpoint *endpoint)
{
    if (!is_address(endpoint))
        return -EINVAL;
    return bind(fd, &endpoint->any, endpoint->len) == 0 ? 0 : -errno;
}

int maru_datagram_bind(const maru_endpoint *endpoint)
{
    if (!is_address(endpoint))
        return -EINVAL;
    int fd = maru_socket_of(endpoint->any.sa_family, SOCK_DGRAM);
    return fd < 0 ? fd : keep_if(maru_bind(fd, endpoint), fd);
}

int maru_udp_bind(const char *ip, uint16_t port)
{
    maru_endpoint endpoint;
    int rc = maru_endpoint_ip(ip, port, &endpoint);
    return rc < 0 ? rc : maru_datagram_bind(&endpoint);
}

/* ---- listening ---- */

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
    return fd < 0 ? fd : keep_if(bind_and_listen(fd, address, len, backlog), fd);
}

void maru_listen_options_init(maru_listen_options *options, size_t size)
{
    if (!options || size < sizeof options->size)
        return;
    memset(options, 0, size);
    options->size = (uint32_t)size;
}

/* What the caller's compiler knew of the options; a newer one's fields must be unused. */
static int options_of(const maru_listen_options *user, maru_listen_options *ret_options)
{
    maru_listen_options options = { .size = sizeof options };
    const unsigned char *bytes = (const unsigned char *)user;
    if (user && user->size < sizeof user->size)
        return -EINVAL;
    for (size_t i = sizeof options; user && i < user->size; i++)
        if (bytes[i])
            return -E2BIG;
    if (user)
        memcpy(&options, user, user->size < sizeof options ? user->size : sizeof options);
    if (options.backlog > INT32_MAX || options.reuse_port > 1 || options.v6only > 1 ||
        options.recv_buffer > INT32_MAX || options.send_buffer > INT32_MAX)
        return -EINVAL;
    if (options.backlog == 0)
        options.backlog = SOMAXCONN;
    *ret_options = options;
    return 0;
}

static int set_options(int fd, const maru_listen_options *options)
{
    int rc = 0;
    if (options->reuse_port)
        rc = maru_set_reuse_port(fd, true);
    if (rc == 0 && options->v6only)
        rc = maru_set_v6only(fd, true);
    if (rc == 0 && options->recv_buffer)
        rc = maru_set_recv_buffer(fd, options->recv_buffer);
    if (rc == 0 && options->send_buffer)
        rc = maru_set_send_buffer(fd, options->send_buffer);
    return rc;
}

int maru_listen_at(const maru_endpoint *endpoint, const maru_listen_options *user)
{
    maru_listen_options options;
    if (!is_address(endpoint))
        return -EINVAL;
    int rc = options_of(user, &options);
    if (rc < 0)
        return rc;
    int fd = maru_socket(endpoint->any.sa_family);
    if (fd < 0)
        return fd;
    rc = set_options(fd, &options);
    if (rc == 0)
        rc = bind_and_listen(fd, &endpoint->any, endpoint->len, (int)options.backlog);
    return keep_if(rc, fd);
}

/* ---- addresses ---- */

int maru_address(const char *ip, uint16_t port, struct sockaddr_storage *address)
{
    if (!ip || !address)
        return -EINVAL;
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
        memset(address, 0, sizeof *address);
        memcpy(address, &v4, sizeof v4);
        return (int)sizeof v4;
    }
    if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1) {
        memset(address, 0, sizeof *address);
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
