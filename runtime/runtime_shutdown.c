/* runtime_shutdown.c - ending everything within a time, and telling what has not ended. */
#include "maru/dump.h"
#include "runtime/runtime_parts.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* ---- deadlines ---- */

static int64_t deadline_after(int64_t timeout_ns)
{
    int64_t now = clock_real_now(), deadline;
    if (timeout_ns < 0 || __builtin_add_overflow(now, timeout_ns, &deadline))
        return INT64_MAX;
    return deadline;
}

static int64_t time_left(int64_t deadline_ns)
{
    int64_t now = clock_real_now();
    if (deadline_ns == INT64_MAX)
        return INT64_MAX;
    return deadline_ns > now ? deadline_ns - now : 0;
}

/* ---- waiting ---- */

/* The calling thread's own worker. True: it has stopped. */
static bool run_until(struct worker *worker, int64_t deadline_ns)
{
    int64_t left;
    while ((left = time_left(deadline_ns)) > 0) {
        switch (worker_step(worker)) {
        case STEP_STOPPED:
            return true;
        case STEP_PARK:
            worker_sleep_at_most(worker, left);
            break;
        case STEP_RAN:
        case STEP_IDLE:
            break;
        }
    }
    return atomic_load_acq(&worker->sched->stopped);    /* pairs with is_over: store */
}

/* The threads. True: they have left their loops. */
static bool wait_until(maru_runtime *runtime, int64_t deadline_ns)
{
    const struct timespec until = { .tv_sec = (time_t)(deadline_ns / MARU_SEC),
                                    .tv_nsec = (long)(deadline_ns % MARU_SEC) };
    int rc = 0;
    pthread_mutex_lock(&runtime->mutex);
    while (runtime->left < runtime->started && rc == 0)
        rc = pthread_cond_timedwait(&runtime->changed, &runtime->mutex, &until);
    bool over = runtime->left == runtime->started;
    pthread_mutex_unlock(&runtime->mutex);
    return over;
}

static bool is_over_by(maru_runtime *runtime, int64_t deadline_ns)
{
    bool over = true;
    if (runtime->first_thread) {
        worker_enter(&runtime->sched.workers[0]);
        over = run_until(&runtime->sched.workers[0], deadline_ns);
        worker_leave(&runtime->sched.workers[0]);
    }
    return over && wait_until(runtime, deadline_ns);
}

/* ---- telling ---- */

static void report(maru_runtime *runtime, int fd)
{
    char line[64];
    int len = snprintf(line, sizeof line, "%llu tasks still run\n",
                       (unsigned long long)metrics_live_tasks(runtime));
    int rc = write(fd, line, (size_t)len) < 0 ? -errno : maru_dump(runtime, fd);
    if (rc < 0)
        log_write(&runtime->log, MARU_LOG_WARNING, "the report of a shutdown: %s",
                  maru_err_text(rc));
}

int maru_runtime_shutdown(maru_runtime *runtime, int64_t timeout_ns, int report_fd)
{
    if (!runtime)
        return -EINVAL;
    int rc = runtime_may_enter(runtime, true);
    if (rc < 0)
        return rc;
    int64_t deadline_ns = deadline_after(timeout_ns);
    struct context before = runtime_step_out();
    sched_close(&runtime->sched);
    bool over = is_over_by(runtime, deadline_ns);
    runtime_step_back(&before);
    if (over)
        return 0;
    if (report_fd >= 0)
        report(runtime, report_fd);
    return -ETIMEDOUT;
}
