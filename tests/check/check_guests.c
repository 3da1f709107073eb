/* check_guests.c - several threads from outside on one runtime: they come and go, sleep, spawn,
 * talk over sockets to tasks of the workers and to each other; for ThreadSanitizer and
 * AddressSanitizer as well as for the plain build.
 *
 *     check_guests [--quick]
 *
 * At the end as many tasks have ended as have begun. Timing decides nothing. */
#include "maru.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GUESTS = 4, ROUNDS = 100, ROUNDS_QUICK = 12 };

static int rounds = ROUNDS;

struct echo {
    maru_frame frame;
    int fd;
    maru_op io;
    char bytes[16];
};

maru_async(echo)
{
    for (;;) {
        maru_result n;
        maru_try(n, maru_recv(&me->io, me->fd, me->bytes, sizeof me->bytes));
        if (n == 0)
            break;
        maru_try(maru_send_all(&me->io, me->fd, me->bytes, (size_t)n));
    }
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;

struct adds {
    maru_frame frame;
    int to;
    maru_sleep nap;
};

maru_async(adds)
{
    maru_try(maru_sleep_for(&me->nap, me->to % 3 * 100 * MARU_USEC));
    maru_return(me->to);
}
maru_end;

/* One visit: a socket to a task, children, a detached task that outlives the guest, a limit, polls
 * that are given up before, while and after the home worker is told of them. */
struct visit {
    maru_frame frame;
    int fds[2], i;
    maru_op io;
    maru_sleep nap;
    maru_timeout limit;
    maru_scope echoes, work;
    char byte;
};

maru_async(visit)
{
    maru_result n;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, me->fds) < 0)
        maru_return(-errno);
    maru_check(maru_scope_spawn(&me->echoes, echo, .fd = me->fds[1]));
    for (me->i = 0; me->i < 10; me->i++) {
        me->byte = (char)me->i;
        maru_try(maru_send_all(&me->io, me->fds[0], &me->byte, 1));
        maru_try(n, maru_recv(&me->io, me->fds[0], &me->byte, 1));
        if (n != 1 || me->byte != (char)me->i)
            maru_return(-EPROTO);
        maru_check(maru_scope_spawn(&me->work, adds, .to = me->i));
        maru_detach(maru_spawn(adds, .to = me->i));
    }
    maru_await(n, maru_within(&me->limit, 50 * MARU_USEC,
                              maru_recv(&me->io, me->fds[0], &me->byte, 1)));
    if (n != -ETIMEDOUT)
        maru_return(-EPROTO);
    for (me->i = 0; me->i < 10; me->i++) {
        maru_await(n, maru_within(&me->limit, me->i * 10 * MARU_USEC,
                                  maru_fd_ready(&me->io, me->fds[0], MARU_READABLE)));
        if (n != -ETIMEDOUT)
            maru_return(-EPROTO);
    }
    maru_try(maru_scope_wait(&me->work));
    maru_try(maru_shutdown(&me->io, me->fds[0], SHUT_WR));   /* or the echo would never end */
maru_finally:
    maru_await(maru_close(&me->io, me->fds[0]));
}
maru_end;

static void *be_guest(void *runtime)
{
    for (int i = 0; i < rounds; i++) {
        for (int outside = 0; outside < 10; outside++)      /* they end while others sit down */
            maru_detach(maru_spawn_on(runtime, adds, .to = outside));
        maru_result rc = maru_block_on(runtime, visit);
        if (rc < 0)
            return (void *)(intptr_t)rc;
    }
    return NULL;
}

static bool run(uint32_t workers)
{
    pthread_t threads[GUESTS];
    maru_runtime *runtime;
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.workers = workers;
    int rc = maru_runtime_new(&options, &runtime);
    for (int i = 0; rc == 0 && i < GUESTS; i++)
        rc = -pthread_create(&threads[i], NULL, be_guest, runtime);
    for (int i = 0; rc >= 0 && i < GUESTS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        rc = result ? (int)(intptr_t)result : rc;
    }
    if (rc == 0)
        rc = maru_runtime_free(runtime);
    printf("%-6s  %u workers, %d guests%s%s\n", rc == 0 ? "ok" : "FAILED", workers, GUESTS,
           rc < 0 ? ": " : "", rc < 0 ? maru_err_name(rc) : "");
    return rc == 0;
}

int main(int argc, char **argv)
{
    unsigned passed = 0, failed = 0;
    if (argc > 2 || (argc == 2 && strcmp(argv[1], "--quick") != 0)) {
        fprintf(stderr, "usage: check_guests [--quick]\n");
        return 2;
    }
    if (argc == 2)
        rounds = ROUNDS_QUICK;
    for (uint32_t workers = 1; workers <= 4; workers *= 2) {
        bool right = run(workers);
        passed += right;
        failed += !right;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0;
}
