/* tasks.c - what a task costs: spawn, scope, yield, await.
 *
 * Every row runs on one worker, as a single-thread runtime and as a multi-thread one. Each
 * checks what it computed. */
#include <maru.h>

#include "bench.h"
#include "stopwatch.h"

enum { BATCH = 100, DEPTH_MAX = 64 };

struct job {
    maru_runtime *runtime;
    const struct bench_impl *impl;
};

/* ---- spawn a detached task and join it ---- */

struct one { maru_frame frame; };

maru_async(one)
{
    maru_return(1);
}
maru_end;

struct detached {
    maru_frame frame;
    uint64_t rounds, i, sum;
    int k;
    maru_task *tasks[BATCH];
    maru_join_wait join;
};

maru_async(detached)
{
    maru_result value;
    for (me->i = 0; me->i < me->rounds; me->i++) {
        for (int k = 0; k < BATCH; k++)
            if (!(me->tasks[k] = maru_spawn(one)))
                maru_return(-ENOMEM);
        for (me->k = 0; me->k < BATCH; me->k++) {
            maru_try(value, maru_join_task(&me->join, me->tasks[me->k]));
            me->sum += (uint64_t)value;
        }
    }
    maru_return((maru_result)me->sum);
}
maru_end;

/* ---- spawn children of a scope and wait for them ---- */

struct child_one { maru_frame frame; uint64_t *sum; };

maru_async(child_one)
{
    ++*me->sum;                         /* one worker: no two children at once */
}
maru_end;

struct scoped {
    maru_frame frame;
    uint64_t rounds, i, sum;
    maru_scope children;
};

maru_async(scoped)
{
    for (me->i = 0; me->i < me->rounds; me->i++) {
        for (int k = 0; k < BATCH; k++)
            maru_check(maru_scope_spawn(&me->children, child_one, .sum = &me->sum));
        maru_try(maru_scope_wait(&me->children));
    }
    maru_return((maru_result)me->sum);
}
maru_end;

/* ---- call a child frame by value ---- */

struct by_value { maru_frame frame; uint64_t rounds, i, sum; struct one child; };

maru_async(by_value)
{
    maru_result value;
    for (me->i = 0; me->i < me->rounds; me->i++) {
        maru_try(value, maru_call(one, &me->child));
        me->sum += (uint64_t)value;
    }
    maru_return((maru_result)me->sum);
}
maru_end;

/* ---- yield ---- */

struct yields { maru_frame frame; uint64_t rounds, i; maru_pause pause; };

maru_async(yields)
{
    for (me->i = 0; me->i < me->rounds; me->i++)
        maru_try(maru_yield(&me->pause));
    maru_return((maru_result)me->i);
}
maru_end;

/* ---- await what is ready ---- */

struct ready { maru_frame frame; uint64_t rounds, i, sum; maru_future now; };

maru_async(ready)
{
    maru_result value;
    for (me->i = 0; me->i < me->rounds; me->i++) {
        maru_try(value, maru_future_ready(&me->now, 1));
        me->sum += (uint64_t)value;
    }
    maru_return((maru_result)me->sum);
}
maru_end;

/* The same without an await: what the operation itself costs. */
struct ready_plain { maru_frame frame; uint64_t rounds, i, sum; maru_future now; };

maru_async(ready_plain)
{
    for (me->i = 0; me->i < me->rounds; me->i++)
        me->sum += (uint64_t)maru_future_result(maru_future_ready(&me->now, 1));
    maru_return((maru_result)me->sum);
}
maru_end;

/* ---- resume the innermost of a chain ---- */

struct level {
    maru_frame frame;
    struct level *next;
    int depth;
    uint64_t rounds, i;
    maru_pause pause;
};

static struct level chain[DEPTH_MAX];

maru_async(level)
{
    maru_result value;
    if (me->depth > 1) {
        maru_try(value, maru_call(level, me->next, .next = me->next + 1,
                                  .depth = me->depth - 1, .rounds = me->rounds));
        maru_return(value);
    }
    for (me->i = 0; me->i < me->rounds; me->i++)
        maru_try(maru_yield(&me->pause));
    maru_return((maru_result)me->i);
}
maru_end;

/* ---- running them ---- */

