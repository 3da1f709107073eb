/* test_runtime_dump.c - dumps of whole runtimes: what stands in them, when they work, how they
 * are written, and how they fail. */
#include "maru/dump.h"

#include "runtime/runtime_parts.h"
#include "tests/unit/async_world.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

ASYNC_SUITE(runtime_dump);

/* ---- a dump as a string ---- */

struct page {
    char *bytes;
    size_t used, size;
    unsigned parts;
};

static int add_to_page(void *arg, const char *text, size_t len)
{
    struct page *page = arg;
    WANT(len > 0 && text[len] == '\0' && text[len - 1] == '\n' && strlen(text) == len);
    while (page->used + len + 1 > page->size) {
        page->size = page->size ? 2 * page->size : 4096;
        page->bytes = realloc(page->bytes, page->size);
        WANT(page->bytes);
    }
    memcpy(page->bytes + page->used, text, len + 1);
    page->used += len;
    page->parts++;
    return 0;
}

/* The caller frees it. */
static char *dump_of(maru_runtime *runtime)
{
    struct page page = { 0 };
    int rc = maru_dump_each(runtime, add_to_page, &page);
    WANT(rc == 0);
    return page.bytes;
}

static unsigned count_in(const char *text, const char *needle)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, needle)); at++)
        n++;
    return n;
}

/* Dumps until `needle` is in one; the caller frees it. What stops a wait in vain is the suite. */
static char *dump_until(maru_runtime *runtime, const char *needle)
{
    for (;; sched_yield()) {
        char *text = dump_of(runtime);
        if (strstr(text, needle))
            return text;
        free(text);
    }
}

/* ---- what stands in it ---- */

Test(runtime_dump, a_runtime_without_tasks_is_a_first_and_a_last_line)
{
    for (int i = 0; i < WORLDS_COUNT; i++) {
        char expected[256];
        maru_runtime *runtime = world_new(WORLDS[i]);
        snprintf(expected, sizeof expected,
                 "runtime %p workers=%u io=%s\nend tasks=0 idle=0 queued=0 running=0 done=0\n",
                 (void *)runtime, maru_runtime_workers(runtime), maru_runtime_io(runtime));
        char *text = dump_of(runtime);
        cr_assert_str_eq(text, expected);
        free(text);
        world_free(runtime);
    }
}

struct sleeper {
    maru_frame frame;
    maru_sleep nap;
};

maru_async(sleeper)
{
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
}
maru_end;

struct guarded {
    maru_frame frame;
    int fd;
    char byte;
    maru_timeout limit;
    maru_op op;
};

maru_async(guarded)
{
    maru_try(maru_within(&me->limit, 1800 * MARU_SEC, maru_recv(&me->op, me->fd, &me->byte, 1)));
}
maru_end;

struct family {
    maru_frame frame;
    int fd;
    maru_scope kids;
    maru_join_wait join;
    maru_task *friend;
    struct guarded guarded;
    struct sleeper sleeper;
};

maru_async(family)
{
    maru_result rc;
    maru_scope_init(&me->kids, MARU_SCOPE_EACH);
    for (int i = 0; i < 2; i++)
        maru_check(maru_scope_spawn(&me->kids, sleeper));
    me->friend = maru_spawn(sleeper);
    maru_join(rc, maru_call(guarded, &me->guarded, .fd = me->fd), maru_call(sleeper, &me->sleeper),
              maru_join_task(&me->join, me->friend));
    maru_check(rc);
maru_finally:
    maru_cancel(me->friend);
    maru_await(maru_join_task(&me->join, me->friend));
}
maru_end;

