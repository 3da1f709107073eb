/* test_bad_endpoint.c - bad arguments of endpoints, of making sockets and of their options: plain
 * calls, which any thread may make. */
#include "tests/unit/bad_world.h"

#include <limits.h>

/* ---- endpoints ---- */

static const char LONG_PATH[] = "/a-path-that-is-longer-than-the-one-hundred-and-eight-bytes-that-"
                                "the-address-of-a-unix-socket-has-room-for-in-any-case";

static void endpoints(struct bad *bad)
{
    maru_endpoint endpoint = { .len = 77 }, good, odd = { .len = sizeof(sa_family_t) };
    char text[8] = "before";
    BAD(-EINVAL, maru_endpoint_ip(NULL, 1, &endpoint));
    BAD(-EINVAL, maru_endpoint_ip("127.0.0.1", 1, NULL));
    BAD(-EINVAL, maru_endpoint_ip("", 1, &endpoint));
    BAD(-EINVAL, maru_endpoint_ip("localhost", 1, &endpoint));
    BAD(-EINVAL, maru_endpoint_ip("127.0.0.256", 1, &endpoint));
    BAD(-EINVAL, maru_endpoint_ip("::1::", 1, &endpoint));
    BAD(-EINVAL, maru_endpoint_unix(NULL, &endpoint));
    BAD(-EINVAL, maru_endpoint_unix("/tmp", NULL));
    BAD(-EINVAL, maru_endpoint_unix("", &endpoint));
    BAD(-ENAMETOOLONG, maru_endpoint_unix(LONG_PATH, &endpoint));
    BAD(-EINVAL, maru_local_endpoint(bad->listener, NULL));
    BAD(-EBADF, maru_local_endpoint(-1, &endpoint));
    BAD(-EBADF, maru_local_endpoint(FD_CLOSED, &endpoint));
    BAD(-EBADF, maru_local_endpoint(FD_BEYOND, &endpoint));
    BAD(-ENOTSOCK, maru_local_endpoint(bad->file, &endpoint));
    BAD(-EINVAL, maru_peer_endpoint(bad->pair[0], NULL));
    BAD(-EBADF, maru_peer_endpoint(INT_MIN, &endpoint));
    BAD(-EBADF, maru_peer_endpoint(FD_CLOSED, &endpoint));
    BAD(-ENOTCONN, maru_peer_endpoint(bad->listener, &endpoint));
    BAD(-ENOTSOCK, maru_peer_endpoint(bad->pipe[0], &endpoint));
    BAD(77, endpoint.len);
    BAD(0, maru_endpoint_ip("127.0.0.1", 4711, &good));
    BAD(-EINVAL, maru_endpoint_text(NULL, text, sizeof text));
    BAD(-EINVAL, maru_endpoint_text(&good, NULL, 8));
    BAD(-ENOSPC, maru_endpoint_text(&good, text, 0));
    BAD(-ENOSPC, maru_endpoint_text(&good, text, sizeof text));
    BAD(-EAFNOSUPPORT, maru_endpoint_text(&odd, text, sizeof text));
    odd.len = 0;
    BAD(-EAFNOSUPPORT, maru_endpoint_text(&odd, text, sizeof text));
    BAD(0, strcmp(text, "before"));
    BAD(-EINVAL, maru_endpoint_port(NULL));
    BAD(-EAFNOSUPPORT, maru_endpoint_port(&odd));
    BAD(4711, maru_endpoint_port(&good));
}

Test(bad_endpoint, endpoints_are_refused_and_left_alone, .timeout = 30)
{
    bad_calls(endpoints);
}

/* ---- making sockets ---- */

