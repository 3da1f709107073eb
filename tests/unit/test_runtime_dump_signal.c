/* test_runtime_dump_signal.c - dumps that a signal asks for: while workers are stuck, into pipes
 * that nobody reads, next to other handlers; and undoing it. */
#include "maru/dump.h"

#include "runtime/runtime_parts.h"
#include "tests/unit/async_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

ASYNC_SUITE(runtime_dump_signal);

/* Reads up to the last line of a dump. */
static void read_dump(int fd, char *text, size_t size)
{
    size_t used = 0;
    for (;;) {
        ssize_t n = read(fd, text + used, 1);
        if (n < 0 && errno == EINTR)
            continue;
        cr_assert_eq(n, 1);
        used++;
        cr_assert_lt(used, size);
        text[used] = '\0';
        const char *end = strstr(text, "\nend tasks=");
        if (end && text[used - 1] == '\n' && end + 1 < text + used - 1)
            return;
    }
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static bool handler_is(int signo, void (*handler)(int))
{
    struct sigaction action;
    cr_assert_eq(sigaction(signo, NULL, &action), 0);
    return action.sa_handler == handler;
}

struct pipes {
    int fds[2];
    char text[65536];
};

static void pipes_new(struct pipes *pipes)
{
    cr_assert_eq(pipe2(pipes->fds, O_CLOEXEC), 0);
}

static void pipes_free(struct pipes *pipes)
{
    close(pipes->fds[0]);
    close(pipes->fds[1]);
}

static struct pipes pipes;

struct sleeper {
    maru_frame frame;
    maru_sleep nap;
};

maru_async(sleeper)
{
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
}
maru_end;

Test(runtime_dump_signal, a_signal_writes_a_dump_each_time)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        maru_runtime *runtime = world_new(WORLDS[i]);
        maru_task *task = maru_spawn_on(runtime, sleeper);
        pipes_new(&pipes);
        cr_assert_eq(maru_dump_on_signal(runtime, SIGQUIT, pipes.fds[1]), 0);
        for (int times = 0; times < 3; times++) {
            cr_assert_eq(raise(SIGQUIT), 0);
            read_dump(pipes.fds[0], pipes.text, sizeof pipes.text);
            cr_assert(strstr(pipes.text, " function=sleeper "), "%s", pipes.text);
            cr_assert(strstr(pipes.text, "\nend tasks=1 "));
        }
        pipes_free(&pipes);
        maru_detach(task);
        world_free(runtime);
    }
}

Test(runtime_dump_signal, the_descriptor_is_duplicated)
{
    maru_runtime *runtime = world_new(1);
    pipes_new(&pipes);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGUSR2, pipes.fds[1]), 0);
    close(pipes.fds[1]);
    raise(SIGUSR2);
    read_dump(pipes.fds[0], pipes.text, sizeof pipes.text);
    world_free(runtime);
    cr_assert_eq(read(pipes.fds[0], pipes.text, 1), 0, "the duplicate is closed");
    close(pipes.fds[0]);
}

struct stuck {
    maru_frame frame;
    uint32_t *leave;
};

maru_async(stuck)
{
    while (!atomic_load_acq(me->leave))
        sched_yield();
}
maru_end;

static uint32_t leave;

static void *kill_and_read(void *unused)
{
    (void)unused;
    do {
        kill(getpid(), SIGQUIT);
        read_dump(pipes.fds[0], pipes.text, sizeof pipes.text);
    } while (!strstr(pipes.text, " running function=stuck worker=0"));
    atomic_store_rel(&leave, 1u);
    return NULL;
}

Test(runtime_dump_signal, it_works_while_the_only_worker_is_the_stuck_calling_thread)
{
    pthread_t thread;
    maru_runtime *runtime = world_new(0);
    pipes_new(&pipes);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGQUIT, pipes.fds[1]), 0);
    cr_assert_eq(pthread_create(&thread, NULL, kill_and_read, NULL), 0);
    cr_assert_eq(maru_block_on(runtime, stuck, .leave = &leave), 0);
    pthread_join(thread, NULL);
    world_free(runtime);
    pipes_free(&pipes);
}

/* ---- refusals ---- */

static void on_signal(int signo)
{
    (void)signo;
}

static void on_signal_with_info(int signo, siginfo_t *info, void *context)
{
    (void)signo;
    (void)info;
    (void)context;
}

