/* endpoint.h - endpoints: the address of one end of a connection, or of who sends datagrams, of any
 * family. `any` and `len` are what the calls of the system want. */
#ifndef MARU_ENDPOINT_H
#define MARU_ENDPOINT_H

#include "future.h"

#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct maru_endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
    };
    socklen_t len;
} maru_endpoint;

/* Bytes that the text of every endpoint fits in, its zero byte included: a Unix path of 108 bytes
 * that all need four bytes as text. */
#define MARU_ENDPOINT_TEXT_MAX 448

/* A numeric address and a port: "127.0.0.1", "::1", "0.0.0.0".
 * Threads: any thread.
 * Returns 0 and sets *ret_endpoint. Errors: -EINVAL `ip` is not a numeric address, or NULL. */
int maru_endpoint_ip(const char *ip, uint16_t port, maru_endpoint *ret_endpoint) MARU_MUST_USE;

/* A Unix socket's path, or a name without a file (abstract) if it begins with '@'. Binding makes
 * the file of a path; it stays until somebody unlinks it.
 * Threads: any thread.
 * Returns 0 and sets *ret_endpoint. Errors: -EINVAL path is NULL or empty; -ENAMETOOLONG. */
int maru_endpoint_unix(const char *path, maru_endpoint *ret_endpoint) MARU_MUST_USE;

/* Writes it as text: "127.0.0.1:80", "[::1]:80", "/run/socket", "@name"; what is no ASCII letter
 * in a Unix name as "\xff"; an unnamed Unix socket is "". Ends with a zero byte.
 * Threads: any thread.
 * Returns the length of the text. Errors: -EINVAL a NULL argument; -EAFNOSUPPORT another family;
 * -ENOSPC `size` is too small. */
int maru_endpoint_text(const maru_endpoint *endpoint, char *text, size_t size);

/* Its port.
 * Threads: any thread.
 * Returns the port. Errors: -EINVAL endpoint is NULL; -EAFNOSUPPORT it has none. */
int maru_endpoint_port(const maru_endpoint *endpoint) MARU_MUST_USE;

/* What a socket is bound to.
 * Threads: any thread.
 * Returns 0 and sets *ret_endpoint. Errors: -EINVAL NULL; what getsockname(2) says. */
int maru_local_endpoint(int fd, maru_endpoint *ret_endpoint) MARU_MUST_USE;

/* Whom a socket is connected to; of an accepted one: the client.
 * Threads: any thread.
 * Returns 0 and sets *ret_endpoint. Errors: -EINVAL NULL; -ENOTCONN; what getpeername(2) says. */
int maru_peer_endpoint(int fd, maru_endpoint *ret_endpoint) MARU_MUST_USE;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
