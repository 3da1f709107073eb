/* async_world.h - what the tests of async functions share: each kind of runtime in turn, futures
 * that do as they are told and tell what was done to them, and a check that works on any thread
 * (Criterion's own jump out of the test, which a worker's thread cannot do). */
#ifndef MARU_TESTS_ASYNC_WORLD_H
#define MARU_TESTS_ASYNC_WORLD_H

#include "runtime/base/atomic.h"
#include "tests/support/join_outside.h"

#include <criterion/criterion.h>
#include <maru.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No test waits for time to decide anything: this is what stops one that hangs. */
#define ASYNC_SUITE(name) TestSuite(name, .timeout = 20)

/* A true condition, checked inside of tasks. */
#define WANT(condition)                                                                         \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);           \
            abort();                                                                            \
        }                                                                                       \
    } while (0)

/* A runtime with this many workers; 0: a SINGLE one. */
static inline maru_runtime *world_new(uint32_t workers)
{
    maru_options options;
    maru_runtime *runtime = NULL;
    maru_options_init(&options, sizeof options);
    options.flavor = workers == 0 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    options.workers = workers;
    int rc = maru_runtime_new(&options, &runtime);
    cr_assert_eq(rc, 0, "%s", maru_err_name(rc));
    return runtime;
}

static inline void world_free(maru_runtime *runtime)
{
    int rc = maru_runtime_free(runtime);
    cr_assert_eq(rc, 0, "%s", maru_err_name(rc));
}

static const uint32_t WORLDS[] = { 0, 1, 2, 4 };
enum { WORLDS_COUNT = sizeof WORLDS / sizeof *WORLDS };

static inline maru_result world_join(maru_runtime *runtime, maru_task *task)
{
    cr_assert_not_null(task);
    return join_outside(runtime, task);
}

/* EVERYWHERE(result, f, .arg = v): f ends with this result on every kind of runtime, as a task of
 * its workers; AS_GUEST: polled by a thread from outside. */
#define EVERYWHERE(expected, ...)                                                               \
    for (int world_ = 0; world_ < WORLDS_COUNT; world_++) {                                     \
        maru_runtime *runtime_ = world_new(WORLDS[world_]);                                     \
        maru_result result_ = world_join(runtime_, maru_spawn_on(runtime_, __VA_ARGS__));       \
        cr_assert_eq(result_, (expected), "%s with %u workers: %lld", #__VA_ARGS__,             \
                     WORLDS[world_], (long long)result_);                                       \
        world_free(runtime_);                                                                   \
    }

#define AS_GUEST(expected, ...)                                                                 \
    for (int world_ = 0; world_ < WORLDS_COUNT; world_++) {                                     \
        maru_runtime *runtime_ = world_new(WORLDS[world_]);                                     \
        maru_result result_ = maru_block_on(runtime_, __VA_ARGS__);                             \
        cr_assert_eq(result_, (expected), "%s as a guest of %u workers: %lld", #__VA_ARGS__,    \
                     WORLDS[world_], (long long)result_);                                       \
        world_free(runtime_);                                                                   \
    }

/* ---- futures that do as they are told ---- */

/* Never ready. Asked to end, it takes `stubborn` polls more, and then says so. */
struct never {
    maru_future future;
    int stubborn;
    int *ended;                  /* counted up when it has ended; may be NULL */
};

static inline maru_result never_poll(maru_future *self, maru_context *cx)
{
    struct never *never = (struct never *)(void *)self;
    if (cx->ending == MARU_GO)
        return MARU_PENDING;
    if (never->stubborn-- > 0) {
        cx->waker->ops_->wake(cx->waker);
        return MARU_PENDING;
    }
    if (never->ended)
        ++*never->ended;
    return -ECANCELED;
}

static const maru_future_type never_type = { never_poll, "never" };

static inline maru_future *never_start(struct never *never, int stubborn, int *ended)
{
    never->stubborn = stubborn;
    never->ended = ended;
    return maru_future_init(&never->future, &never_type);
}

/* Ready at each poll that may acquire; counts how often it was acquired and given back. */
struct ready {
    maru_future future;
    maru_result value;
    int acquired;
};

static inline maru_result ready_poll(maru_future *self, maru_context *cx)
{
    struct ready *ready = (struct ready *)(void *)self;
    if (cx->ending != MARU_GO)
        return -ECANCELED;
    ready->acquired++;
    return ready->value;
}

static const maru_future_type ready_future_type = { ready_poll, "ready" };

static inline maru_future *ready_start(struct ready *ready, maru_result value)
{
    ready->value = value;
    return maru_future_init(&ready->future, &ready_future_type);
}

/* Pending for `turns` turns of its task, then ready; cannot be hurried, and says so: a result
 * that cannot be given back. */
struct later {
    maru_future future;
    maru_result value;
    int turns;
};

static inline maru_result later_poll(maru_future *self, maru_context *cx)
{
    struct later *later = (struct later *)(void *)self;
    if (later->turns-- <= 0)
        return later->value;
    cx->waker->ops_->wake(cx->waker);
    return MARU_PENDING;
}

static const maru_future_type later_type = { later_poll, "later" };

static inline maru_future *later_start(struct later *later, int turns, maru_result value)
{
    later->turns = turns;
    later->value = value;
    return maru_future_init(&later->future, &later_type);
}

/* ---- between tasks ---- */

static inline void flag_raise(uint32_t *flag)
{
    atomic_add_sc(flag, 1u);
}

static inline bool flag_is_up(uint32_t *flag)
{
    return atomic_load_sc(flag) > 0;
}

#endif