Test(runtime_dump, it_tells_what_every_task_waits_for)
{
    for (int i = 1; i < WORLDS_COUNT; i++) {
        char needle[64];
        int fds[2];
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        maru_runtime *runtime = world_new(WORLDS[i]);
        maru_task *task = maru_spawn_on(runtime, family, .fd = fds[0]);
        char *text = dump_until(runtime, "end tasks=4 idle=4 queued=0 running=0 done=0\n");
        cr_assert_eq(count_in(text, "\ntask "), 4u, "%s", text);
        cr_assert_eq(count_in(text, " idle function=sleeper for="), 3u, "%s", text);
        cr_assert_eq(count_in(text, " idle function=family for="), 1u, "%s", text);
        cr_assert_eq(count_in(text, "#0 frame family "), 1u);
        cr_assert_eq(count_in(text, " in=join\n"), 1u);
        cr_assert_eq(count_in(text, "#1 frame guarded "), 1u);
        cr_assert_eq(count_in(text, "#2 wait timeout left=1"), 1u, "%s", text);
        snprintf(needle, sizeof needle, "#3 wait recv fd=%d\n", fds[0]);
        cr_assert_eq(count_in(text, needle), 1u);
        cr_assert_eq(count_in(text, "wait sleep left=3"), 4u, "%s", text);
        cr_assert_eq(count_in(text, "wait join task=0x"), 1u);
        cr_assert_eq(count_in(text, " children=2 unawaited\n"), 1u);
        const char *scope = strstr(text, "wait scope scope=") + strlen("wait scope ");
        snprintf(needle, sizeof needle, "%.*s\n", (int)strcspn(scope, " "), scope);
        cr_assert_eq(count_in(text, needle), 2u, "children name their scope: %s", text);
        free(text);
        maru_cancel(task);
        maru_detach(task);
        world_free(runtime);
        close(fds[0]);
        close(fds[1]);
    }
}

struct ends {
    maru_frame frame;
};

maru_async(ends)
{
    maru_return(7);
}
maru_end;

Test(runtime_dump, a_task_that_has_ended_waits_for_its_handle)
{
    maru_runtime *runtime = world_new(1);
    maru_task *task = maru_spawn_on(runtime, ends);
    char *text = dump_until(runtime, "end tasks=1 idle=0 queued=0 running=0 done=1\n");
    cr_assert_eq(count_in(text, " done function=ends handle\n"), 1u, "%s", text);
    free(text);
    maru_detach(task);
    text = dump_of(runtime);
    cr_assert_eq(count_in(text, "end tasks=0 "), 1u);
    free(text);
    world_free(runtime);
}

Test(runtime_dump, nobody_runs_a_single_runtime_and_it_is_told_nevertheless)
{
    maru_runtime *runtime = world_new(0);
    maru_task *one = maru_spawn_on(runtime, sleeper), *other = maru_spawn_on(runtime, sleeper);
    maru_cancel(other);
    char *text = dump_of(runtime);
    cr_assert_eq(count_in(text, " queued function=sleeper new handle\n"), 1u, "%s", text);
    cr_assert_eq(count_in(text, " queued function=sleeper new cancelled handle\n"), 1u, "%s", text);
    cr_assert_eq(count_in(text, "end tasks=2 idle=0 queued=2 running=0 done=0\n"), 1u);
    free(text);
    maru_detach(one);
    maru_detach(other);
    world_free(runtime);
}

struct dumps_itself {
    maru_frame frame;
    maru_pause pause;
    char *text;
};

maru_async(dumps_itself)
{
    me->text = dump_of(maru_runtime_current());
    WANT(strstr(me->text, " running function=dumps_itself worker="));
    free(me->text);
    maru_try(maru_yield(&me->pause));
    me->text = dump_of(maru_runtime_current());
    WANT(count_in(me->text, " running function=dumps_itself ") == 1);
    free(me->text);
    maru_return(5);
}
maru_end;

Test(runtime_dump, a_task_may_dump_and_finds_itself_running)
{
    EVERYWHERE(5, dumps_itself);
}

/* ---- stuck ---- */

struct stuck {
    maru_frame frame;
    uint32_t *here, *leave;
};

maru_async(stuck)
{
    atomic_add_ar(me->here, 1u);
    while (!atomic_load_acq(me->leave))
        sched_yield();
}
maru_end;

Test(runtime_dump, it_works_while_all_workers_are_stuck)
{
    uint32_t here = 0, leave = 0;
    maru_runtime *runtime = world_new(2);
    maru_task *waits = maru_spawn_on(runtime, sleeper);
    free(dump_until(runtime, "end tasks=1 idle=1 "));
    maru_task *first = maru_spawn_on(runtime, stuck, .here = &here, .leave = &leave);
    maru_task *second = maru_spawn_on(runtime, stuck, .here = &here, .leave = &leave);
    while (atomic_load_acq(&here) < 2)
        sched_yield();
    char *text = dump_of(runtime);
    cr_assert_eq(count_in(text, " running function=stuck worker=0 handle\n"), 1u, "%s", text);
    cr_assert_eq(count_in(text, " running function=stuck worker=1 handle\n"), 1u, "%s", text);
    cr_assert_eq(count_in(text, "wait sleep left="), 1u, "%s", text);
    cr_assert_eq(count_in(text, "end tasks=3 idle=1 queued=0 running=2 done=0\n"), 1u);
    free(text);
    atomic_store_rel(&leave, 1u);
    maru_detach(first);
    maru_detach(second);
    maru_detach(waits);
    world_free(runtime);
}

