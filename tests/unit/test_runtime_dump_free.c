/* test_runtime_dump_free.c - a runtime that is freed while the last bytes of a dump are written. */
#include "maru/dump.h"

#include "runtime/runtime_parts.h"
#include "tests/unit/async_world.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

ASYNC_SUITE(runtime_dump_free);

struct writer {
    maru_runtime *runtime;
    int fd;
    uint32_t freed;
};

static void *write_main(void *arg)
{
    struct writer *writer = arg;
    WANT(maru_dump(writer->runtime, writer->fd) == 0);
    return NULL;
}

static void *free_main(void *arg)
{
    struct writer *writer = arg;
    WANT(maru_runtime_free(writer->runtime) == 0);
    atomic_store_rel(&writer->freed, 1u);
    return NULL;
}

static void fill(int fd)
{
    char bytes[4096] = { 0 };
    cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
    cr_assert_eq(fcntl(fd, F_SETFL, 0), 0);
}

/* A short dump is written at its end, after the last task was looked at. */
Test(runtime_dump_free, it_waits_for_the_last_bytes)
{
    int fds[2];
    char bytes[4096];
    pthread_t writes, frees;
    struct writer writer = { .runtime = world_new(1) };
    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    writer.fd = fds[1];
    fill(fds[1]);
    cr_assert_eq(pthread_create(&writes, NULL, write_main, &writer), 0);
    while (atomic_load_acq(&writer.runtime->sched.visitors) == 0)
        sched_yield();
    cr_assert_eq(pthread_create(&frees, NULL, free_main, &writer), 0);
    (void)poll(NULL, 0, 100);                   /* time enough to free it too early */
    cr_assert(!atomic_load_acq(&writer.freed), "the dump is still under way");
    cr_assert_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    while (!atomic_load_acq(&writer.freed))
        if (read(fds[0], bytes, sizeof bytes) < 0)
            sched_yield();
    pthread_join(writes, NULL);
    pthread_join(frees, NULL);
    close(fds[0]);
    close(fds[1]);
}
