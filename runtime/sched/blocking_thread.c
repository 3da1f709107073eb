/* blocking_thread.c - threads of the blocking pool as the system makes them. */
#include "runtime/sched/blocking.h"

#include "maru/err.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>

static void *thread_main(void *job)
{
    blocking_run(job);
    return NULL;
}

/* Signals are the program's business: our threads take none but those they cause. */
static void signals_of_a_thread(sigset_t *ret_set)
{
    static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT };
    sigfillset(ret_set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(ret_set, own[i]);
}

/* The mask is inherited: so it is ours for the moment of the thread's making. */
static int create(const pthread_attr_t *attr, maru_blocking_job *job)
{
    sigset_t blocked, before;
    pthread_t handle;
    signals_of_a_thread(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int rc = pthread_create(&handle, attr, thread_main, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int blocking_thread_start(const struct blocking_options *options, maru_blocking_job *job)
{
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);
    if (rc != 0)
        return -EAGAIN;
    if (options->stack_bytes > 0)
        rc = pthread_attr_setstacksize(&attr, options->stack_bytes);
    if (rc == 0)
        rc = create(&attr, job);
    (void)pthread_attr_destroy(&attr);          /* has nothing to fail */
    return rc == 0 ? 0 : -EAGAIN;
}

pthread_t blocking_thread_self(void)
{
    return pthread_self();
}

static void name_it(uint32_t number)
{
    enum { NAMED_MOST = 1000000, NAME_BYTES = 16 };     /* the kernel keeps 15 letters */
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "maru-blk-%u", number % NAMED_MOST);  /* it fits */
    (void)pthread_setname_np(pthread_self(), name);     /* a help for who looks */
}

void blocking_thread_begin(const struct blocking_options *options, uint32_t number)
{
    if (options->has_cpus)
        (void)sched_setaffinity(0, sizeof options->cpus,
                                (const cpu_set_t *)(const void *)options->cpus);    /* a wish */
    name_it(number);
}

void blocking_thread_join(pthread_t handle)
{
    (void)pthread_join(handle, NULL);           /* a joinable thread that is not joined yet */
}

void blocking_thread_detach(pthread_t handle)
{
    (void)pthread_detach(handle);               /* likewise */
}