struct yields {
    maru_frame frame;
    maru_pause pause;
};

maru_async(yields)
{
    for (;;)
        maru_try(maru_yield(&me->pause));
}
maru_end;

Test(runtime_dump, who_has_yielded_is_queued)
{
    uint32_t here = 0, leave = 0;
    maru_runtime *runtime = world_new(1);
    maru_task *task = maru_spawn_on(runtime, yields);
    free(dump_until(runtime, " running function=yields worker=0 "));
    maru_task *blocks = maru_spawn_on(runtime, stuck, .here = &here, .leave = &leave);
    while (!atomic_load_acq(&here))
        sched_yield();
    char *text = dump_of(runtime);
    cr_assert_eq(count_in(text, " queued function=yields handle\n"), 1u, "%s", text);
    free(text);
    atomic_store_rel(&leave, 1u);
    maru_detach(task);
    maru_detach(blocks);
    world_free(runtime);
}

struct guest {
    maru_runtime *runtime;
    uint32_t here, leave;
};

static void *be_stuck(void *arg)
{
    struct guest *guest = arg;
    WANT(maru_block_on(guest->runtime, stuck, .here = &guest->here, .leave = &guest->leave) == 0);
    return NULL;
}

static void *be_asleep(void *arg)
{
    struct guest *guest = arg;
    WANT(maru_block_on(guest->runtime, sleeper) == -ECANCELED);
    return NULL;
}

static int cancel_sleepers(void *arg, const char *text, size_t len)
{
    void *task;
    (void)arg;
    (void)len;
    if (strstr(text, " idle function=sleeper ") && sscanf(text, "task %p", &task) == 1)
        maru_cancel(task);
    return 0;
}

Test(runtime_dump, guests_are_told_like_everybody)
{
    pthread_t threads[2];
    struct guest guest = { .runtime = world_new(1) };
    cr_assert_eq(pthread_create(&threads[0], NULL, be_stuck, &guest), 0);
    cr_assert_eq(pthread_create(&threads[1], NULL, be_asleep, &guest), 0);
    while (!atomic_load_acq(&guest.here))
        sched_yield();
    char *text = dump_until(guest.runtime, "end tasks=2 idle=1 queued=0 running=1 done=0\n");
    cr_assert_eq(count_in(text, " running function=stuck worker=guest handle\n"), 1u, "%s", text);
    cr_assert_eq(count_in(text, " idle function=sleeper for=0."), 1u, "%s", text);
    cr_assert_eq(count_in(text, "#1 wait sleep left=3"), 1u, "%s", text);
    free(text);
    cr_assert_eq(maru_dump_each(guest.runtime, cancel_sleepers, NULL), 0);
    atomic_store_rel(&guest.leave, 1u);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    world_free(guest.runtime);
}

/* ---- size ---- */

struct deep {
    maru_frame frame;
    struct deep *below;
    unsigned level;
    maru_sleep nap;
};

maru_async(deep)
{
    if (me->level < MARU_DEPTH_MAX - 1)
        maru_try(maru_call(deep, me->below, .below = me->below + 1, .level = me->level + 1));
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
}
maru_end;

Test(runtime_dump, a_chain_of_a_thousand_frames_is_told_whole)
{
    struct deep *levels = calloc(MARU_DEPTH_MAX, sizeof *levels);
    maru_runtime *runtime = world_new(1);
    maru_task *task = maru_spawn_on(runtime, deep, .below = levels);
    char *text = dump_until(runtime, " idle function=deep ");
    cr_assert_eq(count_in(text, " frame deep "), (unsigned)MARU_DEPTH_MAX);
    cr_assert_eq(count_in(text, "#1000 wait sleep "), 1u);
    cr_assert_eq(count_in(text, "..."), 0u);
    free(text);
    maru_detach(task);
    world_free(runtime);
    free(levels);
}

struct crowd {
    maru_frame frame;
    maru_scope kids;
    unsigned count;
};

maru_async(crowd)
{
    maru_scope_init(&me->kids, MARU_SCOPE_EACH);
    for (unsigned i = 0; i < me->count; i++)
        maru_check(maru_scope_spawn(&me->kids, sleeper));
    maru_try(maru_scope_wait(&me->kids));
}
maru_end;

struct tally {
    maru_runtime *runtime;
    uint64_t bytes, bytes_most;
    unsigned tasks;
};

