/* blocking_thread.c - threads of the blocking pool as the system makes them. */
#include "runtime/sched/blocking.h"

#include "maru/err.h"
#include "runtime/base/signals.h"

#include <sched.h>
#include <stdio.h>

static void *thread_main(void *arg)
{
    maru_blocking_job *job = arg;
    const struct blocking *pool = job->pool_;
    const struct blocking_options *options = &pool->options;
    if (options->has_cpus)                      /* a wish */
        (void)sched_setaffinity(0, sizeof options->cpus,
                                (const cpu_set_t *)(const void *)options->cpus);
    blocking_run(job);
    return NULL;
}

int blocking_thread_start(const struct blocking_options *options, maru_blocking_job *job)
{
    pthread_attr_t attr;
    pthread_t handle;
    sigset_t before;
    if (pthread_attr_init(&attr) != 0)
        return -EAGAIN;
    int rc = options->stack_bytes > 0 ? pthread_attr_setstacksize(&attr, options->stack_bytes) : 0;
    signals_block(&before);
    if (rc == 0)
        rc = pthread_create(&handle, &attr, thread_main, job);
    signals_restore(&before);
    (void)pthread_attr_destroy(&attr);          /* has nothing to fail */
    return rc == 0 ? 0 : -EAGAIN;
}

pthread_t blocking_thread_self(void)
{
    return pthread_self();
}

void blocking_thread_name(uint32_t number)
{
    enum { NAMED_MOST = 1000000, NAME_BYTES = 16 };     /* the kernel keeps 15 letters */
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "maru-blk-%u", number % NAMED_MOST);  /* it fits */
    (void)pthread_setname_np(pthread_self(), name);     /* a help for who looks */
}

void blocking_thread_join(pthread_t handle)
{
    (void)pthread_join(handle, NULL);           /* a joinable thread that is not joined yet */
}

void blocking_thread_detach(pthread_t handle)
{
    (void)pthread_detach(handle);               /* likewise */
}
