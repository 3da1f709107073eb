/* test_runtime_fork.c - the child of a fork: what lived there is dead and can be freed, what is new
 * works, and the parent does not notice. */
#include "runtime/base/atomic.h"
#include "tests/unit/async_world.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(runtime_fork, .timeout = 60);

/* Runs fn in a child; its code, or minus the signal that ended it. */
static int code_of_child(int (*fn)(void *), void *arg)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn(arg));
    cr_assert_gt(pid, 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static unsigned count_fds(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

struct sum {
    maru_frame frame;
    maru_pause pause;
    maru_sleep nap;
    maru_scope kids;
    int left;
};

/* Uses queues, timers and children. */
maru_async(sum)
{
    if (me->left > 0)
        maru_check(maru_scope_spawn(&me->kids, sum, .left = me->left - 1));
    maru_try(maru_yield(&me->pause));
    maru_try(maru_sleep_for(&me->nap, 1000));
    maru_try(maru_scope_wait(&me->kids));
    maru_return(11);
}
maru_end;

static uint64_t out;

static void *counted_get(void *arg, size_t size, size_t align)
{
    (void)arg;
    atomic_add_ar(&out, size);
    return aligned_alloc(align, (size + align - 1) & ~(align - 1));
}

static void counted_put(void *arg, void *block, size_t size, size_t align)
{
    (void)arg;
    (void)align;
    atomic_sub_ar(&out, size);
    free(block);
}

static maru_runtime *counted_new(uint32_t workers)
{
    static const maru_allocator counted = { counted_get, counted_put, NULL };
    maru_options options;
    maru_runtime *runtime = NULL;
    maru_options_init(&options, sizeof options);
    options.flavor = workers == 0 ? MARU_FLAVOR_SINGLE : MARU_FLAVOR_MULTI;
    options.workers = workers;
    options.allocator = &counted;
    WANT(maru_runtime_new(&options, &runtime) == 0);
    return runtime;
}

struct family {
    maru_runtime *runtime;
    maru_task *task;             /* waits for ever */
    unsigned fds;                /* before the runtime was made */
    bool is_quiet;               /* nobody can be inside of the allocator at the fork */
};

struct waits {
    maru_frame frame;
    maru_op io;
    int fds[2];
    char byte;
};

/* A task with an operation in flight. */
maru_async(waits)
{
    WANT(pipe(me->fds) == 0);
    maru_try(maru_recv(&me->io, me->fds[0], &me->byte, 1));
maru_finally:
    maru_await(maru_close(&me->io, me->fds[0]));
    maru_await(maru_close(&me->io, me->fds[1]));
}
maru_end;

static int be_a_child(void *arg)
{
    struct family *family = arg;
    maru_runtime *runtime = family->runtime;
    maru_metrics metrics = { .size = sizeof metrics };
    WANT(!maru_spawn_on(runtime, sum));
    WANT(maru_block_on(runtime, sum) == -EOWNERDEAD);
    WANT(maru_runtime_shutdown(runtime, -1, -1) == -EOWNERDEAD);
    WANT(maru_metrics_read(runtime, &metrics) == -EOWNERDEAD);
    WANT(maru_dump(runtime, 2) == -EOWNERDEAD);
    WANT(maru_dump_on_signal(runtime, 0, -1) == -EOWNERDEAD);
    maru_cancel(family->task);                  /* harmless */
    maru_detach(family->task);
    WANT(maru_runtime_free(runtime) == 0);
    WANT(signal(SIGUSR1, SIG_DFL) == SIG_DFL);
    WANT(out == 0 || !family->is_quiet);
    maru_runtime *fresh = world_new(2);
    WANT(maru_block_on(fresh, sum, .left = 20) == 11);
    WANT(maru_runtime_free(fresh) == 0);
    WANT(count_fds() == family->fds);
    return 0;
}

Test(runtime_fork, what_lived_is_dead_and_what_is_new_lives)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        struct family family = { .fds = count_fds(), .is_quiet = WORLDS[i] == 0 };
        family.runtime = counted_new(WORLDS[i]);
        cr_assert_eq(maru_block_on(family.runtime, sum, .left = 20), 11);
        cr_assert_eq(maru_dump_on_signal(family.runtime, SIGUSR1, 2), 0);
        family.task = maru_spawn_on(family.runtime, sum, .left = 3);
        cr_assert_not_null(family.task);
        cr_assert_eq(code_of_child(be_a_child, &family), 0);
        cr_assert_eq(maru_block_on(family.runtime, sum, .left = 20), 11, "the parent's lives");
        maru_detach(family.task);
        world_free(family.runtime);
        cr_assert_eq(out, 0u);
    }
}