static void sockets(struct bad *bad)
{
    const struct sockaddr_in any = { .sin_family = AF_INET };
    const struct sockaddr odd = { .sa_family = 9999 };
    struct sockaddr_storage address = { .ss_family = 77 };
    int fds[2] = { -7, -7 };
    BAD(-EINVAL, maru_listen(NULL, sizeof any, 1));
    BAD(-EINVAL, maru_listen((const struct sockaddr *)&any, 0, 1));
    BAD(-EINVAL, maru_listen((const struct sockaddr *)&any, 1, 1));
    BAD(-EINVAL, maru_listen((const struct sockaddr *)&any, 4, 1));
    BAD(-EINVAL, maru_listen((const struct sockaddr *)&any, UINT32_MAX, 1));
    BAD(-EINVAL, maru_listen((const struct sockaddr *)&any, sizeof any, -1));
    BAD(-EAFNOSUPPORT, maru_listen(&odd, sizeof odd, 1));
    BAD(-EINVAL, maru_listen_ip(NULL, 0, 1));
    BAD(-EINVAL, maru_listen_ip("nowhere", 0, 1));
    BAD(-EINVAL, maru_listen_ip("127.0.0.1", 0, INT_MIN));
    BAD(-EADDRNOTAVAIL, maru_listen_ip("192.0.2.1", 0, 1));
    BAD(-EAFNOSUPPORT, maru_socket(-1));
    BAD(-EAFNOSUPPORT, maru_socket(INT_MAX));
    BAD(-EINVAL, maru_socket_of(AF_INET, 0));
    BAD(-EINVAL, maru_socket_of(AF_INET, -1));
    BAD(-EINVAL, maru_socket_of(AF_INET, SOCK_RAW));
    BAD(-EINVAL, maru_socket_of(AF_INET, SOCK_STREAM | SOCK_CLOEXEC));
    BAD(-EAFNOSUPPORT, maru_socket_of(9999, SOCK_DGRAM));
    BAD(-EINVAL, maru_socket_pair(SOCK_STREAM, NULL));
    BAD(-EINVAL, maru_socket_pair(0, fds));
    BAD(-EINVAL, maru_socket_pair(SOCK_RAW, fds));
    BAD(-14, fds[0] + fds[1]);
    BAD(-EINVAL, maru_address(NULL, 1, &address));
    BAD(-EINVAL, maru_address("127.0.0.1", 1, NULL));
    BAD(-EINVAL, maru_address("127.0.0", 1, &address));
    BAD(77, address.ss_family);
    BAD(-EBADF, maru_local_port(-1));
    BAD(-EBADF, maru_local_port(FD_CLOSED));
    BAD(-ENOTSOCK, maru_local_port(bad->file));
    BAD(-EAFNOSUPPORT, maru_local_port(bad->pair[0]));
    BAD(-EBADF, maru_fd_adopt(-1));
    BAD(-EBADF, maru_fd_adopt(FD_BEYOND));
    BAD(-EBADF, maru_fd_adopt(INT_MAX));
    BAD(bad->inside ? 0 : -EBADF, maru_fd_adopt(bad->pair[0]));
    BAD(1, maru_local_port(bad->listener) > 0);
}

Test(bad_endpoint, sockets_are_not_made_from_nonsense, .timeout = 30)
{
    bad_calls(sockets);
}

/* ---- binding, and listening with options ---- */

static maru_listen_options listen_options(void)
{
    maru_listen_options options;
    maru_listen_options_init(&options, sizeof options);
    return options;
}

static void options(struct bad *bad)
{
    struct {
        maru_listen_options known;
        uint64_t newer;
    } larger = { .newer = 1 };
    maru_listen_options wrong = listen_options();
    maru_endpoint good, none = { .len = 0 }, huge = { .len = sizeof(struct sockaddr_storage) + 1 };
    BAD(0, maru_endpoint_ip("127.0.0.1", 0, &good));
    huge.any.sa_family = AF_INET;
    NOTHING(maru_listen_options_init(NULL, sizeof wrong));
    NOTHING(maru_listen_options_init(&wrong, 0));
    NOTHING(maru_listen_options_init(&wrong, 3));
    BAD(sizeof wrong, wrong.size);
    BAD(-EINVAL, maru_listen_at(NULL, NULL));
    BAD(-EINVAL, maru_listen_at(&none, NULL));
    BAD(-EINVAL, maru_listen_at(&huge, NULL));
    wrong.size = 3;
    BAD(-EINVAL, maru_listen_at(&good, &wrong));
    wrong.size = 0;
    BAD(-EINVAL, maru_listen_at(&good, &wrong));
    wrong = listen_options();
    wrong.backlog = UINT32_MAX;
    BAD(-EINVAL, maru_listen_at(&good, &wrong));
    wrong = listen_options();
    wrong.reuse_port = 2;
    BAD(-EINVAL, maru_listen_at(&good, &wrong));
    wrong = listen_options();
    wrong.v6only = 2;
    BAD(-EINVAL, maru_listen_at(&good, &wrong));
    wrong.v6only = 1;
    BAD(-EOPNOTSUPP, maru_listen_at(&good, &wrong));
    wrong = listen_options();
    wrong.recv_buffer = UINT32_MAX;
    BAD(-EINVAL, maru_listen_at(&good, &wrong));
    wrong = listen_options();
    wrong.send_buffer = (uint32_t)INT32_MAX + 1;
    BAD(-EINVAL, maru_listen_at(&good, &wrong));
    larger.known.size = sizeof larger;
    BAD(-E2BIG, maru_listen_at(&good, &larger.known));
    BAD(-EINVAL, maru_bind(bad->pair[0], NULL));
    BAD(-EINVAL, maru_bind(bad->pair[0], &none));
    BAD(-EINVAL, maru_bind(bad->pair[0], &huge));
    BAD(-EBADF, maru_bind(-1, &good));
    BAD(-EBADF, maru_bind(FD_CLOSED, &good));
    BAD(-ENOTSOCK, maru_bind(bad->pipe[0], &good));
    BAD(-EINVAL, maru_bind(bad->listener, &good));
    BAD(-EINVAL, maru_datagram_bind(NULL));
    BAD(-EINVAL, maru_datagram_bind(&none));
    BAD(-EINVAL, maru_datagram_bind(&huge));
    BAD(-EINVAL, maru_udp_bind(NULL, 0));
    BAD(-EINVAL, maru_udp_bind("1.2.3", 0));
    BAD(-EADDRNOTAVAIL, maru_udp_bind("192.0.2.1", 0));
}

