/* test_runtime_manners.c - a guest in somebody's process: nothing happens by itself, exit works
 * anywhere, several runtimes do not mix, and what is refused leaves everything usable. */
#include "runtime/base/atomic.h"
#include "tests/unit/async_world.h"
#include "tests/unit/runtime_world.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(runtime_manners, .timeout = 60);

/* ---- what the library's objects contain ---- */

/* A file beside the folder of the tests: build/.../<name>. NULL: it is not there. */
static const char *built(const char *name)
{
    static char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 64);
    cr_assert_gt(len, 0);
    path[len] = '\0';
    for (int i = 0; i < 3; i++)
        *strrchr(path, '/') = '\0';
    size_t at = strlen(path);
    (void)snprintf(path + at, sizeof path - at, "/%s", name);
    return access(path, R_OK) == 0 ? path : NULL;
}

/* How many lines readelf prints that have all of the words; -1: there is no readelf, or no file. */
static int lines_with(const char *options, const char *file, const char *one, const char *two)
{
    char command[8192], line[4096];
    int count = 0;
    if (!file)
        return -1;
    (void)snprintf(command, sizeof command, "readelf %s '%s' 2>/dev/null", options, file);
    FILE *output = popen(command, "r");
    cr_assert_not_null(output);
    while (fgets(line, sizeof line, output))
        count += strstr(line, one) && strstr(line, two);
    return pclose(output) == 0 ? count : -1;
}

Test(runtime_manners, the_library_has_no_constructor_and_no_destructor)
{
    const char *library = built("libmaru.a");
    if (lines_with("-SW", library, ".text", "") <= 0)
        cr_skip_test("no readelf, or no static library");
    static const char *const sections[] = { ".init_array", ".fini_array", ".preinit_array",
                                            ".ctors", ".dtors", ".init ", ".fini " };
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        cr_assert_eq(lines_with("-SW", library, sections[i], ""), 0, "%s", sections[i]);
}

Test(runtime_manners, the_library_shows_no_thread_local_and_registers_nothing_for_ever)
{
    const char *library = built("libmaru.a");
    if (lines_with("-sW", library, "maru_runtime_new", "") <= 0)
        cr_skip_test("no readelf, or no static library");
    cr_assert_eq(lines_with("-sW", library, " TLS ", " GLOBAL "), 0);
    static const char *const calls[] = { " atexit", "__cxa_atexit", "__cxa_thread_atexit",
                                         " on_exit", "pthread_atfork", "__register_atfork" };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        cr_assert_eq(lines_with("-sW", library, calls[i], ""), 0, "%s", calls[i]);
}

Test(runtime_manners, the_shared_library_can_come_and_go)
{
    const char *library = built("libmaru.so");
    unsigned fds = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    if (!library)
        cr_skip_test("no shared library in this build");
    for (int i = 0; i < 20; i++) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        cr_assert_not_null(handle, "%s", dlerror());
        int (*make)(const maru_options *, maru_runtime **);
        int (*end)(maru_runtime *);
        maru_runtime *runtime = NULL;
        *(void **)&make = dlsym(handle, "maru_runtime_new");
        *(void **)&end = dlsym(handle, "maru_runtime_free");
        cr_assert(make && end);
        cr_assert_eq(entries_of("/proc/self/task"), threads, "nothing happens before");
        maru_options options = options_with(2);
        cr_assert_eq(make(&options, &runtime), 0);
        cr_assert_eq(end(runtime), 0);
        cr_assert_eq(dlclose(handle), 0);
        cr_assert_eq(entries_of("/proc/self/fd"), fds);
        cr_assert(are_entries_of("/proc/self/task", threads));
    }
}

Test(runtime_manners, no_handler_of_a_signal_is_touched)
{
    struct sigaction before[65], after;
    for (int signo = 1; signo < 65; signo++)
        (void)sigaction(signo, NULL, &before[signo]);
    maru_runtime *runtime = new_runtime(2);
    cr_assert_eq(maru_block_on(runtime, value, .yields = 10), 0);
    for (int signo = 1; signo < 65; signo++)
        if (sigaction(signo, NULL, &after) == 0)
            cr_assert_eq(after.sa_handler, before[signo].sa_handler, "signal %d", signo);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}

