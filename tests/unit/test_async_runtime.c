/* test_async_runtime.c - runtimes from outside: options, entering, freeing, and every misuse that
 * is an error and not an abort. */
#include "async_world.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

ASYNC_SUITE(async_runtime);

struct gives {
    maru_frame frame;
    maru_result value;
    maru_pause pause;
};

maru_async(gives)
{
    maru_try(maru_yield(&me->pause));
    maru_return(me->value);
}
maru_end;

static maru_options defaults(void)
{
    maru_options options;
    maru_options_init(&options, sizeof options);
    return options;
}

static int new_with(const maru_options *options)
{
    maru_runtime *const untouched = (maru_runtime *)(void *)&options;
    maru_runtime *runtime = untouched;
    int rc = maru_runtime_new(options, &runtime);
    if (rc == 0)
        world_free(runtime);
    else
        cr_assert_eq(runtime, untouched);       /* on error nothing has changed */
    return rc;
}

/* ---- options ---- */

Test(async_runtime, null_options_and_zeroes_are_the_defaults)
{
    maru_options options = defaults();
    cr_assert_eq(new_with(NULL), 0);
    cr_assert_eq(new_with(&options), 0);
    cr_assert_eq(options.size, sizeof options);
    options.spin_us = UINT32_MAX;
    options.pin = 1;
    options.workers = 3;
    cr_assert_eq(new_with(&options), 0);
}

Test(async_runtime, options_init_clears_no_more_than_it_is_told)
{
    maru_options options;
    memset(&options, 0xff, sizeof options);
    maru_options_init(&options, 8);
    cr_assert_eq(options.size, 8);
    cr_assert_eq(options.workers, 0);
    cr_assert_eq(options.flavor, UINT32_MAX);
    cr_assert_eq(new_with(&options), 0);        /* what is behind its size is not read */
    options.size = 77;
    maru_options_init(&options, 3);
    cr_assert_eq(options.size, 77);
    maru_options_init(NULL, sizeof options);
}

Test(async_runtime, options_out_of_range_are_invalid)
{
    maru_options good = defaults(), options;
    options = good, options.workers = 257;
    cr_assert_eq(new_with(&options), -EINVAL);
    options = good, options.flavor = MARU_FLAVOR_SINGLE + 1;
    cr_assert_eq(new_with(&options), -EINVAL);
    options = good, options.io = MARU_IO_EPOLL + 1;
    cr_assert_eq(new_with(&options), -EINVAL);
    options = good, options.pin = 2;
    cr_assert_eq(new_with(&options), -EINVAL);
    options = good, options.clock = MARU_CLOCK_VIRTUAL + 1;
    cr_assert_eq(new_with(&options), -EINVAL);
    options = good, options.turn_interval = 5000;
    cr_assert_eq(new_with(&options), -EINVAL);
    options = good, options.clock = MARU_CLOCK_VIRTUAL;
    cr_assert_eq(new_with(&options), -EINVAL, "it has threads of its own");
    options = good, options.flavor = MARU_FLAVOR_SINGLE, options.workers = 2;
    cr_assert_eq(new_with(&options), -EINVAL);
    options = good, options.size = 0;
    cr_assert_eq(new_with(&options), -EINVAL);
    int rc = maru_runtime_new(&good, NULL);
    cr_assert_eq(rc, -EINVAL);
}

struct newer_options {
    maru_options options;
    uint64_t unknown;
};

Test(async_runtime, options_of_a_newer_library_are_too_big_unless_they_are_zero)
{
    struct newer_options newer;
    maru_options_init(&newer.options, sizeof newer);
    cr_assert_eq(new_with(&newer.options), 0);
    newer.unknown = UINT64_C(1) << 63;
    cr_assert_eq(new_with(&newer.options), -E2BIG);
}

Test(async_runtime, an_environment_that_is_not_understood_is_invalid)
{
    static const char *const workers[] = { "x", "-1", "0", "257", "2x" };
    for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) {
        setenv("MARU_WORKERS", workers[i], 1);
        cr_assert_eq(new_with(NULL), -EINVAL, "%s", workers[i]);
    }
    unsetenv("MARU_WORKERS");
    setenv("MARU_IO", "carrier pigeon", 1);
    cr_assert_eq(new_with(NULL), -EINVAL);
}

Test(async_runtime, the_environment_chooses_workers_and_io_where_the_options_do_not)
{
    maru_options options = defaults();
    maru_runtime *runtime;
    setenv("MARU_WORKERS", "3", 1);
    setenv("MARU_IO", "epoll", 1);
    int rc = maru_runtime_new(NULL, &runtime);
    cr_assert_eq(rc, 0);
    cr_assert_eq(maru_runtime_workers(runtime), 3);
    cr_assert_str_eq(maru_runtime_io(runtime), "epoll");
    world_free(runtime);
    options.workers = 2;
    rc = maru_runtime_new(&options, &runtime);
    cr_assert_eq(rc, 0);
    cr_assert_eq(maru_runtime_workers(runtime), 2);
    world_free(runtime);
}

