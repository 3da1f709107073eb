/* test_socket.c - making sockets: addresses, ports, and what is refused without a trace. */
#include "tests/unit/io_world.h"

#include <fcntl.h>
#include <sys/resource.h>

Test(socket, numeric_addresses_are_understood_and_nothing_else, .timeout = 30)
{
    struct sockaddr_storage address;
    cr_assert_eq(maru_address("127.0.0.1", 80, &address), (int)sizeof(struct sockaddr_in));
    cr_assert_eq(address.ss_family, AF_INET);
    cr_assert_eq(((struct sockaddr_in *)&address)->sin_port, htons(80));
    cr_assert_eq(maru_address("::1", 65535, &address), (int)sizeof(struct sockaddr_in6));
    cr_assert_eq(((struct sockaddr_in6 *)&address)->sin6_port, 0xffff);
    const char *const wrong[] = { "", "localhost", "127.0.0.1:80", "1.2.3", "::g", " ::1" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert_eq(maru_address(wrong[i], 0, &address), -EINVAL, "%s", wrong[i]);
        cr_assert_eq(maru_listen_ip(wrong[i], 0, 1), -EINVAL, "%s", wrong[i]);
    }
    cr_assert_eq(maru_address(NULL, 0, &address), -EINVAL);
    cr_assert_eq(maru_address("::1", 0, NULL), -EINVAL);
    cr_assert_eq(maru_listen_ip(NULL, 0, 1), -EINVAL);
}

Test(socket, sockets_do_not_block_and_are_not_inherited, .timeout = 30)
{
    const int families[] = { AF_INET, AF_UNIX };
    for (int i = 0; i < 2; i++) {
        int fd = maru_socket(families[i]);
        cr_assert_geq(fd, 0);
        cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
        cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
    }
    cr_assert_eq(maru_socket(-1), -EAFNOSUPPORT);
    cr_assert_eq(maru_socket(12345), -EAFNOSUPPORT);
}

Test(socket, what_cannot_be_listened_on_leaves_no_descriptor, .timeout = 30)
{
    struct sockaddr_storage address;
    int before = count_fds(), len = maru_address("127.0.0.1", 0, &address);
    const struct sockaddr *to = (const struct sockaddr *)&address;
    cr_assert_eq(maru_listen(NULL, 16, 1), -EINVAL);
    cr_assert_eq(maru_listen(to, 0, 1), -EINVAL);
    cr_assert_eq(maru_listen(to, 1, 1), -EINVAL);
    cr_assert_eq(maru_listen(to, 4, 1), -EINVAL);
    cr_assert_eq(maru_listen(to, (socklen_t)len, -1), -EINVAL);
    cr_assert_eq(maru_listen_ip("127.0.0.1", 0, -1), -EINVAL);
    cr_assert_eq(maru_listen_ip("192.0.2.1", 0, 1), -EADDRNOTAVAIL);
    int fd = maru_listen_ip("127.0.0.1", 0, 1);
    cr_assert_geq(fd, 0);
    int port = maru_local_port(fd);
    cr_assert_gt(port, 0);
    cr_assert_eq(maru_listen_ip("127.0.0.1", (uint16_t)port, 1), -EADDRINUSE);
    close(fd);
    cr_assert_eq(count_fds(), before);
}

Test(socket, the_port_is_that_of_the_socket, .timeout = 30)
{
    int fds[2];
    for (enum family family = TCP4; family < FAMILIES; family = family_after(family)) {
        if (family == UNIX)
            continue;
        int fd = listen_on(family, 1), port = maru_local_port(fd);
        cr_assert_gt(port, 0);
        int other = plain_connect(fd);
        cr_assert_neq(maru_local_port(other), port);
        close(other);
        close(fd);
    }
    cr_assert(pair_new(UNIX, fds));
    cr_assert_eq(maru_local_port(fds[0]), -EAFNOSUPPORT);
    cr_assert_eq(maru_local_port(-1), -EBADF);
    close(fds[0]);
    cr_assert_eq(maru_local_port(fds[0]), -EBADF);
    close(fds[1]);
    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(maru_local_port(fds[0]), -ENOTSOCK);
}

Test(socket, a_port_can_be_listened_on_again_at_once, .timeout = 30)
{
    int fd = listen_on(TCP4, 1), port = maru_local_port(fd), client = plain_connect(fd);
    int served = accept(fd, NULL, NULL);
    close(served);                              /* ends first: its port stays in TIME_WAIT */
    cr_assert(sees_the_end(client));
    close(client);
    close(fd);
    fd = maru_listen_ip("127.0.0.1", (uint16_t)port, 1);
    cr_assert_geq(fd, 0);
    close(fd);
}

