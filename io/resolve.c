/* resolve.c - looking up names: getaddrinfo on the blocking pool, numbers on the spot.
 *
 * The pool works on a copy of the names, so a lookup that hangs holds nobody up: when it comes back
 * at last, its list is dropped by the thread that made it. */
#include "maru/resolve.h"

#include "maru/err.h"
#include "runtime/base/alloc.h"
#include "runtime/base/check.h"

#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

struct entry {
    struct sockaddr_storage address;
    socklen_t len;
};

struct maru_addresses {
    struct alloc alloc;          /* a gate of its own, for it may outlive every runtime */
    size_t count;
    struct entry entries[];
};

static size_t list_bytes(size_t count)
{
    return sizeof(maru_addresses) + count * sizeof(struct entry);
}

static maru_addresses *list_new(size_t count)
{
    struct alloc alloc = { 0 };
    maru_addresses *list = alloc_get_zeroed(&alloc, list_bytes(count), sizeof(void *));
    if (!list)
        return NULL;
    list->alloc = alloc;
    list->count = count;
    return list;
}

void maru_addresses_free(maru_addresses *addresses)
{
    if (!addresses)
        return;
    struct alloc alloc = addresses->alloc;
    alloc_put(&alloc, addresses, list_bytes(addresses->count), sizeof(void *));
}

size_t maru_addresses_count(const maru_addresses *addresses)
{
    return addresses ? addresses->count : 0;
}

const struct sockaddr *maru_addresses_at(const maru_addresses *addresses, size_t index,
                                         socklen_t *ret_len)
{
    if (index >= maru_addresses_count(addresses))
        return NULL;
    const struct entry *entry = &addresses->entries[index];
    if (ret_len)
        *ret_len = entry->len;
    return (const struct sockaddr *)&entry->address;
}

/* ---- on the pool ---- */

static int error_of(int code)
{
    switch (code) {
    case EAI_NONAME:
#ifdef EAI_NODATA                               /* GNU's: it has no address, or none of a kind */
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
#endif
        return -MARU_EHOST;
    case EAI_SERVICE:
        return -MARU_ESERVICE;
    case EAI_AGAIN:
        return -MARU_EHOSTLATER;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_FAMILY:
        return -EAFNOSUPPORT;
    case EAI_SOCKTYPE:
        return -ESOCKTNOSUPPORT;
    case EAI_OVERFLOW:
        return -EOVERFLOW;
    case EAI_SYSTEM:
        return errno > 0 ? -errno : -MARU_EHOSTFAIL;
    default:                                    /* EAI_FAIL, and what other systems know */
        return -MARU_EHOSTFAIL;
    }
}

static bool fits(const struct addrinfo *info)
{
    return info->ai_addr && info->ai_addrlen <= sizeof(struct sockaddr_storage);
}

static maru_addresses *list_of(const struct addrinfo *found)
{
    size_t count = 0, at = 0;
    for (const struct addrinfo *info = found; info; info = info->ai_next)
        count += fits(info);
    maru_addresses *list = list_new(count);
    for (const struct addrinfo *info = found; info && list; info = info->ai_next) {
        if (!fits(info))
            continue;
        memcpy(&list->entries[at].address, info->ai_addr, info->ai_addrlen);
        list->entries[at++].len = info->ai_addrlen;
    }
    return list;
}

static maru_result look_up(void *arg)
{
    struct maru_lookup_ *lookup = arg;
    const struct addrinfo wanted = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int code = getaddrinfo(lookup->host_, lookup->port_[0] ? lookup->port_ : NULL, &wanted, &found);
    if (code != 0)
        return error_of(code);
    lookup->found_ = list_of(found);
    freeaddrinfo(found);
    if (!lookup->found_)
        return -ENOMEM;
    if (lookup->found_->count > 0)
        return (maru_result)lookup->found_->count;
    maru_addresses_free(lookup->found_);
    lookup->found_ = NULL;
    return -MARU_EHOST;
}

static void drop(void *arg)
{
    struct maru_lookup_ *lookup = arg;
    maru_addresses_free(lookup->found_);
}

/* ---- on the spot ---- */

/* The port as a number; 0 also for a name, which is the system's to know. Out of range, or with a
 * sign: the system would take it modulo 65,536. */
static int parse_port(const char *port, bool *ret_is_name)
{
    enum { PORTS = 65536 };
    int number = 0;
    *ret_is_name = false;
    for (const char *at = port; *at; at++) {
        if (*at < '0' || *at > '9') {
            *ret_is_name = isalnum((unsigned char)port[0]);
            return *ret_is_name ? 0 : -MARU_ESERVICE;
        }
        number = number * 10 + (*at - '0');
        if (number >= PORTS)
            return -MARU_ESERVICE;
    }
    return number;
}

/* 0: there is a name to be looked up. */
static maru_result look_at(struct maru_lookup_ *lookup)
{
    struct sockaddr_storage address;
    bool is_name;
    int port = parse_port(lookup->port_, &is_name);
    if (port < 0 || is_name)
        return port;
    int len = maru_address(lookup->host_, (uint16_t)port, &address);
    if (len < 0)
        return 0;
    lookup->found_ = list_new(1);
    if (!lookup->found_)
        return -ENOMEM;
    lookup->found_->entries[0] = (struct entry){ address, (socklen_t)len };
    return 1;
}

/* ---- waiting ---- */

static maru_result first_poll(maru_resolver *resolver, maru_context *cx)
{
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    maru_result count = look_at(&resolver->lookup_);
    if (count != 0)
        return count;
    maru_future *job = maru_blocking_copy(&resolver->job_, look_up, drop, &resolver->lookup_,
                                          sizeof resolver->lookup_);
    resolver->is_looking_ = true;
    return maru_future_poll(job, cx);
}

static maru_result resolve_poll(maru_future *self, maru_context *cx)
{
    maru_resolver *resolver = (maru_resolver *)(void *)self;
    maru_result count = resolver->is_looking_
                            ? maru_future_poll(&resolver->job_.leaf_.future, cx)
                            : first_poll(resolver, cx);
    if (count < 0)                              /* MARU_PENDING among them */
        return count;
    if (cx->ending != MARU_GO) {                /* given back: it can be looked up again */
        maru_addresses_free(resolver->lookup_.found_);
        return -ECANCELED;
    }
    *resolver->ret_ = resolver->lookup_.found_;
    return count;
}

static const maru_future_type resolve_type = { resolve_poll, "resolve" };

static int copy_name(char *to, const char *name, size_t max)
{
    size_t len = strnlen(name, max + 1);
    if (len > max)
        return -ENAMETOOLONG;
    memcpy(to, name, len);
    to[len] = '\0';
    return 0;
}

maru_future *maru_resolve(maru_resolver *resolver, const char *host, const char *port,
                          maru_addresses **ret_addresses)
{
    if (!resolver)
        return NULL;
    maru_future *self = maru_future_init(&resolver->future_, &resolve_type);
    resolver->is_looking_ = false;
    resolver->lookup_.found_ = NULL;
    resolver->ret_ = ret_addresses;
    /* The job is in flight only while the resolver is, which has just been found not to be. */
    resolver->job_.leaf_.future = (maru_future){ .flags_ = 0 };
    if (!host || !ret_addresses)
        return maru_future_ready(self, -EINVAL);
    int rc = copy_name(resolver->lookup_.host_, host, MARU_HOST_MAX);
    if (rc == 0)
        rc = copy_name(resolver->lookup_.port_, port ? port : "", MARU_PORT_MAX);
    return rc < 0 ? maru_future_ready(self, rc) : self;
}