static void check(maru_result got, uint64_t wanted)
{
    if (got < 0 || (uint64_t)got != wanted)
        bench_fail("got %lld instead of %llu", (long long)got, (unsigned long long)wanted);
}

/* A guest would poll it on the calling thread: what is measured here runs on a worker. */
struct on_worker {
    maru_frame frame;
    maru_task *task;
    maru_join_wait join;
};

maru_async(on_worker)
{
    maru_result n;
    maru_await(n, maru_join_task(&me->join, me->task));
    maru_return(n);
}
maru_end;

static maru_result join_from_outside(maru_runtime *runtime, maru_task *task)
{
    return task ? maru_block_on(runtime, on_worker, .task = task) : -ENOMEM;
}

#define SAMPLE(kind, wanted, ...)                                                               \
    static int64_t sample_##kind(void *state, uint64_t rounds)                                  \
    {                                                                                           \
        struct job *job = state;                                                                \
        int64_t begin = stopwatch_ns();                                                         \
        maru_task *task = maru_spawn_on(job->runtime, __VA_ARGS__);                             \
        maru_result got = join_from_outside(job->runtime, task);                                \
        int64_t took = stopwatch_ns() - begin;                                                  \
        check(got, (wanted));                                                                   \
        return took;                                                                            \
    }

SAMPLE(detached, (rounds * BATCH), detached, .rounds = rounds)
SAMPLE(scoped, (rounds * BATCH), scoped, .rounds = rounds)
SAMPLE(by_value, rounds, by_value, .rounds = rounds)
SAMPLE(yields, rounds, yields, .rounds = rounds)
SAMPLE(ready, rounds, ready, .rounds = rounds)
SAMPLE(ready_plain, rounds, ready_plain, .rounds = rounds)
SAMPLE(depth_1, rounds, level, .next = chain, .depth = 1, .rounds = rounds)
SAMPLE(depth_8, rounds, level, .next = chain, .depth = 8, .rounds = rounds)
SAMPLE(depth_64, rounds, level, .next = chain, .depth = DEPTH_MAX, .rounds = rounds)

static int setup(const struct bench_row *row, const struct bench_impl *impl, void **ret_state)
{
    static struct job jobs[2];
    struct job *job = &jobs[impl->argument == NULL];
    maru_options options;
    (void)row;
    maru_options_init(&options, sizeof options);
    options.workers = 1;
    options.flavor = impl->argument ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    *ret_state = job;
    return maru_runtime_new(&options, &job->runtime);
}

static void teardown(void *state)
{
    struct job *job = state;
    int rc = maru_runtime_free(job->runtime);
    if (rc < 0)
        bench_fail("the runtime cannot be freed: %s", maru_err_name(rc));
}

static const int single = 1;

#define IMPLS(kind)                                                                             \
    static const struct bench_impl kind##_impls[] = {                                           \
        { .name = "maru", .argument = &single, .setup = setup, .sample = sample_##kind,         \
          .teardown = teardown },                                                               \
        { .name = "maru-mt1", .setup = setup, .sample = sample_##kind, .teardown = teardown },  \
    };

IMPLS(detached)
IMPLS(scoped)
IMPLS(by_value)
IMPLS(yields)
IMPLS(ready)
IMPLS(ready_plain)
IMPLS(depth_1)
IMPLS(depth_8)
IMPLS(depth_64)

#define ROW(row, kind, units)                                                                   \
    { .name = row, .unit = "ns", .units_per_round = (units), .impls = kind##_impls,             \
      .impl_count = 2 }

static const struct bench_row rows[] = {
    ROW("spawn_detached", detached, BATCH), ROW("spawn_scoped", scoped, BATCH),
    ROW("call_by_value", by_value, 1),      ROW("yield", yields, 1),
    ROW("await_ready", ready, 1),           ROW("await_ready_control", ready_plain, 1),
    ROW("await_depth_1", depth_1, 1),       ROW("await_depth_8", depth_8, 1),
    ROW("await_depth_64", depth_64, 1),
};

static const struct bench_suite suite = {
    .name = "tasks",
    .question = "What does a task cost: spawn and join, a scoped child, a yield, an await?",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

int main(int argc, char **argv)
{
    return bench_main(&suite, argc, argv);
}
