/* blocking_job.c - waiting for a blocking function: the futures of maru/blocking.h.
 *
 * While a job is awaited it holds a clock that stands still (pace.c): whoever ends the wait lets go
 * of it, the thread after the wake, the task when it gives up.
 *
 * A job in a frame is what the pool queues, and is its completer's until its leaf is complete. Of
 * a copying one the pool queues a block, so that the frame may go while the function runs (B5). */
#include "runtime/sched/blocking.h"

#include "maru/err.h"
#include "runtime/base/context.h"
#include "runtime/base/local.h"
#include "runtime/task/waker.h"

#include <string.h>

static struct blocking_copy *copy_of(const maru_blocking_job *job)
{
    return job->copy_;
}

/* What the pool knows of the job. */
static maru_blocking_job *entry_of(maru_blocking_job *job)
{
    return job->copy_ ? &copy_of(job)->job : job;
}

static void forget_copy(maru_blocking_job *job)
{
    if (job->copy_)
        blocking_copy_free(job->pool_, copy_of(job));
    job->copy_ = NULL;
}

static int make_copy(maru_blocking_job *job)
{
    struct blocking_copy *copy = blocking_copy_new(job->pool_, job->arg_, job->size_);
    if (!copy)
        return -ENOMEM;
    copy->job.fn_ = job->fn_;
    copy->job.drop_ = job->drop_;
    copy->job.kind_ = BLOCKING_COPIED;
    copy->owner = job;
    job->copy_ = copy;
    return 0;
}

static maru_result first_poll(maru_blocking_job *job, bool strict, const maru_context *cx)
{
    struct local *local = context_here()->local;
    if (!local)
        return -EPERM;
    job->pool_ = local->blocking;
    int rc = job->kind_ == BLOCKING_COPIED ? make_copy(job) : 0;
    if (rc < 0)
        return rc;
    maru_leaf_wait(&job->leaf_, cx);
    clock_hold(local->clock);
    rc = blocking_submit(job->pool_, entry_of(job), strict);
    if (rc == 0)
        return MARU_PENDING;
    clock_release(local->clock);
    forget_copy(job);
    return rc;
}

static maru_result deliver(maru_blocking_job *job)
{
    const maru_blocking_job *entry = entry_of(job);
    maru_result result = entry->result_;
    if (entry != job && job->size_ > 0)
        memcpy(job->arg_, entry->arg_, job->size_);
    forget_copy(job);
    return result;
}

static maru_result give_up(maru_blocking_job *job)
{
    bool withdrawn;
    int rc = blocking_give_up(job->pool_, entry_of(job), &withdrawn);
    if (rc == -EBUSY)
        return MARU_PENDING;
    if (rc == -EALREADY)
        return deliver(job);
    clock_release(context_here()->local->clock);
    if (withdrawn)
        forget_copy(job);
    return -ECANCELED;
}

static maru_result go_on(maru_blocking_job *job, bool strict, const maru_context *cx)
{
    if (leaf_is_idle(&job->leaf_))
        return cx->ending != MARU_GO ? -ECANCELED : first_poll(job, strict, cx);
    if (maru_leaf_is_complete(&job->leaf_))
        return deliver(job);
    return cx->ending == MARU_GO ? MARU_PENDING : give_up(job);
}

static maru_result job_poll(maru_future *self, maru_context *cx)
{
    return go_on((maru_blocking_job *)(void *)self, false, cx);
}

static maru_result try_poll(maru_future *self, maru_context *cx)
{
    return go_on((maru_blocking_job *)(void *)self, true, cx);
}

static const maru_future_type job_type = { job_poll, "blocking" };
static const maru_future_type try_type = { try_poll, "blocking try" };
static const maru_future_type copy_type = { job_poll, "blocking copy" };

static maru_future *start(maru_blocking_job *job, const maru_future_type *type,
                          maru_blocking_fn *fn, void *arg)
{
    if (!job)
        return NULL;
    maru_future *self = maru_future_init(&job->leaf_.future, type);
    job->link_ = (maru_link){ NULL, NULL };
    job->fn_ = fn;
    job->arg_ = arg;
    job->copy_ = NULL;
    job->drop_ = NULL;
    job->size_ = 0;
    job->kind_ = BLOCKING_AWAITED;
    job->stage_ = BLOCKING_NEW;
    return fn ? self : maru_future_ready(self, -EINVAL);
}

maru_future *maru_blocking(maru_blocking_job *job, maru_blocking_fn *fn, void *arg)
{
    return start(job, &job_type, fn, arg);
}

maru_future *maru_blocking_try(maru_blocking_job *job, maru_blocking_fn *fn, void *arg)
{
    return start(job, &try_type, fn, arg);
}

maru_future *maru_blocking_copy(maru_blocking_job *job, maru_blocking_fn *fn,
                                void (*drop)(void *arg), void *arg, size_t size)
{
    maru_future *self = start(job, &copy_type, fn, arg);
    if (!self)
        return NULL;
    job->drop_ = drop;
    job->size_ = size;
    job->kind_ = BLOCKING_COPIED;
    return arg || size == 0 ? self : maru_future_ready(self, -EINVAL);
}