Test(runtime_dump_signal, bad_arguments_are_refused)
{
    static const int bad[] = { -1, 65, 1000, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
                               SIGTRAP, SIGABRT, SIGSYS, 32 };
    maru_runtime *runtime = world_new(1);
    unsigned before = open_descriptors();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(maru_dump_on_signal(runtime, bad[i], 1), -EINVAL, "%d", bad[i]);
    cr_assert_eq(maru_dump_on_signal(NULL, SIGQUIT, 1), -EINVAL);
    cr_assert_eq(maru_dump_on_signal(NULL, 0, -1), -EINVAL);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGQUIT, -1), -EBADF);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGQUIT, 999), -EBADF);
    cr_assert(handler_is(SIGQUIT, SIG_DFL));
    cr_assert_eq(open_descriptors(), before);
    world_free(runtime);
}

Test(runtime_dump_signal, a_signal_that_has_a_handler_is_busy)
{
    struct sigaction action = { .sa_handler = on_signal };
    maru_runtime *runtime = world_new(1);
    unsigned before = open_descriptors();
    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGUSR1, 1), -EBUSY);
    cr_assert(handler_is(SIGUSR1, on_signal));
    action = (struct sigaction){ .sa_sigaction = on_signal_with_info, .sa_flags = SA_SIGINFO };
    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGUSR1, 1), -EBUSY);
    cr_assert_eq(open_descriptors(), before);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGUSR2, 1), 0, "another one is free");
    world_free(runtime);
}

Test(runtime_dump_signal, one_signal_a_runtime_and_one_runtime_a_signal)
{
    maru_runtime *one = world_new(1), *other = world_new(1);
    pipes_new(&pipes);
    cr_assert_eq(maru_dump_on_signal(one, SIGUSR1, pipes.fds[1]), 0);
    cr_assert_eq(maru_dump_on_signal(one, SIGUSR2, pipes.fds[1]), -EBUSY);
    cr_assert_eq(maru_dump_on_signal(other, SIGUSR1, pipes.fds[1]), -EBUSY);
    cr_assert_eq(maru_dump_on_signal(other, SIGUSR2, pipes.fds[1]), 0);
    raise(SIGUSR2);
    read_dump(pipes.fds[0], pipes.text, sizeof pipes.text);
    char expected[64];
    snprintf(expected, sizeof expected, "runtime %p ", (void *)other);
    cr_assert_eq(strncmp(pipes.text, expected, strlen(expected)), 0);
    world_free(one);
    cr_assert_eq(maru_dump_on_signal(other, 0, -1), 0);
    cr_assert_eq(maru_dump_on_signal(other, SIGUSR1, pipes.fds[1]), 0, "it is free again");
    world_free(other);
    pipes_free(&pipes);
}

Test(runtime_dump_signal, no_memory_changes_nothing)
{
    maru_runtime *runtime = world_new(1);
    unsigned before = open_descriptors();
    for (uint64_t nth = 1; nth <= 2; nth++) {
        atomic_store_rlx(&runtime->alloc.fail_at, nth);
        cr_assert_eq(maru_dump_on_signal(runtime, SIGQUIT, 1), -ENOMEM);
    }
    cr_assert(handler_is(SIGQUIT, SIG_DFL));
    cr_assert_eq(open_descriptors(), before);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGQUIT, 1), 0);
    world_free(runtime);
}

/* ---- undoing ---- */

Test(runtime_dump_signal, it_is_undone_by_signal_0_and_by_the_end)
{
    maru_runtime *runtime = world_new(2);
    unsigned before = open_descriptors();
    uint64_t bytes = atomic_load_rlx(&runtime->alloc.live_bytes);
    signal(SIGQUIT, SIG_IGN);
    cr_assert_eq(maru_dump_on_signal(runtime, 0, -1), 0, "nothing to undo");
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(maru_dump_on_signal(runtime, SIGQUIT, 1), 0);
        cr_assert_not(handler_is(SIGQUIT, SIG_IGN));
        cr_assert_eq(maru_dump_on_signal(runtime, 0, -1), 0);
        cr_assert(handler_is(SIGQUIT, SIG_IGN));
    }
    cr_assert_eq(open_descriptors(), before);
    cr_assert_eq(atomic_load_rlx(&runtime->alloc.live_bytes), bytes);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGQUIT, 1), 0);
    world_free(runtime);
    cr_assert(handler_is(SIGQUIT, SIG_IGN));
}

