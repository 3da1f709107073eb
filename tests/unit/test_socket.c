/* test_socket.c - making sockets: addresses, ports, and what is refused without a trace. */
#include "tests/unit/io_world.h"

#include <fcntl.h>

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