Test(bad_endpoint, wrong_options_bind_nothing, .timeout = 30)
{
    bad_calls(options);
}

/* ---- options of sockets ---- */

static void of_no_socket(struct bad *bad, int fd, int error)
{
    BAD(error, maru_set_nodelay(fd, true));
    BAD(error, maru_set_keepalive(fd, MARU_SEC, MARU_SEC, 1));
    BAD(error, maru_set_keepalive(fd, 0, -1, -1));
    BAD(error, maru_set_linger(fd, 0));
    BAD(error, maru_set_reuse_port(fd, true));
    BAD(error, maru_set_reuse_address(fd, true));
    BAD(error, maru_set_v6only(fd, true));
    BAD(error, maru_set_send_buffer(fd, 4096));
    BAD(error, maru_set_recv_buffer(fd, 4096));
    BAD(error, maru_set_ttl(fd, 1));
    BAD(error, maru_set_broadcast(fd, true));
    BAD(error, maru_take_error(fd));
}

static void sockopts(struct bad *bad)
{
    const int tcp = bad->listener, local = bad->pair[0];
    of_no_socket(bad, -1, -EBADF);
    of_no_socket(bad, INT_MIN, -EBADF);
    of_no_socket(bad, FD_CLOSED, -EBADF);
    of_no_socket(bad, FD_BEYOND, -EBADF);
    of_no_socket(bad, bad->file, -ENOTSOCK);
    of_no_socket(bad, bad->pipe[0], -ENOTSOCK);
    BAD(-EOPNOTSUPP, maru_set_nodelay(local, true));
    BAD(-EOPNOTSUPP, maru_set_keepalive(local, MARU_SEC, MARU_SEC, 1));
    BAD(-EINVAL, maru_set_keepalive(tcp, -1, MARU_SEC, 1));
    BAD(-EINVAL, maru_set_keepalive(tcp, INT64_MAX, MARU_SEC, 1));
    BAD(-EINVAL, maru_set_keepalive(tcp, MARU_SEC, 0, 1));
    BAD(-EINVAL, maru_set_keepalive(tcp, MARU_SEC, INT64_MIN, 1));
    BAD(-EINVAL, maru_set_keepalive(tcp, MARU_SEC, MARU_SEC, 0));
    BAD(-EINVAL, maru_set_keepalive(tcp, MARU_SEC, MARU_SEC, 128));
    BAD(-EINVAL, maru_set_linger(tcp, 1));
    BAD(-EINVAL, maru_set_linger(tcp, -2));
    BAD(-EINVAL, maru_set_linger(tcp, INT_MAX));
    BAD(-EOPNOTSUPP, maru_set_v6only(tcp, true));
    BAD(-EINVAL, maru_set_send_buffer(tcp, SIZE_MAX));
    BAD(-EINVAL, maru_set_recv_buffer(tcp, (size_t)INT32_MAX + 1));
    BAD(-EINVAL, maru_set_ttl(tcp, 0));
    BAD(-EINVAL, maru_set_ttl(tcp, 256));
    BAD(-EINVAL, maru_set_ttl(tcp, -1));
    BAD(-EOPNOTSUPP, maru_set_ttl(local, 1));
    BAD(0, maru_take_error(tcp));
}

Test(bad_endpoint, options_that_do_not_fit_are_refused, .timeout = 30)
{
    bad_calls(sockopts);
}
