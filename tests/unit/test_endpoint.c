/* test_endpoint.c - endpoints: what text they come from and become, and what a socket tells. */
#include "tests/unit/io_world.h"

#include <sys/un.h>

static void becomes(const maru_endpoint *endpoint, const char *want)
{
    char text[MARU_ENDPOINT_TEXT_MAX];
    int len = maru_endpoint_text(endpoint, text, sizeof text);
    cr_assert_eq(len, (int)strlen(want), "%s: %s", want, maru_err_name(len));
    cr_assert_str_eq(text, want);
    cr_assert_eq(maru_endpoint_text(endpoint, text, strlen(want) + 1), len);
    for (size_t size = 0; size <= strlen(want); size++)
        cr_assert_eq(maru_endpoint_text(endpoint, text, size), -ENOSPC, "%s in %zu", want, size);
}

Test(endpoint, numeric_addresses_go_there_and_back, .timeout = 30)
{
    maru_endpoint endpoint;
    cr_assert_eq(maru_endpoint_ip("127.0.0.1", 80, &endpoint), 0);
    cr_assert_eq(endpoint.len, sizeof(struct sockaddr_in));
    cr_assert_eq(maru_endpoint_port(&endpoint), 80);
    becomes(&endpoint, "127.0.0.1:80");
    cr_assert_eq(maru_endpoint_ip("::1", 65535, &endpoint), 0);
    cr_assert_eq(endpoint.len, sizeof(struct sockaddr_in6));
    cr_assert_eq(maru_endpoint_port(&endpoint), 65535);
    becomes(&endpoint, "[::1]:65535");
}

Test(endpoint, what_is_no_address_changes_nothing, .timeout = 30)
{
    maru_endpoint endpoint = { .len = 7 };
    char text[8], path[200];
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = '\0';
    cr_assert_eq(maru_endpoint_ip("localhost", 80, &endpoint), -EINVAL);
    cr_assert_eq(maru_endpoint_ip(NULL, 80, &endpoint), -EINVAL);
    cr_assert_eq(maru_endpoint_ip("::1", 80, NULL), -EINVAL);
    cr_assert_eq(maru_endpoint_unix(NULL, &endpoint), -EINVAL);
    cr_assert_eq(maru_endpoint_unix("", &endpoint), -EINVAL);
    cr_assert_eq(maru_endpoint_unix("@a", NULL), -EINVAL);
    cr_assert_eq(maru_endpoint_unix(path, &endpoint), -ENAMETOOLONG);
    cr_assert_eq(endpoint.len, 7);
    endpoint = (maru_endpoint){ .len = 0 };
    cr_assert_eq(maru_endpoint_text(&endpoint, text, sizeof text), -EAFNOSUPPORT);
    cr_assert_eq(maru_endpoint_text(NULL, text, sizeof text), -EINVAL);
    cr_assert_eq(maru_endpoint_text(&endpoint, NULL, sizeof text), -EINVAL);
    cr_assert_eq(maru_endpoint_port(NULL), -EINVAL);
    cr_assert_eq(maru_endpoint_port(&endpoint), -EAFNOSUPPORT);
}

Test(endpoint, unix_names_go_there_and_back, .timeout = 30)
{
    maru_endpoint endpoint;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
    cr_assert_eq(maru_endpoint_unix("/run/a socket", &endpoint), 0);
    cr_assert_eq(endpoint.any.sa_family, AF_UNIX);
    becomes(&endpoint, "/run/a\\x20socket");
    cr_assert_eq(maru_endpoint_unix("@name", &endpoint), 0);
    becomes(&endpoint, "@name");
    cr_assert_eq(maru_endpoint_unix("\\\xff", &endpoint), 0);
    becomes(&endpoint, "\\x5c\\xff");
    memset(path, '\x01', sizeof path);
    path[sizeof path - 1] = '\0';
    cr_assert_eq(maru_endpoint_unix(path, &endpoint), 0);
    char text[MARU_ENDPOINT_TEXT_MAX];
    cr_assert_eq(maru_endpoint_text(&endpoint, text, sizeof text), 4 * (int)strlen(path));
}

Test(endpoint, sockets_tell_both_of_their_ends, .timeout = 30)
{
    maru_endpoint endpoint = { .len = 7 }, listening, client;
    int fd = maru_listen_ip("127.0.0.1", 0, 1);
    cr_assert_eq(maru_local_endpoint(fd, &listening), 0);
    cr_assert_eq(maru_endpoint_port(&listening), maru_local_port(fd));
    cr_assert_eq(maru_peer_endpoint(fd, &endpoint), -ENOTCONN);
    int other = plain_connect(fd), served = accept(fd, NULL, NULL);
    cr_assert_eq(maru_local_endpoint(other, &client), 0);
    cr_assert_eq(maru_peer_endpoint(served, &endpoint), 0);
    cr_assert_eq(maru_endpoint_port(&endpoint), maru_endpoint_port(&client));
    cr_assert_eq(maru_peer_endpoint(other, &endpoint), 0);
    cr_assert_eq(maru_endpoint_port(&endpoint), maru_endpoint_port(&listening));
    cr_assert_eq(maru_local_endpoint(fd, NULL), -EINVAL);
    cr_assert_eq(maru_peer_endpoint(other, NULL), -EINVAL);
    close(served);
    close(other);
    close(fd);
    endpoint.len = 7;
    cr_assert_eq(maru_local_endpoint(fd, &endpoint), -EBADF);
    cr_assert_eq(maru_peer_endpoint(-1, &endpoint), -EBADF);
    cr_assert_eq(endpoint.len, 7);
    int fds[2];
    cr_assert_eq(maru_socket_pair(SOCK_STREAM, fds), 0);
    cr_assert_eq(maru_peer_endpoint(fds[0], &endpoint), 0);
    becomes(&endpoint, "");                     /* a pair has no names */
    cr_assert_eq(maru_endpoint_port(&endpoint), -EAFNOSUPPORT);
    close(fds[0]);
    close(fds[1]);
}
