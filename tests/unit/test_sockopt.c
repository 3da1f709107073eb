/* test_sockopt.c - options of sockets: each sets what it says, and refuses what makes no sense
 * without a change. */
#include "tests/unit/io_world.h"

#include <netinet/tcp.h>

static int value_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof value;
    cr_assert_eq(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

Test(sockopt, tcp_options_are_set, .timeout = 30)
{
    int fd = maru_socket(AF_INET);
    for (int on = 1; on >= 0; on--) {
        cr_assert_eq(maru_set_nodelay(fd, on), 0);
        cr_assert_eq(value_of(fd, IPPROTO_TCP, TCP_NODELAY) != 0, on);
    }
    cr_assert_eq(maru_set_keepalive(fd, 10 * MARU_SEC, 1, 3), 0);
    cr_assert_eq(value_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    cr_assert_eq(value_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
    cr_assert_eq(value_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 1);      /* rounded up */
    cr_assert_eq(value_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    const int64_t wrong[] = { -1, 32768 * MARU_SEC, INT64_MAX, INT64_MIN };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert_eq(maru_set_keepalive(fd, wrong[i], MARU_SEC, 1), -EINVAL);
        cr_assert_eq(maru_set_keepalive(fd, MARU_SEC, wrong[i], 1), -EINVAL);
    }
    cr_assert_eq(maru_set_keepalive(fd, MARU_SEC, 0, 1), -EINVAL);
    cr_assert_eq(maru_set_keepalive(fd, MARU_SEC, MARU_SEC, 0), -EINVAL);
    cr_assert_eq(maru_set_keepalive(fd, MARU_SEC, MARU_SEC, 128), -EINVAL);
    cr_assert_eq(value_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
    cr_assert_eq(maru_set_keepalive(fd, 0, -5, -5), 0);
    cr_assert_eq(value_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    close(fd);
}

Test(sockopt, options_of_all_sockets_are_set, .timeout = 30)
{
    int fd = maru_socket_of(AF_INET, SOCK_DGRAM);
    struct linger linger;
    socklen_t len = sizeof linger;
    for (int on = 1; on >= 0; on--) {
        cr_assert_eq(maru_set_reuse_port(fd, on), 0);
        cr_assert_eq(value_of(fd, SOL_SOCKET, SO_REUSEPORT), on);
        cr_assert_eq(maru_set_reuse_address(fd, on), 0);
        cr_assert_eq(value_of(fd, SOL_SOCKET, SO_REUSEADDR), on);
        cr_assert_eq(maru_set_broadcast(fd, on), 0);
        cr_assert_eq(value_of(fd, SOL_SOCKET, SO_BROADCAST), on);
        cr_assert_eq(maru_set_linger(fd, on ? 0 : -1), 0);
        cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
        cr_assert(linger.l_onoff == on && linger.l_linger == 0);
    }
    cr_assert_eq(maru_set_linger(fd, 1), -EINVAL);      /* would block a worker */
    cr_assert_eq(maru_set_linger(fd, -2), -EINVAL);
    cr_assert_eq(maru_set_send_buffer(fd, 20000), 0);
    cr_assert_eq(value_of(fd, SOL_SOCKET, SO_SNDBUF), 40000);       /* the kernel doubles it */
    cr_assert_eq(maru_set_recv_buffer(fd, 30000), 0);
    cr_assert_eq(value_of(fd, SOL_SOCKET, SO_RCVBUF), 60000);
    cr_assert_eq(maru_set_send_buffer(fd, (size_t)INT32_MAX + 1), -EINVAL);
    cr_assert_eq(maru_set_recv_buffer(fd, SIZE_MAX), -EINVAL);
    close(fd);
}

Test(sockopt, options_of_ip_are_set_on_both_families, .timeout = 30)
{
    int fd = maru_socket(AF_INET);
    cr_assert_eq(maru_set_ttl(fd, 7), 0);
    cr_assert_eq(value_of(fd, IPPROTO_IP, IP_TTL), 7);
    const int wrong[] = { 0, -1, 256 };
    for (int i = 0; i < 3; i++)
        cr_assert_eq(maru_set_ttl(fd, wrong[i]), -EINVAL);
    cr_assert_eq(value_of(fd, IPPROTO_IP, IP_TTL), 7);
    cr_assert_eq(maru_set_v6only(fd, true), -EOPNOTSUPP);
    close(fd);
    if (!family_is_there(TCP6))
        return;
    fd = maru_socket(AF_INET6);
    cr_assert_eq(maru_set_ttl(fd, 9), 0);
    cr_assert_eq(value_of(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 9);
    for (int on = 1; on >= 0; on--) {
        cr_assert_eq(maru_set_v6only(fd, on), 0);
        cr_assert_eq(value_of(fd, IPPROTO_IPV6, IPV6_V6ONLY), on);
    }
    close(fd);
}

Test(sockopt, sockets_of_another_kind_refuse, .timeout = 30)
{
    int fd = maru_socket(AF_UNIX), udp = maru_udp_bind("127.0.0.1", 0), fds[2];
    cr_assert_eq(maru_set_nodelay(fd, true), -EOPNOTSUPP);
    cr_assert_eq(maru_set_nodelay(udp, true), -EOPNOTSUPP);
    cr_assert_eq(maru_set_keepalive(udp, MARU_SEC, MARU_SEC, 1), -EOPNOTSUPP);
    cr_assert_eq(maru_set_ttl(fd, 1), -EOPNOTSUPP);
    cr_assert_eq(maru_set_v6only(fd, true), -EOPNOTSUPP);
    cr_assert_eq(pipe(fds), 0);
    close(udp);
    close(fd);
    const int wrong[] = { fds[0], fd, -1 }, errors[] = { -ENOTSOCK, -EBADF, -EBADF };
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(maru_set_nodelay(wrong[i], true), errors[i]);
        cr_assert_eq(maru_set_keepalive(wrong[i], 0, 0, 0), errors[i]);
        cr_assert_eq(maru_set_linger(wrong[i], 0), errors[i]);
        cr_assert_eq(maru_set_reuse_port(wrong[i], true), errors[i]);
        cr_assert_eq(maru_set_reuse_address(wrong[i], true), errors[i]);
        cr_assert_eq(maru_set_v6only(wrong[i], true), errors[i]);
        cr_assert_eq(maru_set_send_buffer(wrong[i], 1), errors[i]);
        cr_assert_eq(maru_set_recv_buffer(wrong[i], 1), errors[i]);
        cr_assert_eq(maru_set_ttl(wrong[i], 1), errors[i]);
        cr_assert_eq(maru_set_broadcast(wrong[i], true), errors[i]);
        cr_assert_eq(maru_take_error(wrong[i]), errors[i]);
    }
    close(fds[0]);
    close(fds[1]);
}

Test(sockopt, a_pending_error_is_taken_once, .timeout = 30)
{
    int fds[2];
    cr_assert(pair_new(TCP4, fds));
    cr_assert_eq(maru_take_error(fds[0]), 0);
    reset(fds[1]);
    struct pollfd end = { .fd = fds[0], .events = POLLIN };
    cr_assert_eq(poll(&end, 1, 2000), 1);
    cr_assert_eq(maru_take_error(fds[0]), -ECONNRESET);
    cr_assert_eq(maru_take_error(fds[0]), 0);
    close(fds[0]);
}
