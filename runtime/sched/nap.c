/* nap.c - see nap.h. */
#include "runtime/sched/nap.h"

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

#include <errno.h>
#include <time.h>

void nap_init(struct nap *nap)
{
    int rc = sem_init(&nap->sem, 0, 0);
    CHECK(rc == 0);                             /* a count of 0, within the process */
}

void nap_fini(struct nap *nap)
{
    (void)sem_destroy(&nap->sem);               /* fails only for what is no semaphore */
}

void nap_post(struct nap *nap)
{
    int rc = sem_post(&nap->sem);
    CHECK(rc == 0);                             /* fails only beyond two billion posts */
}

static void wait_for_ever(struct nap *nap)
{
    while (sem_wait(&nap->sem) < 0)
        CHECK(errno == EINTR);
}

bool nap_wait(struct nap *nap, int64_t ns)
{
    if (ns < 0) {
        wait_for_ever(nap);
        return true;
    }
    int64_t now = clock_real_now();
    int64_t until_ns = ns > INT64_MAX - now ? INT64_MAX : now + ns;
    const struct timespec until = { .tv_sec = until_ns / 1000000000,
                                    .tv_nsec = until_ns % 1000000000 };
    while (sem_clockwait(&nap->sem, CLOCK_MONOTONIC, &until) < 0) {
        if (errno == ETIMEDOUT)
            return false;
        CHECK(errno == EINTR);
    }
    return true;
}
