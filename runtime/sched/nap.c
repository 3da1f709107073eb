/* nap.c - see nap.h. */
#include "runtime/sched/nap.h"

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

#include <errno.h>
#include <time.h>

void nap_init(struct nap *nap)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);
    if (rc == 0)
        rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    CHECK(rc == 0);                             /* Linux has that clock and needs no memory */
    pthread_cond_init(&nap->posted, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&nap->mutex, NULL);
    nap->posts = 0;
}

void nap_fini(struct nap *nap)
{
    pthread_cond_destroy(&nap->posted);
    pthread_mutex_destroy(&nap->mutex);
}

/* All under the mutex: who waits may give the memory back as soon as it has the mutex. */
void nap_post(struct nap *nap)
{
    pthread_mutex_lock(&nap->mutex);
    nap->posts++;
    pthread_cond_signal(&nap->posted);
    pthread_mutex_unlock(&nap->mutex);
}

static struct timespec deadline_of(int64_t ns)
{
    enum { SECOND_NS = 1000000000 };
    int64_t now = clock_real_now();
    int64_t until = ns > INT64_MAX - now ? INT64_MAX : now + ns;
    return (struct timespec){ .tv_sec = until / SECOND_NS, .tv_nsec = until % SECOND_NS };
}

bool nap_wait(struct nap *nap, int64_t ns)
{
    struct timespec deadline = { .tv_sec = 0 };
    int rc = 0;
    if (ns >= 0)
        deadline = deadline_of(ns);
    pthread_mutex_lock(&nap->mutex);
    while (nap->posts == 0 && rc != ETIMEDOUT)
        rc = ns < 0 ? pthread_cond_wait(&nap->posted, &nap->mutex)
                    : pthread_cond_timedwait(&nap->posted, &nap->mutex, &deadline);
    bool taken = nap->posts > 0;
    nap->posts -= taken;
    pthread_mutex_unlock(&nap->mutex);
    return taken;
}
