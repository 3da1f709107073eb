/* blocking.c - see blocking.h. */
#include "runtime/sched/blocking.h"

#include "maru/err.h"
#include "runtime/base/check.h"
#include "runtime/base/hooks.h"
#include "runtime/base/list.h"
#include "runtime/base/lock.h"
#include "runtime/task/waker.h"

#include <string.h>

/* ---- blocks ---- */

/* The copy of an argument begins where anything may. */
enum { COPY_ALIGN = _Alignof(max_align_t) };
enum { COPY_HEAD = (sizeof(struct blocking_copy) + COPY_ALIGN - 1) / COPY_ALIGN * COPY_ALIGN };

struct blocking_copy *blocking_copy_new(struct blocking *pool, const void *arg, size_t size)
{
    if (size > PTRDIFF_MAX - COPY_HEAD)
        return NULL;
    struct blocking_copy *copy = alloc_get(&pool->alloc, COPY_HEAD + size, COPY_ALIGN);
    if (!copy)
        return NULL;
    memset(copy, 0, sizeof *copy);
    copy->job.size_ = size;
    copy->job.arg_ = (void *)(uintptr_t)arg;
    if (size > 0) {
        copy->job.arg_ = (char *)copy + COPY_HEAD;
        memcpy(copy->job.arg_, arg, size);
    }
    return copy;
}

void blocking_copy_free(struct blocking *pool, struct blocking_copy *copy)
{
    if (copy)
        alloc_put(&pool->alloc, copy, COPY_HEAD + copy->job.size_, COPY_ALIGN);
}

static struct blocking_copy *copy_of(maru_blocking_job *job)
{
    return (struct blocking_copy *)(void *)job;
}

/* ---- making and freeing ---- */

int blocking_new(const struct blocking_options *options, struct blocking **ret_pool)
{
    struct alloc alloc = { .user = options->allocator };
    struct blocking *pool = alloc_get_zeroed(&alloc, sizeof *pool, COPY_ALIGN);
    if (!pool)
        return -ENOMEM;
    pool->alloc = alloc;
    pool->options = *options;
    list_init(&pool->queue);
    list_init(&pool->threads);
    list_init(&pool->idle);
    nap_init(&pool->gone);
    *ret_pool = pool;
    return 0;
}

static void dispose(struct blocking *pool)
{
    struct alloc alloc = pool->alloc;
    nap_fini(&pool->gone);
    alloc_put(&alloc, pool, sizeof *pool, COPY_ALIGN);
}

/* ---- under the lock ---- */

static maru_blocking_job *job_of(maru_link *link)
{
    return container_of(link, maru_blocking_job, link_);
}

static void take(struct blocking *pool, maru_blocking_job *job)
{
    job->stage_ = BLOCKING_TAKEN;
    pool->abandoned += job->kind_ == BLOCKING_ABANDONED;
}

static void enqueue(struct blocking *pool, maru_blocking_job *job)
{
    job->stage_ = BLOCKING_QUEUED;
    list_append(&pool->queue, &job->link_);
    pool->queued++;
}

static void dequeue(struct blocking *pool, maru_blocking_job *job)
{
    list_remove(&job->link_);
    pool->queued--;
}

/* Takes the thread that turned idle last off the list (B3): the others' time runs out. */
static struct blocking_thread *wake_idle(struct blocking *pool, maru_blocking_job *job)
{
    if (list_is_empty(&pool->idle))
        return NULL;
    struct blocking_thread *thread = container_of(pool->idle.next_, struct blocking_thread,
                                                  idle_link);
    list_remove(&thread->idle_link);
    pool->resting--;
    thread->job = job;
    return thread;
}

/* True: blocking_free waits for this, and the caller posts after the lock. */
static bool is_last_awaited(struct blocking *pool)
{
    bool tell = pool->is_awaited && pool->live + pool->starting == pool->abandoned;
    pool->is_awaited &= !tell;
    return tell;
}

/* ---- submitting ---- */

enum place { PLACE_IDLE, PLACE_START, PLACE_QUEUED, PLACE_FULL, PLACE_NOBODY, PLACE_LATER };

/* Where a job goes. LATER: only while somebody starts the first threads, which is not decided. */
static enum place place(struct blocking *pool, maru_blocking_job *job, bool strict,
                        bool may_start, struct blocking_thread **ret_idle)
{
    struct blocking_thread *idle = wake_idle(pool, job);
    if (idle) {
        take(pool, job);
        *ret_idle = idle;
        return PLACE_IDLE;
    }
    if (may_start && pool->live + pool->starting < pool->options.threads) {
        take(pool, job);
        pool->starting++;
        return PLACE_START;
    }
    if (pool->live == 0)
        return pool->starting > 0 ? PLACE_LATER : PLACE_NOBODY;
    if (strict && pool->queued >= pool->options.queue)
        return PLACE_FULL;
    enqueue(pool, job);
    return PLACE_QUEUED;
}

/* A start has come to something: those who wait for it look again. */
static void decide(struct blocking *pool)
{
    pool->starting--;
    atomic_store_rel(&pool->decided, pool->decided + 1);    /* pairs with await_decision */
}

