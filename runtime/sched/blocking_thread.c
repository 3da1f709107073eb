/* blocking_thread.c - threads of the blocking pool as the system makes them. */
#include "runtime/sched/blocking.h"

#include "maru/err.h"

#include <sched.h>
#include <signal.h>
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

/* Signals are the program's business: our threads take none but those they cause. */
static void block_signals(sigset_t *ret_before)
{
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT };
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&set, own[i]);
    pthread_sigmask(SIG_SETMASK, &set, ret_before);
}

int blocking_thread_start(const struct blocking_options *options, maru_blocking_job *job)
{
    pthread_attr_t attr;
    pthread_t handle;
    sigset_t before;
    if (pthread_attr_init(&attr) != 0)
        return -EAGAIN;
    int rc = options->stack_bytes > 0 ? pthread_attr_setstacksize(&attr, options->stack_bytes) : 0;
    block_signals(&before);
    if (rc == 0)
        rc = pthread_create(&handle, &attr, thread_main, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
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
