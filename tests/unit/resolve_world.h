/* resolve_world.h - a name service of our own: names that end in .test are answered here, all
 * others by the system. It stands in the program, before the system's, so that lookups that fail,
 * hang or bring several addresses need no network.
 *
 *     NAME.test       fails with the code of that name, as EAI_AGAIN.test
 *     hangs.test      127.0.0.1, once `service.gate` is open
 *     A+B.test        the numeric addresses A and B, in this order
 *     localhost       127.0.0.1, where the system does not know it */
#ifndef MARU_TESTS_RESOLVE_WORLD_H
#define MARU_TESTS_RESOLVE_WORLD_H

#include "tests/support/blocking_world.h"

#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

static struct {
    struct gate gate;
    uint32_t asked;              /* lookups that came here, of all names */
} service;

typedef int look_up_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static look_up_fn *system_look_up(void)
{
    look_up_fn *found;
    *(void **)&found = dlsym(RTLD_NEXT, "getaddrinfo");
    return found;
}

static int code_named(const char *host)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = {
        { "EAI_NONAME.test", EAI_NONAME },     { "EAI_NODATA.test", EAI_NODATA },
        { "EAI_SERVICE.test", EAI_SERVICE },   { "EAI_AGAIN.test", EAI_AGAIN },
        { "EAI_FAIL.test", EAI_FAIL },         { "EAI_MEMORY.test", EAI_MEMORY },
        { "EAI_FAMILY.test", EAI_FAMILY },     { "EAI_SOCKTYPE.test", EAI_SOCKTYPE },
        { "EAI_OVERFLOW.test", EAI_OVERFLOW }, { "EAI_ADDRFAMILY.test", EAI_ADDRFAMILY },
        { "EAI_SYSTEM.test", EAI_SYSTEM },
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(host, codes[i].name) == 0)
            return codes[i].code;
    return 0;
}

static int look_up_all(char *numbers, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_found)
{
    struct addrinfo *first = NULL, **at = &first;
    char *rest = NULL;
    for (char *one = strtok_r(numbers, "+", &rest); one; one = strtok_r(NULL, "+", &rest)) {
        int code = system_look_up()(one, port, hints, at);
        if (code != 0) {
            if (first)
                freeaddrinfo(first);
            return code;
        }
        at = &(*at)->ai_next;
    }
    *ret_found = first;
    return 0;
}

/* The system's answer, or, on a machine without /etc/hosts, which would ask the network, the one
 * that it would give. */
static int look_up_localhost(const char *port, const struct addrinfo *hints,
                             struct addrinfo **ret_found)
{
    const char *host = access("/etc/hosts", R_OK) == 0 ? "localhost" : "127.0.0.1";
    return system_look_up()(host, port, hints, ret_found);
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **ret_found)
{
    char numbers[256];
    const char *end = host ? strstr(host, ".test") : NULL;
    atomic_add_sc(&service.asked, 1u);
    if (host && strcmp(host, "localhost") == 0)
        return look_up_localhost(port, hints, ret_found);
    if (!end || strlen(end) != strlen(".test"))
        return system_look_up()(host, port, hints, ret_found);
    int code = code_named(host);
    if (code == EAI_SYSTEM)
        errno = ENOENT;
    if (code != 0)
        return code;
    if (strcmp(host, "hangs.test") == 0) {
        (void)gate_pass(&service.gate);
        return system_look_up()("127.0.0.1", port, hints, ret_found);
    }
    snprintf(numbers, sizeof numbers, "%.*s", (int)(end - host), host);
    return look_up_all(numbers, port, hints, ret_found);
}

#endif