Test(socket, only_sockets_are_made_non_blocking, .timeout = 30)
{
    int fds[2], pair[2];
    cr_assert_eq(pipe(fds), 0);
    cr_assert(pair_new(UNIX, pair));
    cr_assert_eq(io_set_nonblocking(fds[0]), -ENOTSOCK);
    cr_assert_eq(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
    cr_assert_eq(io_set_nonblocking(-1), -EBADF);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(io_set_nonblocking(pair[0]), 0);
    cr_assert(fcntl(pair[0], F_GETFL) & O_NONBLOCK);
    cr_assert_eq(fcntl(pair[1], F_GETFL) & O_NONBLOCK, 0);
}

/* ---- of every type ---- */

Test(socket, all_types_can_be_made_and_no_other, .timeout = 30)
{
    const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
    int before = count_fds(), fds[2] = { -7, -8 };
    for (int i = 0; i < 3; i++) {
        int fd = maru_socket_of(AF_UNIX, types[i]), type = 0;
        socklen_t len = sizeof type;
        cr_assert_geq(fd, 0);
        cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len), 0);
        cr_assert_eq(type, types[i]);
        close(fd);
        cr_assert_eq(maru_socket_pair(types[i], fds), 0);
        for (int k = 0; k < 2; k++) {
            cr_assert(fcntl(fds[k], F_GETFL) & O_NONBLOCK);
            cr_assert(fcntl(fds[k], F_GETFD) & FD_CLOEXEC);
        }
        cr_assert_eq(send(fds[0], "x", 1, 0), 1);
        cr_assert_eq(recv(fds[1], &type, 1, 0), 1);
        close(fds[0]);
        close(fds[1]);
    }
    fds[0] = -7;
    cr_assert_eq(maru_socket_of(AF_INET, SOCK_RAW), -EINVAL);
    cr_assert_eq(maru_socket_of(AF_INET, SOCK_STREAM | SOCK_CLOEXEC), -EINVAL);
    cr_assert_eq(maru_socket_of(12345, SOCK_DGRAM), -EAFNOSUPPORT);
    cr_assert_eq(maru_socket_pair(-1, fds), -EINVAL);
    cr_assert_eq(maru_socket_pair(SOCK_STREAM, NULL), -EINVAL);
    cr_assert_eq(fds[0], -7);
    cr_assert_eq(count_fds(), before);
}

struct pairs {
    maru_frame frame;
    int fds[2];
    struct rlimit limit, before;
    maru_op io;
    char byte;
};

maru_async(pairs)
{
    maru_result n;
    expect(maru_socket_pair(SOCK_SEQPACKET, me->fds) == 0);
    maru_try(maru_send(&me->io, me->fds[0], "a", 1));
    maru_try(maru_send(&me->io, me->fds[0], "b", 1));
    maru_try(n, maru_recv(&me->io, me->fds[1], &me->byte, 1));
    expect(n == 1 && me->byte == 'a');
    maru_try(n, maru_recv(&me->io, me->fds[1], &me->byte, 1));
    expect(n == 1 && me->byte == 'b');
    maru_try(maru_close(&me->io, me->fds[0]));
    maru_try(n, maru_recv(&me->io, me->fds[1], &me->byte, 1));
    expect(n == 0);
    maru_try(maru_close(&me->io, me->fds[1]));
    expect(getrlimit(RLIMIT_NOFILE, &me->before) == 0);
    me->limit = (struct rlimit){ (rlim_t)me->fds[1], me->before.rlim_max };
    expect(setrlimit(RLIMIT_NOFILE, &me->limit) == 0);
    n = maru_socket_pair(SOCK_STREAM, me->fds);
    maru_result one = maru_udp_bind("127.0.0.1", 0);
    if (one >= 0)
        close((int)one);
    expect(setrlimit(RLIMIT_NOFILE, &me->before) == 0);
    expect(n == -EMFILE);
}
maru_end;

Test(socket, a_pair_is_connected_and_is_made_wholly_or_not, .timeout = 30)
{
    run_in(SHAPE_SINGLE, pairs);
    run_in(SHAPE_TWO, pairs);
}

Test(socket, datagram_sockets_are_bound, .timeout = 30)
{
    maru_endpoint endpoint;
    int before = count_fds(), fd = maru_udp_bind("127.0.0.1", 0);
    cr_assert_geq(fd, 0);
    cr_assert_gt(maru_local_port(fd), 0);
    cr_assert_eq(maru_udp_bind("127.0.0.1", (uint16_t)maru_local_port(fd)), -EADDRINUSE);
    close(fd);
    cr_assert_eq(maru_udp_bind("nowhere", 0), -EINVAL);
    cr_assert_eq(maru_udp_bind(NULL, 0), -EINVAL);
    cr_assert_eq(maru_udp_bind("192.0.2.1", 0), -EADDRNOTAVAIL);
    cr_assert_eq(maru_datagram_bind(NULL), -EINVAL);
    endpoint.len = 0;
    cr_assert_eq(maru_datagram_bind(&endpoint), -EINVAL);
    endpoint.len = sizeof endpoint.storage + 1;
    cr_assert_eq(maru_datagram_bind(&endpoint), -EINVAL);
    cr_assert_eq(maru_endpoint_unix("@maru-test-socket", &endpoint), 0);
    fd = maru_datagram_bind(&endpoint);
    cr_assert_geq(fd, 0);
    cr_assert_eq(maru_datagram_bind(&endpoint), -EADDRINUSE);
    close(fd);
    fd = maru_socket(AF_UNIX);
    cr_assert_eq(maru_bind(fd, NULL), -EINVAL);
    cr_assert_eq(maru_bind(fd, &endpoint), 0);
    cr_assert_eq(maru_bind(fd, &endpoint), -EINVAL);
    cr_assert_eq(maru_bind(-1, &endpoint), -EBADF);
    close(fd);
    cr_assert_eq(count_fds(), before);
}

