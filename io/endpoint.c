/* endpoint.c - addresses of sockets: from text, to text, from a socket. */
#include "maru/endpoint.h"

#include "maru/err.h"
#include "maru/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

/* ---- from text ---- */

int maru_endpoint_ip(const char *ip, uint16_t port, maru_endpoint *ret_endpoint)
{
    struct sockaddr_storage address;
    int len = ret_endpoint ? maru_address(ip, port, &address) : -EINVAL;
    if (len < 0)
        return len;
    ret_endpoint->storage = address;
    ret_endpoint->len = (socklen_t)len;
    return 0;
}

/* The zero byte behind a path is not needed; the one before an abstract name is. */
int maru_endpoint_unix(const char *path, maru_endpoint *ret_endpoint)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (!path || !*path || !ret_endpoint)
        return -EINVAL;
    size_t len = strlen(path);
    if (len > sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    memset(&ret_endpoint->storage, 0, sizeof ret_endpoint->storage);
    memcpy(&ret_endpoint->storage, &address, sizeof address);
    ret_endpoint->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

/* ---- to text ---- */

static int finish(int len, size_t size)
{
    return len >= 0 && (size_t)len < size ? len : -ENOSPC;
}

static int text_of_ip(const maru_endpoint *endpoint, char *text, size_t size)
{
    char ip[INET6_ADDRSTRLEN];
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (endpoint->any.sa_family == AF_INET) {
        memcpy(&v4, &endpoint->storage, sizeof v4);
        (void)inet_ntop(AF_INET, &v4.sin_addr, ip, sizeof ip);      /* there is room */
        return finish(snprintf(text, size, "%s:%u", ip, ntohs(v4.sin_port)), size);
    }
    memcpy(&v6, &endpoint->storage, sizeof v6);
    (void)inet_ntop(AF_INET6, &v6.sin6_addr, ip, sizeof ip);        /* there is room */
    return finish(snprintf(text, size, "[%s]:%u", ip, ntohs(v6.sin6_port)), size);
}

static int text_of_unix(const maru_endpoint *endpoint, char *text, size_t size)
{
    struct sockaddr_un address;
    const size_t begin = offsetof(struct sockaddr_un, sun_path);
    memcpy(&address, &endpoint->storage, sizeof address);
    size_t len = endpoint->len > begin ? endpoint->len - begin : 0, have = 0;
    if (len > sizeof address.sun_path)
        len = sizeof address.sun_path;
    if (len > 0 && address.sun_path[0] == '\0')
        address.sun_path[0] = '@';
    else
        len = strnlen(address.sun_path, len);
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)address.sun_path[i];
        const char *format = byte > ' ' && byte < 127 && byte != '\\' ? "%c" : "\\x%02x";
        int n = finish(snprintf(text + have, size - have, format, byte), size - have);
        if (n < 0)
            return n;
        have += (size_t)n;
    }
    text[have] = '\0';
    return (int)have;
}

static int whole_text(const maru_endpoint *endpoint, char text[MARU_ENDPOINT_TEXT_MAX])
{
    switch (endpoint->len < sizeof endpoint->any.sa_family ? AF_UNSPEC : endpoint->any.sa_family) {
    case AF_INET:
    case AF_INET6:
        return text_of_ip(endpoint, text, MARU_ENDPOINT_TEXT_MAX);
    case AF_UNIX:
        return text_of_unix(endpoint, text, MARU_ENDPOINT_TEXT_MAX);
    default:
        return -EAFNOSUPPORT;
    }
}

int maru_endpoint_text(const maru_endpoint *endpoint, char *text, size_t size)
{
    char whole[MARU_ENDPOINT_TEXT_MAX];
    if (!endpoint || !text)
        return -EINVAL;
    int len = whole_text(endpoint, whole);
    if (len >= 0 && (size_t)len >= size)
        return -ENOSPC;
    if (len >= 0)
        memcpy(text, whole, (size_t)len + 1);
    return len;
}

int maru_endpoint_port(const maru_endpoint *endpoint)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (!endpoint)
        return -EINVAL;
    if (endpoint->any.sa_family == AF_INET) {
        memcpy(&v4, &endpoint->storage, sizeof v4);
        return ntohs(v4.sin_port);
    }
    if (endpoint->any.sa_family != AF_INET6)
        return -EAFNOSUPPORT;
    memcpy(&v6, &endpoint->storage, sizeof v6);
    return ntohs(v6.sin6_port);
}

/* ---- from a socket ---- */

static int ask(int (*call)(int, struct sockaddr *, socklen_t *), int fd,
               maru_endpoint *ret_endpoint)
{
    maru_endpoint endpoint = { .len = sizeof endpoint.storage };
    if (!ret_endpoint)
        return -EINVAL;
    if (call(fd, &endpoint.any, &endpoint.len) < 0)
        return -errno;
    *ret_endpoint = endpoint;
    return 0;
}

int maru_local_endpoint(int fd, maru_endpoint *ret_endpoint)
{
    return ask(getsockname, fd, ret_endpoint);
}

int maru_peer_endpoint(int fd, maru_endpoint *ret_endpoint)
{
    return ask(getpeername, fd, ret_endpoint);
}
