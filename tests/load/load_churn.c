/* load_churn.c - a quarter of a million connections come and go: a connect, one message there and
 * back, and a close; by the server, by the client, or a reset, in turn. */
#include "pair.h"

#include <string.h>
#include <sys/socket.h>

enum { CONNECTIONS = 250000, QUICK_CONNECTIONS = 50000, CLIENTS = 128, MESSAGE = 16 };

#define LIMIT (60 * MARU_SEC)                   /* of one step of a client: it hangs */

static struct {
    uint64_t next, done;
} shared;

/* Every other one is reset, so that not all of them stay behind in TIME_WAIT. */
static const char modes[] = { PAIR_SERVER_CLOSES, 'R', 'C', 'R' };

struct client {
    maru_frame frame;
    const struct pair *pair;
    uint64_t number;
    int fd;
    size_t have;
    struct sockaddr_storage to;
    maru_op io;
    maru_timeout limit;
    unsigned char out[MESSAGE], in[MESSAGE];
};

static void fill(struct client *me)
{
    me->out[0] = (unsigned char)modes[me->number % sizeof modes];
    memset(me->out + 1, 0, MESSAGE - 1);
    memcpy(me->out + 1, &me->number, sizeof me->number);
    memset(me->in, 0xff, MESSAGE);
}

static maru_future *connecting(struct client *me)
{
    socklen_t len = pair_address(me->pair, (unsigned)me->number, &me->to);
    return maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to, len);
}

/* One connection after the other, until there are none left to make. */
maru_async(client)
{
    maru_result n;
    me->fd = -1;
    while ((me->number = atomic_add_rlx(&shared.next, 1u)) < me->pair->connections) {
        fill(me);
        maru_check(me->fd = maru_socket(AF_INET));
        maru_try(maru_within(&me->limit, LIMIT, connecting(me)));
        maru_try(maru_within(&me->limit, LIMIT,
                             maru_send_all(&me->io, me->fd, me->out, MESSAGE)));
        for (me->have = 0; me->have < MESSAGE; me->have += (size_t)n) {
            maru_try(n, maru_within(&me->limit, LIMIT,
                                    maru_recv(&me->io, me->fd, me->in + me->have,
                                              MESSAGE - me->have)));
            if (n == 0)
                maru_return(-ECONNRESET);
        }
        if (memcmp(me->in, me->out, MESSAGE) != 0)
            maru_return(-EBADMSG);
        if (me->out[0] == PAIR_SERVER_CLOSES) {
            maru_try(n, maru_within(&me->limit, LIMIT, maru_recv(&me->io, me->fd, me->in, 1)));
            if (n != 0)
                maru_return(-EBADMSG);
        }
        if (me->out[0] == 'R')
            (void)setsockopt(me->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
                             sizeof(struct linger));        /* a wish */
        maru_try(maru_close(&me->io, me->fd));
        me->fd = -1;
        atomic_add_rlx(&shared.done, 1u);
    }
maru_finally:
    if (me->fd >= 0)
        maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct clients {
    maru_frame frame;
    const struct pair *pair;
    maru_scope scope;
};

maru_async(clients)
{
    for (int i = 0; i < CLIENTS; i++)
        maru_check(maru_scope_spawn(&me->scope, client, .pair = me->pair));
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

static void run_clients(const struct pair *pair, maru_runtime *runtime, struct pair_result *result)
{
    int64_t began = maru_now();
    maru_result rc = maru_block_on(runtime, clients, .pair = pair);
    load_check(pair->load, rc == 0, "a client: %s", maru_err_name(rc));
    load_check(pair->load, load_metrics(runtime).stale_fds == 0, "numbers were handed out twice");
    result->connections = shared.done;
    result->seconds = (double)(maru_now() - began) / 1e9;
}

int main(int argc, char **argv)
{
    struct load load;
    struct pair_result result;
    if (!load_begin(&load, "churn", argc, argv))
        return 2;
    struct pair pair = { .load = &load,
                         .connections = load.quick ? QUICK_CONNECTIONS : CONNECTIONS };
    (void)load_room(CLIENTS);
    if (pair_run(&pair, run_clients, &result)) {
        load_check(&load, result.connections == pair.connections, "%llu came and went",
                   (unsigned long long)result.connections);
        load_figure(&load, "%llu connections came and went in %.1f s, %.0f a second",
                    (unsigned long long)result.connections, result.seconds,
                    (double)result.connections / result.seconds);
    }
    return load_end(&load);
}
