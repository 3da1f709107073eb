/* load_echo.c - ten thousand connections echo at once, each message another length, each byte
 * checked. None may be lost, none wrong. */
#include "pair.h"

#include "runtime/base/rng.h"

#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 10000, CONNECTING_MOST = 1000, MESSAGE_MOST = 512 };

#define LIMIT (60 * MARU_SEC)                   /* of one step of a client: it hangs */

static struct {
    uint64_t connected, failed, wrong, messages, bytes;
    int64_t deadline;            /* INT64_MAX until all are connected */
} shared;

struct client {
    maru_frame frame;
    uint32_t number;
    struct sockaddr_storage to;
    socklen_t to_len;
    int fd;
    size_t len, have;
    uint64_t messages, bytes;
    struct rng rng;
    maru_op io;
    maru_timeout limit;
    unsigned char out[MESSAGE_MOST], in[MESSAGE_MOST];
};

/* Never the byte that makes the server close: its high bit is set. */
static void fill(struct client *me)
{
    me->len = 1 + rng_below(&me->rng, MESSAGE_MOST);
    for (size_t i = 0; i < me->len; i++)
        me->out[i] = (unsigned char)(0x80 | rng_next(&me->rng) >> 57);
}

static bool is_right(const struct client *me)
{
    for (size_t i = 0; i < me->len; i++)
        if (me->in[i] != me->out[i])
            return false;
    return true;
}

static maru_future *connecting(struct client *me)
{
    return maru_connect(&me->io, me->fd, (struct sockaddr *)&me->to, me->to_len);
}

maru_async(client)
{
    maru_result n;
    me->rng.state = me->number;
    maru_check(me->fd = maru_socket(AF_INET));
    maru_try(maru_within(&me->limit, LIMIT, connecting(me)));
    atomic_add_ar(&shared.connected, 1u);       /* pairs with clients' load */
    while (maru_now() < atomic_load_acq(&shared.deadline)) {        /* pairs with clients' store */
        fill(me);
        maru_try(maru_within(&me->limit, LIMIT,
                             maru_send_all(&me->io, me->fd, me->out, me->len)));
        for (me->have = 0; me->have < me->len; me->have += (size_t)n) {
            maru_try(n, maru_within(&me->limit, LIMIT,
                                    maru_recv(&me->io, me->fd, me->in + me->have,
                                              me->len - me->have)));
            if (n == 0)
                maru_return(-ECONNRESET);
        }
        if (!is_right(me))
            maru_return(-EBADMSG);
        me->messages++;
        me->bytes += me->len;
    }
    maru_try(maru_shutdown(&me->io, me->fd, SHUT_WR));
    maru_try(n, maru_within(&me->limit, LIMIT, maru_recv(&me->io, me->fd, me->in, 1)));
    maru_return(n == 0 ? 0 : -EBADMSG);         /* a byte too many */
maru_finally:
    atomic_add_rlx(&shared.messages, me->messages);
    atomic_add_rlx(&shared.bytes, me->bytes);
    if (me->fd >= 0)
        maru_await(maru_close(&me->io, me->fd));
}
maru_end;

static void count_error(void *unused, maru_result error)
{
    (void)unused;
    atomic_add_rlx(error == -EBADMSG ? &shared.wrong : &shared.failed, 1u);
    if (atomic_load_rlx(&shared.failed) + atomic_load_rlx(&shared.wrong) < 5)
        printf("FAILED a client: %s\n", maru_err_name(error));
}

struct clients {
    maru_frame frame;
    const struct pair *pair;
    int64_t began, all_connected;
    uint32_t started;
    maru_sleep nap;
    maru_scope scope;
    struct pair_result *result;
};

static uint64_t settled(void)
{
    return atomic_load_acq(&shared.connected) + atomic_load_acq(&shared.failed);   /* with client */
}

maru_async(clients)
{
    me->began = maru_now();
    maru_scope_init(&me->scope, MARU_SCOPE_EACH);
    maru_scope_on_error(&me->scope, count_error, NULL);
    for (; me->started < me->pair->connections; me->started++) {
        struct sockaddr_storage to;
        while (me->started > settled() + CONNECTING_MOST)
            maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
        socklen_t len = pair_address(me->pair, 0, &to);
        maru_check(maru_scope_spawn(&me->scope, client, .number = me->started, .to = to,
                                    .to_len = len));
    }
    while (settled() < me->pair->connections)
        maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    me->all_connected = maru_now();
    atomic_store_rel(&shared.deadline, me->all_connected +          /* pairs with client's load */
                                           (me->pair->load->quick ? 4 : 30) * MARU_SEC);
    maru_try(maru_scope_wait(&me->scope));
    me->result->connect_seconds = (double)(me->all_connected - me->began) / 1e9;
    me->result->seconds = (double)(maru_now() - me->all_connected) / 1e9;
}
maru_end;

static void run_clients(const struct pair *pair, maru_runtime *runtime, struct pair_result *result)
{
    shared.deadline = INT64_MAX;
    maru_result rc = maru_block_on(runtime, clients, .pair = pair, .result = result);
    load_check(pair->load, rc == 0, "%s", maru_err_name(rc));
    load_check(pair->load, load_metrics(runtime).stale_fds == 0, "numbers were handed out twice");
    result->connections = shared.connected;
    result->failed = shared.failed;
    result->wrong = shared.wrong;
    result->messages = shared.messages;
    result->bytes = shared.bytes;
}

int main(int argc, char **argv)
{
    struct load load;
    struct pair_result result;
    if (!load_begin(&load, "echo", argc, argv))
        return 2;
    struct pair pair = { .load = &load, .connections = load_room(CONNECTIONS) };
    if (pair.connections < CONNECTIONS)
        load_skip(&load, "%d connections: the hard limit of descriptors leaves room for %u",
                  CONNECTIONS, pair.connections);
    if (pair_run(&pair, run_clients, &result)) {
        load_check(&load, result.connections == pair.connections, "%llu connected",
                   (unsigned long long)result.connections);
        load_check(&load, result.failed == 0, "%llu failed", (unsigned long long)result.failed);
        load_check(&load, result.wrong == 0, "%llu got wrong bytes",
                   (unsigned long long)result.wrong);
        load_figure(&load,
                    "%llu connections in %.2f s, then for %.1f s %.0f messages/s, %.1f MB/s each "
                    "way, %llu failed, %llu with wrong bytes",
                    (unsigned long long)result.connections, result.connect_seconds, result.seconds,
                    (double)result.messages / result.seconds,
                    (double)result.bytes / result.seconds / 1e6,
                    (unsigned long long)result.failed, (unsigned long long)result.wrong);
    }
    return load_end(&load);
}