Test(runtime_dump_signal, a_handler_put_in_our_place_stays)
{
    maru_runtime *runtime = world_new(1);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGUSR1, 1), 0);
    signal(SIGUSR1, on_signal);
    cr_assert_eq(maru_dump_on_signal(runtime, 0, -1), 0);
    cr_assert(handler_is(SIGUSR1, on_signal));
    world_free(runtime);
}

struct crowd {
    maru_frame frame;
    maru_scope kids;
};

maru_async(crowd)
{
    for (int i = 0; i < 3000; i++)
        maru_check(maru_scope_spawn(&me->kids, sleeper));
    maru_try(maru_scope_wait(&me->kids));
}
maru_end;

Test(runtime_dump_signal, a_pipe_that_nobody_reads_holds_nobody_up)
{
    for (int blocking = 0; blocking < 2; blocking++) {
        char byte;
        maru_runtime *runtime = world_new(1);
        maru_detach(maru_spawn_on(runtime, crowd));
        pipes_new(&pipes);
        if (!blocking)
            cr_assert_eq(fcntl(pipes.fds[1], F_SETFL, O_NONBLOCK), 0);
        cr_assert_eq(maru_dump_on_signal(runtime, SIGQUIT, pipes.fds[1]), 0);
        raise(SIGQUIT);
        cr_assert_eq(read(pipes.fds[0], &byte, 1), 1);      /* it is writing */
        if (blocking)
            cr_assert_eq(maru_dump_on_signal(runtime, 0, -1), 0);
        world_free(runtime);
        pipes_free(&pipes);
    }
}

static uint32_t storm_over;

static void *storm(void *arg)
{
    pthread_t *victim = arg;
    while (!atomic_load_acq(&storm_over)) {
        pthread_kill(*victim, SIGUSR1);
        pthread_kill(pthread_self(), SIGUSR1);
    }
    return NULL;
}

Test(runtime_dump_signal, it_is_done_and_undone_in_a_storm_of_signals)
{
    pthread_t self = pthread_self(), thread;
    maru_runtime *runtime = world_new(1);
    signal(SIGUSR1, SIG_IGN);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    unsigned before = open_descriptors();
    cr_assert_eq(pthread_create(&thread, NULL, storm, &self), 0);
    for (int i = 0; i < 300; i++) {
        cr_assert_eq(maru_dump_on_signal(runtime, SIGUSR1, null), 0);
        cr_assert_eq(maru_dump_on_signal(runtime, 0, -1), 0);
    }
    atomic_store_rel(&storm_over, 1u);
    pthread_join(thread, NULL);
    cr_assert_eq(open_descriptors(), before);
    close(null);
    world_free(runtime);
}

Test(runtime_dump_signal, a_forked_child_s_signal_is_not_the_parent_s)
{
    maru_runtime *runtime = world_new(1);
    pipes_new(&pipes);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGQUIT, pipes.fds[1]), 0);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGQUIT);
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    raise(SIGQUIT);
    read_dump(pipes.fds[0], pipes.text, sizeof pipes.text);
    cr_assert_eq(maru_dump_on_signal(runtime, 0, -1), 0);
    cr_assert_eq(fcntl(pipes.fds[0], F_SETFL, O_NONBLOCK), 0);
    cr_assert_eq(read(pipes.fds[0], pipes.text, 1), -1);
    pipes_free(&pipes);
    world_free(runtime);
}

static void *ends_by_cancellation(void *unused)
{
    (void)unused;
    pthread_cancel(pthread_self());
    raise(SIGUSR1);
    return NULL;
}

/* write(2) is a point of cancellation: a thread that ended in it would never leave the bell. */
Test(runtime_dump_signal, a_thread_that_is_being_cancelled_leaves_the_handler)
{
    pthread_t thread;
    void *result;
    maru_runtime *runtime = world_new(1);
    pipes_new(&pipes);
    cr_assert_eq(maru_dump_on_signal(runtime, SIGUSR1, pipes.fds[1]), 0);
    cr_assert_eq(pthread_create(&thread, NULL, ends_by_cancellation, NULL), 0);
    pthread_join(thread, &result);
    read_dump(pipes.fds[0], pipes.text, sizeof pipes.text);
    cr_assert_eq(maru_dump_on_signal(runtime, 0, -1), 0);
    world_free(runtime);
    pipes_free(&pipes);
}