static void await_decision(struct blocking *pool, uint32_t seen)
{
    struct relax relax = { 0 };
    while (atomic_load_acq(&pool->decided) == seen)         /* pairs with decide */
        relax_turn(&relax);
}

/* The system has no thread for us: the job is as before. */
static void undo_start(struct blocking *pool, maru_blocking_job *job)
{
    lock_take(&pool->lock);
    decide(pool);
    pool->abandoned -= job->kind_ == BLOCKING_ABANDONED;
    job->stage_ = BLOCKING_NEW;
    lock_give(&pool->lock);
}

int blocking_submit(struct blocking *pool, maru_blocking_job *job, bool strict)
{
    bool may_start = true;
    job->pool_ = pool;
    for (;;) {
        struct blocking_thread *idle = NULL;
        lock_take(&pool->lock);
        uint32_t decided = pool->decided;
        enum place where = place(pool, job, strict, may_start, &idle);
        lock_give(&pool->lock);
        switch (where) {
        case PLACE_IDLE:
            nap_post(&idle->nap);
            return 0;
        case PLACE_START:
            if (blocking_thread_start(&pool->options, job) == 0)
                return 0;
            undo_start(pool, job);
            may_start = false;
            break;
        case PLACE_QUEUED:
            return 0;
        case PLACE_FULL:
        case PLACE_NOBODY:
            return -EAGAIN;
        case PLACE_LATER:
            await_decision(pool, decided);
            break;
        }
    }
}

int blocking_abandon(struct blocking *pool, maru_blocking_fn *fn, const void *arg, size_t size)
{
    if (!fn || (!arg && size > 0))
        return -EINVAL;
    struct blocking_copy *copy = blocking_copy_new(pool, arg, size);
    if (!copy)
        return -ENOMEM;
    copy->job.fn_ = fn;
    copy->job.kind_ = BLOCKING_ABANDONED;
    int rc = blocking_submit(pool, &copy->job, true);
    if (rc < 0)
        blocking_copy_free(pool, copy);
    return rc;
}

int blocking_give_up(struct blocking *pool, maru_blocking_job *job, bool *ret_withdrawn)
{
    int rc = job->kind_ == BLOCKING_COPIED ? 0 : -EBUSY;
    lock_take(&pool->lock);
    *ret_withdrawn = job->stage_ == BLOCKING_QUEUED;
    if (*ret_withdrawn) {
        dequeue(pool, job);
        rc = 0;
    } else if (job->stage_ == BLOCKING_ENDED) {
        rc = -EALREADY;
    } else if (rc == 0) {
        copy_of(job)->owner = NULL;             /* its thread drops it (B5) */
        pool->abandoned++;
    }
    lock_give(&pool->lock);
    return rc;
}

/* ---- running ---- */

/* The runtime is there: it waits for threads whose job was awaited. */
static void tell_end(const struct blocking *pool)
{
    if (pool->options.on_end)
        pool->options.on_end(pool->options.sched);
}

/* True: somebody waited for the copy, and has it now. */
static bool hand_back(struct blocking *pool, struct blocking_copy *copy, maru_result result)
{
    struct wake wake = { .waker = NULL };
    lock_take(&pool->lock);
    maru_blocking_job *owner = copy->owner;
    if (owner) {
        copy->job.result_ = result;
        copy->job.stage_ = BLOCKING_ENDED;
        wake = leaf_publish(&owner->leaf_);
    }
    lock_give(&pool->lock);
    if (owner) {
        wake_finish(wake);
        tell_end(pool);
    }
    return owner;
}

/* True: nobody waited for it. */
static bool run(struct blocking *pool, maru_blocking_job *job)
{
    maru_result result = job->fn_(job->arg_);
    if (UNLIKELY(result == MARU_PENDING))
        result = -EINVAL;
    if (job->kind_ == BLOCKING_AWAITED) {
        job->result_ = result;
        maru_leaf_complete(&job->leaf_);
        tell_end(pool);
        return false;
    }
    if (job->kind_ == BLOCKING_COPIED && hand_back(pool, copy_of(job), result))
        return false;
    if (job->kind_ == BLOCKING_COPIED && job->drop_)
        job->drop_(job->arg_);
    blocking_copy_free(pool, copy_of(job));
    return true;
}

/* ---- leaving ---- */

/* What a thread that has left the pool still has to do; the pool may be gone for it. */
struct farewell {
    pthread_t former;
    bool joins, detaches, frees, tells;
};

/* Under the lock, with nothing queued. Each thread joins the one that left before it, and
 * blocking_free the last one: what has ended does not pile up. */
static struct farewell leave(struct blocking *pool, struct blocking_thread *self)
{
    struct farewell farewell = { 0 };
    list_remove(&self->link);
    pool->live--;
    if (pool->released) {
        farewell.detaches = true;
        farewell.frees = pool->live + pool->starting == 0;
        return farewell;
    }
    farewell.joins = pool->has_left;
    farewell.former = pool->left;
    pool->has_left = true;
    pool->left = self->handle;
    farewell.tells = is_last_awaited(pool);
    return farewell;
}

