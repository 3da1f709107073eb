/* pair.h - a load that has two ends: the server stays in this process, the clients run in a second
 * one, so that each has the descriptors of one end only. Both are Maru programs; each ends with its
 * own checks, and the server counts the other's as its own.
 *
 * The server is an echo: it sends back what it receives until the client ends its side, or until
 * it has sent back a piece that begins with PAIR_SERVER_CLOSES. */
#ifndef MARU_TESTS_LOAD_PAIR_H
#define MARU_TESTS_LOAD_PAIR_H

#include "load.h"

/* Ports run out when one address closes some 28,000 connections in a minute. */
enum { PAIR_ADDRESSES = 16 };

#define PAIR_SERVER_CLOSES 'S'

/* What the clients tell at their end. */
struct pair_result {
    uint64_t connections, failed, wrong, messages, bytes;
    double connect_seconds, seconds;
    unsigned passed, failed_checks;
};

struct pair {
    struct load *load;
    uint16_t ports[PAIR_ADDRESSES]; /* the server listens on 127.0.0.1, 127.0.0.2, ... */
    unsigned connections;
};

/* The clients' end: fills in what they did, and counts its own checks in pair->load. */
typedef void pair_clients(const struct pair *pair, maru_runtime *runtime,
                          struct pair_result *result);

/* Forks the clients, who call `clients` with a runtime of their own, and serves them. The clients'
 * result and what the server saw; false, and a failed check, if either side has not come through.
 * Before any runtime exists. */
bool pair_run(struct pair *pair, pair_clients *clients, struct pair_result *ret_result);

/* The address of the nth server. */
socklen_t pair_address(const struct pair *pair, unsigned nth, struct sockaddr_storage *ret_address);

#endif