static void *spawn_for_ever(void *arg)
{
    struct family *family = arg;
    maru_task *task;
    while ((task = maru_spawn_on(family->runtime, sum, .left = 2))) {
        maru_detach(task);
        sched_yield();
    }
    return NULL;
}

Test(runtime_fork, a_fork_at_any_moment_leaves_nothing_that_cannot_be_freed)
{
    for (int i = 1; i < WORLDS_COUNT; i++) {
        pthread_t thread;
        struct family family = { .runtime = counted_new(WORLDS[i]) };
        maru_detach(maru_spawn_on(family.runtime, waits));
        cr_assert_eq(pthread_create(&thread, NULL, spawn_for_ever, &family), 0);
        for (int k = 0; k < 30; k++) {
            pid_t pid = fork();
            if (pid == 0)
                _exit(maru_runtime_free(family.runtime) != 0);
            int status;
            cr_assert_eq(waitpid(pid, &status, 0), pid);
            cr_assert_eq(status, 0);
        }
        cr_assert_eq(maru_runtime_shutdown(family.runtime, -1, -1), 0);
        pthread_join(thread, NULL);
        world_free(family.runtime);
    }
}

/* ---- inside a task ---- */

struct forks {
    maru_frame frame;
    int (*in_child)(void *);
    void *arg;
    maru_pause pause;
};

/* The child's code, as the result; without a function it goes on as if it were the parent. */
maru_async(forks)
{
    int status;
    pid_t pid = fork();
    if (pid == 0 && me->in_child)
        _exit(me->in_child(me->arg));
    if (pid == 0) {
        struct rlimit none = { 0, 0 };
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)!freopen("/dev/null", "w", stderr);
        maru_try(maru_yield(&me->pause));
        _exit(99);
    }
    WANT(waitpid(pid, &status, 0) == pid);
    maru_return(WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status) + 1000);
}
maru_end;

static int use_another(void *runtime)
{
    WANT(!maru_runtime_current());
    WANT(maru_block_on(runtime, sum) == -EOWNERDEAD);
    maru_runtime *fresh = world_new(2), *single = world_new(0);
    WANT(maru_block_on(fresh, sum, .left = 10) == 11);
    WANT(maru_block_on(single, sum, .left = 10) == 11);
    WANT(maru_runtime_free(fresh) == 0);
    WANT(maru_runtime_free(single) == 0);
    WANT(maru_runtime_free(runtime) == 0);
    WANT(!maru_runtime_current());
    single = world_new(0);
    WANT(maru_block_on(single, sum, .left = 10) == 11);
    return maru_runtime_free(single);
}

Test(runtime_fork, the_child_of_a_task_can_use_another_runtime)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = world_new(WORLDS[i]);
        cr_assert_eq(maru_block_on(runtime, forks, .in_child = use_another, .arg = runtime), 0);
        cr_assert_eq(maru_block_on(runtime, sum, .left = 3), 11);
        world_free(runtime);
    }
}

static int exit_now(void *unused)
{
    (void)unused;
    exit(7);
}

Test(runtime_fork, the_child_of_a_task_can_exit)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = world_new(WORLDS[i]);
        cr_assert_eq(maru_block_on(runtime, forks, .in_child = exit_now), 7);
        world_free(runtime);
    }
}

struct joins {
    maru_frame frame;
    maru_join_wait join;
    maru_task *task;
};

/* So that it is a worker that polls it. */
maru_async(joins)
{
    maru_result code;
    me->task = maru_spawn(forks);
    WANT(me->task);
    maru_await(code, maru_join_task(&me->join, me->task));
    maru_return(code);
}
maru_end;

Test(runtime_fork, a_task_that_goes_on_in_the_child_ends_it_with_a_word)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = world_new(WORLDS[i]);
        cr_assert_eq(maru_block_on(runtime, joins), 1000 + SIGABRT);
        cr_assert_eq(maru_block_on(runtime, forks), 1000 + SIGABRT, "a guest's own function");
        cr_assert_eq(maru_block_on(runtime, sum, .left = 3), 11, "the parent goes on");
        world_free(runtime);
    }
}