/* ---- flavours ---- */

struct where {
    maru_frame frame;
    pthread_t *thread;
    maru_runtime **runtime;
    maru_pause pause;
};

maru_async(where)
{
    maru_try(maru_yield(&me->pause));
    *me->thread = pthread_self();
    *me->runtime = maru_runtime_current();
}
maru_end;

Test(async_runtime, block_on_runs_on_the_callers_thread)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        pthread_t thread;
        maru_runtime *current = NULL, *runtime = world_new(WORLDS[i]);
        maru_result rc = maru_block_on(runtime, where, .thread = &thread, .runtime = &current);
        cr_assert_eq(rc, 0);
        cr_assert(pthread_equal(thread, pthread_self()));
        cr_assert_eq(current, runtime);
        cr_assert_null(maru_runtime_current());
        cr_assert_eq(maru_runtime_workers(runtime), WORLDS[i] == 0 ? 1 : WORLDS[i]);
        world_free(runtime);
    }
}

struct lodger {
    maru_frame frame;
    uint32_t *turns;
    maru_pause pause;
};

maru_async(lodger)
{
    for (;;) {
        flag_raise(me->turns);
        maru_try(maru_yield(&me->pause));
    }
}
maru_end;

Test(async_runtime, single_runs_its_other_tasks_only_inside_block_on)
{
    uint32_t turns = 0;
    maru_runtime *runtime = world_new(0);
    maru_task *task = maru_spawn_on(runtime, lodger, .turns = &turns);
    cr_assert_not_null(task);
    cr_assert_eq(turns, 0);
    maru_result n = maru_block_on(runtime, gives, .value = 1);
    cr_assert_eq(n, 1);
    uint32_t before = turns;
    cr_assert_gt(before, 0);
    n = maru_block_on(runtime, gives, .value = 2);
    cr_assert_eq(n, 2);
    cr_assert_gt(turns, before);
    maru_detach(task);
    world_free(runtime);
}

/* ---- entering ---- */

static void *enter_often(void *arg)
{
    maru_runtime *runtime = arg;
    for (int i = 1; i <= 200; i++) {
        maru_result n = maru_block_on(runtime, gives, .value = i);
        WANT(n == i);
    }
    return NULL;
}

Test(async_runtime, several_threads_may_be_inside_block_on)
{
    pthread_t threads[4];
    maru_runtime *runtime = world_new(2);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, enter_often, runtime), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    world_free(runtime);
}

Test(async_runtime, two_runtimes_of_one_thread_know_nothing_of_each_other)
{
    maru_runtime *single = world_new(0), *other = world_new(0), *multi = world_new(2);
    for (int i = 0; i < 50; i++) {
        maru_result a = maru_block_on(single, gives, .value = i);
        maru_result b = maru_block_on(other, gives, .value = 2 * i);
        maru_result c = maru_block_on(multi, gives, .value = -1 - i);
        cr_assert(a == i && b == 2 * i && c == -1 - i);
    }
    world_free(other);
    world_free(multi);
    world_free(single);
}

/* ---- errors of entering and freeing ---- */

Test(async_runtime, bad_arguments_of_block_on_are_invalid)
{
    maru_frame image = { .future_ = { .type_ = &gives_async.type } };
    maru_runtime *runtime = world_new(1);
    maru_result rc = maru_block_on(NULL, gives);
    cr_assert_eq(rc, -EINVAL);
    rc = maru_block_on_image(runtime, NULL, sizeof image);
    cr_assert_eq(rc, -EINVAL);
    rc = maru_block_on_image(runtime, &image, sizeof image - 1);
    cr_assert_eq(rc, -EINVAL);
    world_free(runtime);
    cr_assert_eq(maru_runtime_free(NULL), 0);
}

struct inside {
    maru_frame frame;
    maru_runtime *own, *other;
};

maru_async(inside)
{
    maru_result rc = maru_block_on(me->own, gives);
    WANT(rc == -EDEADLK);
    rc = maru_block_on(me->other, gives);
    WANT(rc == -EDEADLK);
    WANT(maru_runtime_free(me->own) == -EDEADLK);
    WANT(maru_runtime_free(me->other) == -EDEADLK);
}
maru_end;

Test(async_runtime, entering_or_freeing_inside_a_task_is_a_deadlock)
{
    maru_runtime *other = world_new(1);
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = world_new(WORLDS[i]);
        maru_result rc = maru_block_on(runtime, inside, .own = runtime, .other = other);
        cr_assert_eq(rc, 0);
        world_free(runtime);
    }
    world_free(other);
}