/* ---- listening with options ---- */

Test(socket, several_may_share_a_port_if_all_want_it, .timeout = 30)
{
    maru_endpoint at;
    maru_listen_options options;
    int before = count_fds();
    maru_listen_options_init(&options, sizeof options);
    options.reuse_port = 1;
    cr_assert_eq(maru_endpoint_ip("127.0.0.1", 0, &at), 0);
    int fd = maru_listen_at(&at, &options);
    cr_assert_geq(fd, 0);
    cr_assert_eq(maru_local_endpoint(fd, &at), 0);
    int other = maru_listen_at(&at, &options);
    cr_assert_geq(other, 0);
    cr_assert_eq(maru_listen_at(&at, NULL), -EADDRINUSE);
    close(other);
    close(fd);
    cr_assert_eq(count_fds(), before);
}

/* The same port of IPv4 is not taken by an IPv6 socket that leaves it alone. */
static void other_family_is_free(int fd)
{
    int other = maru_listen_ip("0.0.0.0", (uint16_t)maru_local_port(fd), 1);
    cr_assert_geq(other, 0);
    close(other);
}

Test(socket, options_of_listening_are_set_before_it, .timeout = 30)
{
    maru_endpoint at;
    maru_listen_options options;
    int value;
    socklen_t len = sizeof value;
    maru_listen_options_init(&options, sizeof options);
    options.recv_buffer = 30000;
    options.send_buffer = 20000;
    cr_assert_eq(maru_endpoint_ip("127.0.0.1", 0, &at), 0);
    int fd = maru_listen_at(&at, &options), client = plain_connect(fd);
    int served = accept(fd, NULL, NULL);
    cr_assert_eq(getsockopt(served, SOL_SOCKET, SO_RCVBUF, &value, &len), 0);
    cr_assert_eq(value, 60000);
    cr_assert_eq(getsockopt(served, SOL_SOCKET, SO_SNDBUF, &value, &len), 0);
    cr_assert_eq(value, 40000);
    close(served);
    close(client);
    close(fd);
    if (!family_is_there(TCP6))
        return;
    options.v6only = 1;
    cr_assert_eq(maru_endpoint_ip("::", 0, &at), 0);
    fd = maru_listen_at(&at, &options);
    cr_assert_geq(fd, 0);
    other_family_is_free(fd);
    close(fd);
}

Test(socket, wrong_options_of_listening_make_nothing, .timeout = 30)
{
    maru_endpoint at, none = { .len = 0 };
    struct {
        maru_listen_options options;
        uint64_t newer;
    } wide = { .newer = 0 };
    int before = count_fds();
    cr_assert_eq(maru_endpoint_ip("127.0.0.1", 0, &at), 0);
    cr_assert_eq(maru_listen_at(NULL, NULL), -EINVAL);
    cr_assert_eq(maru_listen_at(&none, NULL), -EINVAL);
    maru_listen_options_init(&wide.options, sizeof wide);
    int fd = maru_listen_at(&at, &wide.options);
    cr_assert_geq(fd, 0);                       /* a newer program that wants nothing new */
    close(fd);
    wide.newer = 1;
    cr_assert_eq(maru_listen_at(&at, &wide.options), -E2BIG);
    maru_listen_options_init(&wide.options, sizeof wide.options);
    wide.options.size = 1;
    cr_assert_eq(maru_listen_at(&at, &wide.options), -EINVAL);
    maru_listen_options_init(&wide.options, sizeof wide.options);
    wide.options.reuse_port = 2;
    cr_assert_eq(maru_listen_at(&at, &wide.options), -EINVAL);
    maru_listen_options_init(&wide.options, sizeof wide.options);
    wide.options.backlog = UINT32_MAX;
    cr_assert_eq(maru_listen_at(&at, &wide.options), -EINVAL);
    maru_listen_options_init(&wide.options, sizeof wide.options);
    wide.options.v6only = 1;
    cr_assert_eq(maru_listen_at(&at, &wide.options), -EOPNOTSUPP);
    maru_listen_options_init(NULL, 100);
    maru_listen_options_init(&wide.options, 1);
    cr_assert_eq(count_fds(), before);
}