static int count_task(void *arg, const char *text, size_t len)
{
    struct tally *tally = arg;
    (void)len;
    if (strncmp(text, "task ", 5) != 0)
        return 0;
    uint64_t bytes = atomic_load_rlx(&tally->runtime->alloc.live_bytes);
    tally->bytes_most = bytes > tally->bytes_most ? bytes : tally->bytes_most;
    tally->tasks++;
    return 0;
}

Test(runtime_dump, a_million_tasks_need_no_more_memory_than_one, .timeout = 120)
{
    enum { CROWD = 1000000 };
    maru_runtime *runtime = world_new(2);
    maru_task *task = maru_spawn_on(runtime, crowd, .count = CROWD);
    struct tally tally = { .runtime = runtime };
    maru_metrics metrics = { .size = sizeof metrics };
    do {
        sched_yield();
        cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    } while (metrics.live_tasks < CROWD + 1);
    tally.bytes = metrics.bytes_allocated;
    cr_assert_eq(maru_dump_each(runtime, count_task, &tally), 0);
    cr_assert_geq(tally.tasks, (unsigned)CROWD);
    cr_assert_lt(tally.bytes_most - tally.bytes, 4u * DUMP_TEXT_BYTES);
    cr_assert_eq(maru_metrics_read(runtime, &metrics), 0);
    cr_assert_eq(metrics.bytes_allocated, tally.bytes, "the buffer is given back");
    maru_cancel(task);
    maru_detach(task);
    world_free(runtime);
}

/* ---- writing ---- */

struct reader {
    int fd;
    pthread_t thread;
    struct page page;
    uint32_t slow;
};

