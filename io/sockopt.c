/* sockopt.c - options of sockets: setsockopt(2) with names, units and ranges. */
#include "maru/sockopt.h"

#include "maru/err.h"
#include "maru/time.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

static int get(int fd, int option, int *ret_value)
{
    socklen_t len = sizeof *ret_value;
    return getsockopt(fd, SOL_SOCKET, option, ret_value, &len) == 0 ? 0 : -errno;
}

/* The family of a socket, or a negative errno. */
static int domain_of(int fd)
{
    int domain = 0, rc = get(fd, SO_DOMAIN, &domain);
    return rc < 0 ? rc : domain;
}

/* On another family or protocol the kernel gives one of several errors, or takes the number for
 * another option. */
static int tcp_only(int fd)
{
    int protocol = 0, rc = get(fd, SO_PROTOCOL, &protocol);
    return rc < 0 ? rc : protocol == IPPROTO_TCP ? 0 : -EOPNOTSUPP;
}

/* ---- TCP ---- */

int maru_set_nodelay(int fd, bool on)
{
    int rc = tcp_only(fd);
    return rc < 0 ? rc : set(fd, IPPROTO_TCP, TCP_NODELAY, on);
}

enum {
    KEEPALIVE_SECONDS_MAX = 32767,      /* the kernel's MAX_TCP_KEEPIDLE and MAX_TCP_KEEPINTVL */
    KEEPALIVE_COUNT_MAX = 127,          /* the kernel's MAX_TCP_KEEPCNT */
};

/* In seconds, rounded up; 0: out of range. */
static int seconds_of(int64_t ns)
{
    if (ns <= 0 || ns > KEEPALIVE_SECONDS_MAX * MARU_SEC)
        return 0;
    return (int)((ns + MARU_SEC - 1) / MARU_SEC);
}

/* Everything is checked before the first is set, so only a socket that ends meanwhile gets a part
 * of it; asking begins with the last. */
int maru_set_keepalive(int fd, int64_t idle_ns, int64_t interval_ns, int count)
{
    int rc = tcp_only(fd);
    if (rc < 0)
        return rc;
    if (idle_ns == 0)
        return set(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
    int idle = seconds_of(idle_ns), interval = seconds_of(interval_ns);
    if (idle == 0 || interval == 0 || count < 1 || count > KEEPALIVE_COUNT_MAX)
        return -EINVAL;
    rc = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
    if (rc == 0)
        rc = set(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval);
    if (rc == 0)
        rc = set(fd, IPPROTO_TCP, TCP_KEEPCNT, count);
    return rc < 0 ? rc : set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/* ---- all sockets ---- */

int maru_set_linger(int fd, int seconds)
{
    if (seconds != 0 && seconds != -1)
        return -EINVAL;
    const struct linger linger = { .l_onoff = seconds == 0, .l_linger = 0 };
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0 ? 0 : -errno;
}

int maru_set_reuse_port(int fd, bool on)
{
    return set(fd, SOL_SOCKET, SO_REUSEPORT, on);
}

int maru_set_reuse_address(int fd, bool on)
{
    return set(fd, SOL_SOCKET, SO_REUSEADDR, on);
}

int maru_set_send_buffer(int fd, size_t bytes)
{
    return bytes > INT_MAX ? -EINVAL : set(fd, SOL_SOCKET, SO_SNDBUF, (int)bytes);
}

int maru_set_recv_buffer(int fd, size_t bytes)
{
    return bytes > INT_MAX ? -EINVAL : set(fd, SOL_SOCKET, SO_RCVBUF, (int)bytes);
}

int maru_set_broadcast(int fd, bool on)
{
    return set(fd, SOL_SOCKET, SO_BROADCAST, on);
}

/* What could not be asked is an error as well. */
int maru_take_error(int fd)
{
    int error = 0, rc = get(fd, SO_ERROR, &error);
    return rc < 0 ? rc : -error;
}

/* ---- IP ---- */

int maru_set_v6only(int fd, bool on)
{
    int domain = domain_of(fd);
    if (domain != AF_INET6)
        return domain < 0 ? domain : -EOPNOTSUPP;
    return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, on);
}

int maru_set_ttl(int fd, int hops)
{
    int domain = domain_of(fd);
    if (domain < 0)
        return domain;
    if (domain != AF_INET && domain != AF_INET6)
        return -EOPNOTSUPP;
    if (hops < 1 || hops > 255)
        return -EINVAL;
    return domain == AF_INET ? set(fd, IPPROTO_IP, IP_TTL, hops)
                             : set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops);
}
