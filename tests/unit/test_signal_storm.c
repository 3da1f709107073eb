/* test_signal_storm.c - signals and threads: many runtimes, storms while listeners come and go, and
 * what a forked child hears. */
#include "tests/unit/signal_world.h"

#include <sys/wait.h>

TestSuite(signal_storm, .timeout = 60);

/* ---- many runtimes ---- */

struct listener {
    maru_frame frame;
    uint32_t *ready;
    maru_signal signal;
    maru_signal_wait wait;
};

maru_async(listener)
{
    maru_result n;
    maru_check(maru_signal_open(&me->signal, SIGUSR1));
    atomic_add_ar(me->ready, 1u);               /* pairs with the test's load */
    maru_try(n, maru_signal_next(&me->wait, &me->signal));
    expect(n == 1);
maru_finally:
    expect(maru_signal_close(&me->signal) == 0);
}
maru_end;

struct listeners {
    maru_frame frame;
    uint32_t *ready;
    maru_scope scope;
};

maru_async(listeners)
{
    for (int i = 0; i < 5; i++)
        maru_check(maru_scope_spawn(&me->scope, listener, .ready = me->ready));
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

static uint32_t ready;

static void *run_listeners(void *world)
{
    maru_result result = maru_block_on(((struct world *)world)->runtime, listeners,
                                       .ready = &ready);
    return (void *)(intptr_t)result;
}

/* conformance 79, 13 */
Test(signal_storm, one_delivery_reaches_the_listeners_of_many_runtimes)
{
    enum { RUNTIMES = 6 };
    struct world worlds[RUNTIMES];
    pthread_t threads[RUNTIMES];
    int fds = count_fds();
    for (int i = 0; i < RUNTIMES; i++) {
        worlds[i] = world_of(&shapes[SHAPE_ONE + i % 3], MARU_IO_AUTO);
        cr_assert_eq(pthread_create(&threads[i], NULL, run_listeners, &worlds[i]), 0);
    }
    while (atomic_load_acq(&ready) < 5 * RUNTIMES)          /* pairs with listener */
        (void)poll(NULL, 0, 1);
    cr_assert_eq(deliver(), 0);
    for (int i = 0; i < RUNTIMES; i++) {
        void *result;
        cr_assert_eq(pthread_join(threads[i], &result), 0);
        cr_assert_null(result);
        cr_assert_eq(maru_runtime_free(worlds[i].runtime), 0);
    }
    cr_assert_eq(count_fds(), fds);
    cr_assert(now_of(SIGUSR1).sa_handler == SIG_DFL);
}

/* ---- storms ---- */

struct visitor {
    maru_frame frame;
    int rounds;
    maru_signal signal;
    maru_signal_wait wait;
    maru_pause pause;
};

maru_async(visitor)
{
    for (; me->rounds > 0; me->rounds--) {
        maru_check(maru_signal_open(&me->signal, SIGUSR1));
        if (me->rounds % 3 == 0)
            maru_try(maru_yield(&me->pause));
        expect(deliver() == 0);
        maru_try(maru_signal_next(&me->wait, &me->signal));
        expect(maru_signal_close(&me->signal) == 0);
    }
maru_finally:
    expect(maru_signal_close(&me->signal) == 0);
}
maru_end;

struct storm {
    maru_frame frame;
    maru_scope scope;
};

maru_async(storm)
{
    for (int i = 0; i < 8; i++)
        maru_check(maru_scope_spawn(&me->scope, visitor, .rounds = 150));
    maru_try(maru_scope_wait(&me->scope));
}
maru_end;

static uint32_t stop;

static void *send_storm(void *unused)
{
    while (!atomic_load_acq(&stop)) {           /* pairs with the end of the test */
        (void)deliver();
        (void)sched_yield();
    }
    return unused;
}

/* conformance 79 */
Test(signal_storm, in_a_storm_everybody_who_listens_is_told)
{
    pthread_t threads[2];
    set(SIGUSR1, hear, SA_RESTART);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, send_storm, NULL), 0);
    run_everywhere(storm);
    atomic_store_rel(&stop, 1u);                /* pairs with send_storm */
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert(now_of(SIGUSR1).sa_handler == hear);
}

/* ---- fork ---- */

static int status_of(pid_t child)
{
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

Test(signal_storm, a_forked_child_reaches_nobody_and_dies_as_without_us)
{
    maru_signal signal = opened(SIGUSR1);
    pid_t child = fork();
    if (child == 0) {
        (void)deliver();
        _exit(3);
    }
    int status = status_of(child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1, "%x", (unsigned)status);
    cr_assert_eq(untold(&signal), 0);
    cr_assert_eq(deliver(), 0);
    cr_assert_eq(untold(&signal), 1);
    cr_assert_eq(maru_signal_close(&signal), 0);
}

static int child_of_its_own(maru_signal *inherited)
{
    int fds = count_fds();
    maru_signal own = { 0 };
    if (maru_signal_open(&own, SIGUSR1) < 0 || deliver() < 0 || untold(&own) != 1)
        return 1;
    if (maru_signal_close(inherited) != 0 || deliver() < 0 || untold(&own) != 1)
        return 2;
    if (maru_signal_close(&own) != 0 || count_fds() != fds - 1)
        return 3;
    struct sigaction now;
    return sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_IGN ? 0 : 4;
}

Test(signal_storm, a_forked_child_has_listeners_of_its_own)
{
    set(SIGUSR1, SIG_IGN, 0);
    maru_signal signal = opened(SIGUSR1);
    pid_t child = fork();
    if (child == 0)
        _exit(child_of_its_own(&signal));
    int status = status_of(child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
    cr_assert_eq(untold(&signal), 0);
    cr_assert_eq(maru_signal_close(&signal), 0);
}

/* A thread of the parent held the lock, or was inside the table, at the fork. */
Test(signal_storm, a_forked_child_takes_over_what_the_parent_held)
{
    enum { FORKS = 60 };
    pthread_t thread;
    struct world world = world_of(&shapes[SHAPE_TWO], MARU_IO_AUTO);
    set(SIGUSR1, hear, SA_RESTART);
    cr_assert_eq(pthread_create(&thread, NULL, send_storm, NULL), 0);
    maru_task *task = maru_spawn_on(world.runtime, storm);
    cr_assert(task);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            maru_signal own = { 0 };
            _exit(maru_signal_open(&own, SIGUSR1) < 0 || deliver() < 0 || untold(&own) == 0 ||
                  maru_signal_close(&own) != 0);
        }
        int status = status_of(child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
    }
    atomic_store_rel(&stop, 1u);                /* pairs with send_storm */
    cr_assert_eq(pthread_join(thread, NULL), 0);
    while (!maru_task_is_finished(task))
        (void)poll(NULL, 0, 1);
    maru_detach(task);
    world_end(&world, 0);
    cr_assert(now_of(SIGUSR1).sa_handler == hear);
}