static void say(struct blocking *pool, const struct blocking_thread *self, struct farewell farewell)
{
    if (farewell.tells)
        nap_post(&pool->gone);
    if (farewell.joins)
        blocking_thread_join(farewell.former);
    if (farewell.detaches)
        blocking_thread_detach(self->handle);
    if (farewell.frees)
        dispose(pool);
}

/* ---- the thread ---- */

static void turn_idle(struct blocking *pool, struct blocking_thread *self)
{
    list_append(pool->idle.next_, &self->idle_link);    /* before the first one */
    pool->resting++;
}

/* Time is up, and nobody has taken it off the list. */
static struct farewell retire(struct blocking *pool, struct blocking_thread *self)
{
    list_remove(&self->idle_link);
    pool->resting--;
    return leave(pool, self);
}

/* The job that it is woken for; NULL: it has left. */
static maru_blocking_job *rest(struct blocking *pool, struct blocking_thread *self)
{
    struct farewell farewell;
    bool woken = nap_wait(&self->nap, pool->options.keep_alive_ns);
    lock_take(&pool->lock);
    bool taken = !list_is_linked(&self->idle_link);
    maru_blocking_job *job = taken ? self->job : NULL;
    if (!job)
        farewell = taken ? leave(pool, self) : retire(pool, self);
    lock_give(&pool->lock);
    if (taken && !woken)
        (void)nap_wait(&self->nap, NAP_FOR_EVER);       /* the post is on its way (B3) */
    if (!job)
        say(pool, self, farewell);
    return job;
}

/* The next job; NULL: it has left. */
static maru_blocking_job *next(struct blocking *pool, struct blocking_thread *self,
                               bool was_abandoned)
{
    struct farewell farewell = { .tells = false };
    maru_blocking_job *job = NULL;
    lock_take(&pool->lock);
    pool->abandoned -= was_abandoned;
    bool leaves = pool->closed && list_is_empty(&pool->queue);
    if (!list_is_empty(&pool->queue)) {
        job = job_of(pool->queue.next_);
        dequeue(pool, job);
        take(pool, job);
        farewell.tells = is_last_awaited(pool);
    } else if (leaves) {
        farewell = leave(pool, self);
    } else {
        turn_idle(pool, self);
    }
    lock_give(&pool->lock);
    say(pool, self, farewell);
    return job || leaves ? job : rest(pool, self);
}

static uint32_t check_in(struct blocking *pool, struct blocking_thread *self)
{
    lock_take(&pool->lock);
    decide(pool);
    pool->live++;
    list_append(&pool->threads, &self->link);
    uint32_t number = pool->made++;
    lock_give(&pool->lock);
    return number;
}

void blocking_run(maru_blocking_job *job)
{
    struct blocking *pool = job->pool_;
    struct blocking_thread self = { .handle = blocking_thread_self() };
    const maru_hooks hooks = pool->options.hooks;       /* the pool may be gone at the end */
    nap_init(&self.nap);
    uint32_t number = check_in(pool, &self);
    blocking_thread_name(number);
    hooks_thread_start(&hooks, MARU_FIRST_BLOCKING_THREAD + number);
    while (job)
        job = next(pool, &self, run(pool, job));
    hooks_thread_stop(&hooks, MARU_FIRST_BLOCKING_THREAD + number);
    nap_fini(&self.nap);
}

/* ---- the runtime ---- */

void blocking_free(struct blocking *pool)
{
    struct blocking_thread *idle;
    if (!pool)
        return;
    lock_take(&pool->lock);
    pool->closed = true;
    while ((idle = wake_idle(pool, NULL))) {
        lock_give(&pool->lock);
        nap_post(&idle->nap);
        lock_take(&pool->lock);
    }
    while (pool->live + pool->starting != pool->abandoned) {
        pool->is_awaited = true;
        lock_give(&pool->lock);
        (void)nap_wait(&pool->gone, NAP_FOR_EVER);
        lock_take(&pool->lock);
    }
    pool->released = true;
    bool frees = pool->live + pool->starting == 0;
    bool joins = pool->has_left;
    pthread_t left = pool->left;
    lock_give(&pool->lock);
    if (joins)
        blocking_thread_join(left);
    if (frees)
        dispose(pool);
}

void blocking_forget(struct blocking *pool)
{
    if (pool)
        dispose(pool);
}

bool blocking_is_here(struct blocking *pool)
{
    bool here = false;
    if (!pool)
        return false;
    lock_take(&pool->lock);
    for (maru_link *link = pool->threads.next_; link != &pool->threads; link = link->next_)
        here |= pthread_equal(container_of(link, struct blocking_thread, link)->handle,
                              pthread_self());
    lock_give(&pool->lock);
    return here;
}

void blocking_count(struct blocking *pool, struct blocking_counts *ret_counts)
{
    lock_take(&pool->lock);
    ret_counts->threads = pool->live + pool->starting;
    ret_counts->idle = pool->resting;
    ret_counts->queued = pool->queued;
    lock_give(&pool->lock);
    ret_counts->bytes = atomic_load_rlx(&pool->alloc.live_bytes);   /* no partner: a metric */
}