/* ---- exit ---- */

struct exits {
    maru_frame frame;
    maru_pause pause;
    maru_sleep nap;
    bool waits;
};

maru_async(exits)
{
    maru_try(maru_yield(&me->pause));
    if (me->waits)
        maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
    exit(7);
}
maru_end;

struct joins {
    maru_frame frame;
    maru_join_wait join;
    maru_task *task;
};

maru_async(joins)
{
    for (int i = 0; i < 10; i++)
        maru_detach(maru_spawn(exits, .waits = true));
    me->task = maru_spawn(exits);
    WANT(me->task);
    maru_try(maru_join_task(&me->join, me->task));
}
maru_end;

/* In a process of its own, for exit ends it. */
static int status_of_exit(uint32_t workers)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        maru_runtime *runtime = world_new(workers);
        (void)!maru_block_on(runtime, joins);
        _exit(99);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(runtime_manners, exit_inside_a_task_ends_the_process_and_nothing_else)
{
    for (int round = 0; round < 10; round++)
        for (int i = 0; i < WORLDS_COUNT; i++)
            cr_assert_eq(status_of_exit(WORLDS[i]), 7);
}

/* ---- two runtimes ---- */

struct lives_in {
    maru_frame frame;
    maru_runtime *home;
    maru_scope kids;
    maru_pause pause;
    maru_sleep nap;
    int left;
};

/* It, its children, its wakes and its timers stay where it was born. */
maru_async(lives_in)
{
    WANT(maru_runtime_current() == me->home);
    if (me->left > 0)
        maru_check(maru_scope_spawn(&me->kids, lives_in, .home = me->home, .left = me->left - 1));
    maru_try(maru_yield(&me->pause));
    WANT(maru_runtime_current() == me->home);
    maru_try(maru_sleep_for(&me->nap, 1000));
    WANT(maru_runtime_current() == me->home);
    maru_try(maru_scope_wait(&me->kids));
    WANT(maru_runtime_current() == me->home);
    maru_return(me->left);
}
maru_end;

struct crosses {
    maru_frame frame;
    maru_runtime *home, *other;
    maru_join_wait join;
    maru_task *task;
    maru_sleep nap;
    int i;
};

/* Spawns over there, and joins, detaches or cancels from here. */
maru_async(crosses)
{
    maru_result rc;
    for (me->i = 0; me->i < 60; me->i++) {
        me->task = maru_spawn_on(me->other, lives_in, .home = me->other, .left = me->i % 4);
        WANT(me->task);
        if (me->i % 3 == 1)
            maru_cancel(me->task);
        if (me->i % 3 == 2) {
            maru_detach(me->task);
            continue;
        }
        maru_await(rc, maru_join_task(&me->join, me->task));
        WANT(rc == me->i % 4 || (me->i % 3 == 1 && rc == -ECANCELED));
        WANT(maru_runtime_current() == me->home);
    }
}
maru_end;

/* conformance 13 */
Test(runtime_manners, two_runtimes_do_not_mix_and_can_join_each_others_tasks)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        for (int k = 1; k < WORLDS_COUNT; k++) {
            maru_runtime *one = world_new(WORLDS[i]), *two = world_new(WORLDS[k]);
            maru_detach(maru_spawn_on(two, crosses, .home = two, .other = two));
            cr_assert_eq(maru_block_on(one, crosses, .home = one, .other = two), 0);
            cr_assert_eq(maru_block_on(two, lives_in, .home = two, .left = 5), 5);
            world_free(one);
            cr_assert_eq(maru_block_on(two, lives_in, .home = two, .left = 5), 5);
            world_free(two);
        }
    }
}

static uint32_t go, inside;

struct blocks {
    maru_frame frame;
};

