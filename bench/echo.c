/* echo.c - what a message costs the server: the server's phase alone, on one CPU.
 *
 * The client and the server take turns on one thread (echo_phase.h). Maru's side is a
 * single-thread runtime with an echo task a connection and one task that waits until the round's
 * messages have been echoed; the limit is plain C's best loop, in the same process. */
#include <maru.h>
#include <stdlib.h>

#include "bench.h"
#include "echo_phase.h"
#include "stopwatch.h"

/* How many messages are still to come in this round, and who waits for them. */
struct round {
    uint64_t missing;
    bool waited_for;
    maru_leaf *waiter;
};

struct echo { maru_frame frame; int fd; struct round *round; maru_op io; char buf[8192]; };

static void count_message(struct round *round)
{
    if (--round->missing > 0 || !round->waited_for)
        return;
    round->waited_for = false;
    maru_leaf_complete(round->waiter);
}

maru_async(echo)
{
    maru_result n;
    for (;;) {
        maru_try(n, maru_recv(&me->io, me->fd, me->buf, sizeof me->buf));
        if (n == 0)
            break;
        maru_try(maru_send_all(&me->io, me->fd, me->buf, (size_t)n));
        count_message(me->round);
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

/* A hand-written future: the end of the round. */
struct round_end { maru_leaf leaf; struct round *round; };

static maru_result round_end_poll(maru_future *self, maru_context *cx)
{
    struct round_end *end = (struct round_end *)(void *)self;
    if (end->round->missing == 0)
        return 0;
    if (cx->ending != MARU_GO) {
        end->round->waited_for = false;
        return -ECANCELED;
    }
    if (!end->round->waited_for) {
        maru_leaf_wait(&end->leaf, cx);
        end->round->waiter = &end->leaf;
        end->round->waited_for = true;
    }
    return MARU_PENDING;
}

static const maru_future_type round_end_type = { round_end_poll, "round_end" };

struct serve { maru_frame frame; struct round *round; struct round_end end; };

maru_async(serve)
{
    me->end.round = me->round;
    maru_try(maru_future_init(&me->end.leaf.future, &round_end_type));
}
maru_end;

/* ---- the server of echo_phase.h ---- */

struct server {
    maru_runtime *runtime;
    struct round round;
};

struct start { maru_frame frame; const int *fds; size_t count; struct round *round; };

maru_async(start)
{
    for (size_t i = 0; i < me->count; i++) {
        maru_task *task = maru_spawn(echo, .fd = me->fds[i], .round = me->round);
        if (!task)
            maru_return(-ENOMEM);
        maru_detach(task);
    }
}
maru_end;

static int server_create(const int *fds, size_t count, void **ret_server)
{
    struct server *server = calloc(1, sizeof *server);
    maru_options options;
    if (!server)
        return -ENOMEM;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    int rc = maru_runtime_new(&options, &server->runtime);
    if (rc == 0)
        rc = (int)maru_block_on(server->runtime, start, .fds = fds, .count = count,
                                .round = &server->round);
    *ret_server = server;
    return rc;
}

static int64_t server_serve(void *state, uint64_t messages)
{
    struct server *server = state;
    server->round.missing = messages;
    int64_t begin = stopwatch_ns();
    maru_result rc = maru_block_on(server->runtime, serve, .round = &server->round);
    return rc < 0 ? rc : stopwatch_ns() - begin;
}

static void server_destroy(void *state)
{
    struct server *server = state;
    int rc = maru_runtime_free(server->runtime);
    if (rc < 0)
        bench_fail("the runtime cannot be freed: %s", maru_err_name(rc));
    free(server);
}

static const struct echo_phase_server maru_server = { "maru", server_create, server_serve,
                                                      server_destroy };

/* ---- rows ---- */

static const struct bench_impl impls[] = {
    { .name = "maru", .argument = &maru_server, .setup = echo_phase_setup,
      .sample = echo_phase_sample, .teardown = echo_phase_teardown },
    { .name = "plain-c", .argument = &echo_phase_plain_c, .setup = echo_phase_setup,
      .sample = echo_phase_sample, .teardown = echo_phase_teardown, .is_limit = true },
};

static const struct echo_phase_config ready_1 = { .ready = 1 }, ready_16 = { .ready = 16 },
                                      ready_64 = { .ready = 64 }, ready_512 = { .ready = 512 };

#define ROW(row, config, messages)                                                              \
    { .name = row, .unit = "ns", .units_per_round = (messages), .argument = &(config),          \
      .impls = impls, .impl_count = 2 }

static const struct bench_row rows[] = {
    ROW("ready_1", ready_1, 1),
    ROW("ready_16", ready_16, 16),
    ROW("ready_64", ready_64, 64),
    ROW("ready_512", ready_512, 512),
};

static const struct bench_suite suite = {
    .name = "echo",
    .question = "What does an echoed message cost the server, beside the best loop in plain C?",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

int main(int argc, char **argv)
{
    return bench_main(&suite, argc, argv);
}