static void *enter_foreign(void *arg)
{
    maru_runtime *runtime = arg;
    maru_result rc = maru_block_on(runtime, gives);
    WANT(rc == -EPERM);
    WANT(maru_runtime_free(runtime) == -EPERM);
    return NULL;
}

Test(async_runtime, a_single_runtime_belongs_to_the_thread_that_made_it)
{
    pthread_t thread;
    maru_runtime *runtime = world_new(0);
    cr_assert_eq(pthread_create(&thread, NULL, enter_foreign, runtime), 0);
    pthread_join(thread, NULL);
    maru_result n = maru_block_on(runtime, gives, .value = 6);
    cr_assert_eq(n, 6);
    world_free(runtime);
}

struct guest {
    maru_runtime *runtime;
    uint32_t begun, leave;
};

struct visit {
    maru_frame frame;
    struct guest *guest;
    maru_pause pause;
};

maru_async(visit)
{
    flag_raise(&me->guest->begun);
    while (!flag_is_up(&me->guest->leave))
        maru_try(maru_yield(&me->pause));
}
maru_end;

static void *visit_it(void *arg)
{
    struct guest *guest = arg;
    maru_result rc = maru_block_on(guest->runtime, visit, .guest = guest);
    WANT(rc == 0);
    return NULL;
}

Test(async_runtime, freeing_it_while_somebody_is_inside_is_busy)
{
    pthread_t thread;
    struct guest guest = { .runtime = world_new(2) };
    cr_assert_eq(pthread_create(&thread, NULL, visit_it, &guest), 0);
    while (!flag_is_up(&guest.begun))
        sched_yield();
    cr_assert_eq(maru_runtime_free(guest.runtime), -EBUSY);
    maru_result n = maru_block_on(guest.runtime, gives, .value = 3);
    cr_assert_eq(n, 3);                         /* nothing has changed */
    flag_raise(&guest.leave);
    pthread_join(thread, NULL);
    world_free(guest.runtime);
}

/* ---- shutting down ---- */

struct last_wish {
    maru_frame frame;
    uint32_t *refused;
    maru_scope scope;
    maru_sleep nap;
};

maru_async(last_wish)
{
    maru_await_cancel();
maru_finally:
    maru_try(maru_sleep_for(&me->nap, 1));
    maru_task *task = maru_spawn(gives);
    WANT(!task);
    task = maru_spawn_on(maru_runtime_current(), gives);
    WANT(!task);
    WANT(maru_scope_spawn(&me->scope, gives) == -MARU_ESHUTDOWN);
    flag_raise(me->refused);
}
maru_end;

Test(async_runtime, a_runtime_that_shuts_down_takes_no_new_task)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        uint32_t refused = 0;
        maru_runtime *runtime = world_new(WORLDS[i]);
        for (int k = 0; k < 10; k++) {
            maru_task *task = maru_spawn_on(runtime, last_wish, .refused = &refused);
            cr_assert_not_null(task);
            maru_detach(task);
        }
        world_free(runtime);
        cr_assert_eq(refused, 10);
    }
}

/* ---- main ---- */

Test(async_runtime, main_is_0_for_values_and_1_for_errors)
{
    cr_assert_eq(maru_main(gives), 0);
    cr_assert_eq(maru_main(gives, .value = 5), 0);
    cr_assert_eq(maru_main(gives, .value = -EIO), 1);
    cr_assert_eq(maru_main_image(NULL, 0), 1);
    setenv("MARU_IO", "carrier pigeon", 1);
    cr_assert_eq(maru_main(gives), 1);
}

struct on_two {
    maru_frame frame;
    uint32_t begun;
    pthread_t caller;
    maru_scope scope;
    bool others;
};

struct meets {
    maru_frame frame;
    struct on_two *all;
    maru_pause pause;
};

maru_async(meets)
{
    if (!pthread_equal(pthread_self(), me->all->caller))
        me->all->others = true;
    flag_raise(&me->all->begun);
    while (atomic_load_sc(&me->all->begun) < 2) /* needs two workers at once: no yield */
        sched_yield();
}
maru_end;

maru_async(on_two)
{
    maru_check(maru_scope_spawn(&me->scope, meets, .all = me));
    maru_check(maru_scope_spawn(&me->scope, meets, .all = me));
    maru_try(maru_scope_wait(&me->scope));
    WANT(me->others);
}
maru_end;

Test(async_runtime, mains_workers_are_the_caller_and_threads)
{
    setenv("MARU_WORKERS", "2", 1);
    cr_assert_eq(maru_main(on_two, .caller = pthread_self()), 0);
}