maru_async(blocks)
{
    flag_raise(&inside);
    while (!flag_is_up(&go))
        sched_yield();
}
maru_end;

/* conformance 13 */
Test(runtime_manners, a_stuck_runtime_holds_up_no_other)
{
    maru_runtime *stuck = world_new(1), *free_one = world_new(1);
    maru_detach(maru_spawn_on(stuck, blocks));
    while (!flag_is_up(&inside))
        sched_yield();
    cr_assert_eq(maru_block_on(free_one, lives_in, .home = free_one, .left = 10), 10);
    maru_metrics metrics = { .size = sizeof metrics };
    cr_assert_eq(maru_metrics_read(stuck, &metrics), 0);
    cr_assert_leq(metrics.timers_fired, 0u);
    world_free(free_one);
    flag_raise(&go);
    world_free(stuck);
}

static void *use_both(void *arg)
{
    maru_runtime **pair = arg;
    for (int i = 0; i < 20; i++)
        WANT(maru_block_on(pair[i % 2], crosses, .home = pair[i % 2], .other = pair[1 - i % 2]) ==
             0);
    return NULL;
}

/* conformance 13 */
Test(runtime_manners, threads_may_go_back_and_forth_between_two)
{
    pthread_t threads[3];
    maru_runtime *pair[2] = { world_new(2), world_new(1) };
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use_both, pair), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(maru_runtime_shutdown(pair[0], -1, -1), 0);
    cr_assert_eq(maru_runtime_shutdown(pair[1], -1, -1), 0);
    world_free(pair[0]);
    world_free(pair[1]);
}

/* ---- inside a task ---- */

struct nests {
    maru_frame frame;
    maru_runtime *other;
    maru_pause pause;
    maru_options options;
};

/* Everything that would block its thread is refused, and changes nothing. */
maru_async(nests)
{
    maru_runtime *made = NULL;
    maru_options_init(&me->options, sizeof me->options);
    WANT(maru_runtime_new(NULL, &made) == -EDEADLK);
    me->options.flavor = MARU_FLAVOR_SINGLE;
    WANT(maru_runtime_new(&me->options, &made) == -EDEADLK && !made);
    WANT(maru_block_on(maru_runtime_current(), value) == -EDEADLK);
    WANT(maru_block_on(me->other, value) == -EDEADLK);
    WANT(maru_runtime_shutdown(me->other, 0, -1) == -EDEADLK);
    WANT(maru_runtime_free(me->other) == -EDEADLK);
    WANT(maru_runtime_free(maru_runtime_current()) == -EDEADLK);
    maru_try(maru_yield(&me->pause));
    maru_return(5);
}
maru_end;

/* conformance 12 */
Test(runtime_manners, inside_a_task_nothing_that_blocks_is_allowed_and_the_thread_lives_on)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = world_new(WORLDS[i]), *other = world_new(1);
        cr_assert_eq(maru_block_on(runtime, nests, .other = other), 5);
        cr_assert_eq(maru_block_on(runtime, value, .yields = 3, .result = 6), 6);
        cr_assert_eq(maru_block_on(other, nests, .other = runtime), 5);
        maru_runtime *fresh = world_new(WORLDS[i]);
        cr_assert_eq(maru_block_on(fresh, value, .result = 7), 7);
        world_free(fresh);
        world_free(other);
        world_free(runtime);
    }
}

Test(runtime_manners, null_arguments_are_told_and_never_crash)
{
    maru_runtime *runtime = new_runtime(1);
    const maru_frame *none = NULL;
    cr_assert_eq(maru_runtime_workers(NULL), 0u);
    cr_assert_str_eq(maru_runtime_io(NULL), "");
    cr_assert_null(maru_spawn_image_on(runtime, none, 64));
    cr_assert_null(maru_spawn_image(none, 64));
    cr_assert_eq(maru_block_on_image(runtime, none, 64), -EINVAL);
    maru_cancel(NULL);
    maru_detach(NULL);
    cr_assert_eq(maru_runtime_free(runtime), 0);
}