static void *read_all(void *arg)
{
    struct reader *reader = arg;
    char bytes[777];
    ssize_t n;
    while ((n = read(reader->fd, bytes, reader->slow ? 77 : sizeof bytes - 1)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        WANT(n > 0);
        struct page *page = &reader->page;
        page->bytes = realloc(page->bytes, page->used + (size_t)n + 1);
        memcpy(page->bytes + page->used, bytes, (size_t)n);
        page->used += (size_t)n;
        page->bytes[page->used] = '\0';
        if (reader->slow)
            sched_yield();
    }
    return NULL;
}

/* A crowd, so that a dump is larger than a pipe. */
static maru_runtime *crowded(unsigned count)
{
    char needle[64];
    maru_runtime *runtime = world_new(1);
    maru_detach(maru_spawn_on(runtime, crowd, .count = count));
    snprintf(needle, sizeof needle, "end tasks=%u idle=%u ", count + 1, count + 1);
    free(dump_until(runtime, needle));
    return runtime;
}

static void check_pipe(int flags, bool slow)
{
    int fds[2];
    maru_runtime *runtime = crowded(3000);
    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    cr_assert_eq(fcntl(fds[1], F_SETFL, flags), 0);
    struct reader reader = { .fd = fds[0], .slow = slow };
    cr_assert_eq(pthread_create(&reader.thread, NULL, read_all, &reader), 0);
    cr_assert_eq(maru_dump(runtime, fds[1]), 0);
    close(fds[1]);
    pthread_join(reader.thread, NULL);
    close(fds[0]);
    cr_assert_gt(reader.page.used, 200000u);
    cr_assert_eq(count_in(reader.page.bytes, "\ntask "), 3001u);
    cr_assert(strstr(reader.page.bytes, "\nend tasks=3001 idle=3001 "));
    free(reader.page.bytes);
    world_free(runtime);
}

Test(runtime_dump, a_full_pipe_is_waited_for)
{
    check_pipe(0, true);
}

Test(runtime_dump, so_is_one_that_does_not_block)
{
    check_pipe(O_NONBLOCK, true);
}

static void on_alarm(int signo)
{
    (void)signo;
}

Test(runtime_dump, interrupted_writes_go_on)
{
    const struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
    struct sigaction action = { .sa_handler = on_alarm };
    cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
    cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
    check_pipe(0, false);
    check_pipe(O_NONBLOCK, false);
    cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
}

Test(runtime_dump, a_file_gets_the_same_as_a_function)
{
    maru_runtime *runtime = world_new(0);
    int fd = memfd_create("dump", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    maru_task *task = maru_spawn_on(runtime, sleeper);
    cr_assert_eq(maru_dump(runtime, fd), 0);
    char *text = dump_of(runtime), *read_back = calloc(1, strlen(text) + 2);
    cr_assert_eq(pread(fd, read_back, strlen(text) + 1, 0), (ssize_t)strlen(text));
    cr_assert_str_eq(read_back, text);
    free(text);
    free(read_back);
    close(fd);
    maru_detach(task);
    world_free(runtime);
}

/* ---- errors ---- */

static int stop_at_two(void *arg, const char *text, size_t len)
{
    unsigned *parts = arg;
    (void)text;
    (void)len;
    return ++*parts == 2 ? -ENODATA : 0;
}

Test(runtime_dump, a_function_can_end_it)
{
    unsigned parts = 0;
    maru_runtime *runtime = crowded(10);
    cr_assert_eq(maru_dump_each(runtime, stop_at_two, &parts), -ENODATA);
    cr_assert_eq(parts, 2u);
    free(dump_until(runtime, "end tasks=11 idle=11 "));    /* nobody is held any more */
    world_free(runtime);
}

Test(runtime_dump, bad_arguments_are_refused)
{
    struct page page = { 0 };
    maru_runtime *runtime = world_new(1);
    cr_assert_eq(maru_dump(NULL, 1), -EINVAL);
    cr_assert_eq(maru_dump(runtime, -1), -EBADF);
    cr_assert_eq(maru_dump_each(NULL, add_to_page, &page), -EINVAL);
    cr_assert_eq(maru_dump_each(runtime, NULL, &page), -EINVAL);
    cr_assert_eq(page.parts, 0u);
    world_free(runtime);
}

Test(runtime_dump, a_descriptor_that_cannot_be_written_is_an_error)
{
    int fds[2];
    maru_runtime *runtime = world_new(1);
    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    cr_assert_eq(maru_dump(runtime, fds[0]), -EBADF);
    close(fds[0]);
    errno = 123;
    cr_assert_eq(maru_dump(runtime, fds[1]), -EPIPE, "and no SIGPIPE ends the program");
    cr_assert_eq(errno, 123, "errno is the caller's");
    close(fds[1]);
    cr_assert_eq(maru_dump(runtime, fds[1]), -EBADF);
    world_free(runtime);
}

Test(runtime_dump, a_sigpipe_of_the_program_s_own_stays_pending)
{
    int fds[2];
    sigset_t pipe, pending;
    maru_runtime *runtime = world_new(1);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    close(fds[0]);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    cr_assert_eq(maru_dump(runtime, fds[1]), -EPIPE);
    sigpending(&pending);
    cr_assert_not(sigismember(&pending, SIGPIPE));
    raise(SIGPIPE);
    cr_assert_eq(maru_dump(runtime, fds[1]), -EPIPE);
    sigpending(&pending);
    cr_assert(sigismember(&pending, SIGPIPE));
    close(fds[1]);
    world_free(runtime);
}

Test(runtime_dump, no_memory_is_an_error)
{
    struct page page = { 0 };
    maru_runtime *runtime = world_new(1);
    atomic_store_rlx(&runtime->alloc.fail_at, UINT64_C(1));
    cr_assert_eq(maru_dump(runtime, 1), -ENOMEM);
    atomic_store_rlx(&runtime->alloc.fail_at, UINT64_C(1));
    cr_assert_eq(maru_dump_each(runtime, add_to_page, &page), -ENOMEM);
    cr_assert_eq(page.parts, 0u);
    world_free(runtime);
}

/* ---- while it is freed ---- */

struct meeting {
    uint32_t in_dump, freeing;
};

static int wait_for_free(void *arg, const char *text, size_t len)
{
    struct meeting *meeting = arg;
    (void)text;
    (void)len;
    atomic_store_rel(&meeting->in_dump, 1u);
    while (!atomic_load_acq(&meeting->freeing))
        sched_yield();
    return 0;
}

struct dumper {
    maru_runtime *runtime;
    struct meeting meeting;
    int rc;
};

static void *dump_main(void *arg)
{
    struct dumper *dumper = arg;
    dumper->rc = maru_dump_each(dumper->runtime, wait_for_free, &dumper->meeting);
    return NULL;
}

Test(runtime_dump, a_free_waits_for_a_dump_under_way)
{
    pthread_t thread;
    struct dumper dumper = { .runtime = crowded(100), .rc = 1 };
    cr_assert_eq(pthread_create(&thread, NULL, dump_main, &dumper), 0);
    while (!atomic_load_acq(&dumper.meeting.in_dump))
        sched_yield();
    atomic_store_rel(&dumper.meeting.freeing, 1u);
    world_free(dumper.runtime);
    pthread_join(thread, NULL);
    cr_assert_eq(dumper.rc, 0);
}
