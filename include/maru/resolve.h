/* resolve.h - names of hosts: looking them up, connecting to one, listening on one.
 *
 * Lookups run on the blocking pool, through the system's getaddrinfo; a numeric host with a
 * numeric port needs no lookup and never touches the pool. A lookup that is cancelled while it
 * runs is left to its thread, and nobody waits for it. */
#ifndef MARU_RESOLVE_H
#define MARU_RESOLVE_H

#include "blocking.h"
#include "net.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The longest host is a full domain name, or a numeric address with its interface; the longest
 * port is the name of a service. */
#define MARU_HOST_MAX 255
#define MARU_PORT_MAX 31

/* Addresses in the order in which they are to be tried. Opaque; nothing changes in it. */
typedef struct maru_addresses maru_addresses;

/* How many there are; 0 for NULL.
 * Threads: any thread. */
size_t maru_addresses_count(const maru_addresses *addresses);

/* One of them, for maru_connect and its like; valid as long as the list. NULL, and *ret_len is left
 * alone: there are not so many.
 * Threads: any thread. */
const struct sockaddr *maru_addresses_at(const maru_addresses *addresses, size_t index,
                                         socklen_t *ret_len);

/* Gives the list back. NULL is fine.
 * Threads: one thread at a time, nobody else uses it; with or without a runtime. */
void maru_addresses_free(maru_addresses *addresses);

/* A lookup in a frame. */
typedef struct maru_resolver {
    maru_future future_;
    maru_blocking_job job_;
    struct maru_lookup_ {        /* what the pool works on a copy of */
        maru_addresses *found_;
        char host_[MARU_HOST_MAX + 1];
        char port_[MARU_PORT_MAX + 1];
    } lookup_;
    maru_addresses **ret_;
    bool is_looking_;
} maru_resolver;

/* Looks up the addresses of `host`, with `port`: a name or a number each. Port NULL: 0. The strings
 * are copied here. *ret_addresses is the caller's, who frees it; it is set if and only if the
 * result is not negative. Cancelled, or a loser of a select, it gives -ECANCELED and nothing else.
 * Threads: start function, task only.
 * Result: how many addresses there are, at least 1. Errors: -MARU_EHOST the host is not known;
 * -MARU_ESERVICE the port is not; -MARU_EHOSTLATER no answer, try later; -MARU_EHOSTFAIL the name
 * service has failed; -EINVAL host or ret_addresses is NULL; -ENAMETOOLONG; -ENOMEM; -EAGAIN no
 * thread to look it up; what the system says. */
maru_future *maru_resolve(maru_resolver *resolver, const char *host, const char *port,
                          maru_addresses **ret_addresses) MARU_MUST_USE;

/* Making a connection to a host by name: an async function's frame. */
typedef struct maru_dialer {
    maru_frame frame;
    maru_resolver resolver_;
    maru_addresses *found_;
    size_t next_;
    maru_op io_;
    int fd_;
    int error_;                  /* of the first address that failed */
} maru_dialer;

/* Looks up host and port, and connects a stream socket to its addresses, one after the other until
 * one answers. The strings are copied here. How long one may take is the system's word, minutes
 * perhaps: put a maru_within round it. Cancelled, it leaves no socket behind.
 * Threads: start function, task only.
 * Result: the connected descriptor, the caller's, for maru_close. Errors: those of maru_resolve;
 * -EINVAL also when port is NULL, for there is nobody at port 0; when every address has failed, the
 * first one's error, as maru_socket and maru_connect tell it. */
maru_future *maru_dial(maru_dialer *dialer, const char *host, const char *port) MARU_MUST_USE;

/* Listening on a host by name: an async function's frame. */
typedef struct maru_binder {
    maru_frame frame;
    maru_resolver resolver_;
    maru_addresses *found_;
    int backlog_;
} maru_binder;

/* Looks up host and port, and listens on the first of its addresses that can be had; "0.0.0.0" and
 * "::" are all of this machine's. The strings are copied here.
 * Threads: start function, task only.
 * Result: the listening descriptor, the caller's. Errors: those of maru_resolve; when every address
 * has failed, the first one's error, as maru_listen tells it. */
maru_future *maru_listen_host(maru_binder *binder, const char *host, const char *port,
                              int backlog) MARU_MUST_USE;

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
