/* runtime.c - the composition root: making and freeing a runtime, entering it, main. With its
 * neighbours runtime_*.c and metrics.c the only file that knows everybody. */
#include "runtime/runtime_parts.h"

#include "runtime/runtime_dump.h"

#include <stdio.h>

/* ---- making and freeing ---- */

static size_t threads_size(const maru_runtime *runtime)
{
    return runtime->sched.count * sizeof(pthread_t);
}

/* A dead runtime's condition may have waiters, in the parent: destroying it would wait for them. */
static void release(maru_runtime *runtime)
{
    struct alloc alloc;
    bool dead = runtime->alive && runtime_is_dead(runtime);
    if (dead) {
        dump_signal_abandon(runtime);
        io_abandon(&runtime->io);
        blocking_forget(runtime->blocking);
    } else {
        blocking_free(runtime->blocking);
        io_fini(&runtime->io);
        pthread_mutex_destroy(&runtime->mutex);
        pthread_cond_destroy(&runtime->changed);
    }
    runtime_unmark(runtime);
    alloc_put(&runtime->alloc, runtime->threads, threads_size(runtime), sizeof(void *));
    sched_fini(&runtime->sched, &runtime->alloc);
    alloc = runtime->alloc;
    alloc_put(&alloc, runtime, sizeof *runtime, 64);
}

static void connect_rooms(maru_runtime *runtime)
{
    struct sched *sched = &runtime->sched;
    sched->outside.drivers = runtime->io.by_id;
    sched->outside.io = &runtime->io;
    sched->outside.blocking = runtime->blocking;
    for (uint32_t id = 0; id < sched->count; id++) {
        struct local *local = &sched->workers[id].local;
        local->driver = runtime->io.by_id[id];
        local->drivers = runtime->io.by_id;
        local->io = &runtime->io;
        local->blocking = runtime->blocking;
    }
}

/* Where rings are refused, programs run on epoll and should know. */
static void tell_backend(maru_runtime *runtime, uint32_t kind)
{
    const char *backend = runtime->io.backend->name;
    int refused = runtime->io.refused;
    if (kind == MARU_IO_AUTO && refused < 0)
        log_write(&runtime->log, MARU_LOG_INFO, "I/O backend: %s, for a ring is refused: %s",
                  backend, maru_err_text(refused));
    else
        log_write(&runtime->log, MARU_LOG_INFO, "I/O backend: %s", backend);
}

static int build(maru_runtime *runtime, const maru_options *options)
{
    bool spin = options->spin_us != UINT32_MAX;
    struct sched_options sched = { .alloc = &runtime->alloc,
                                   .workers = options->workers,
                                   .budget = options->budget,
                                   .seed = options->seed,
                                   .spin_ns = spin ? options->spin_us * INT64_C(1000) : 0,
                                   .clock.can_pause = options->flavor == MARU_FLAVOR_SINGLE,
                                   .turn_interval = options->turn_interval,
                                   .hooks = options->hooks ? &runtime->hooks : NULL,
                                   .log = &runtime->log,
                                   .runtime = runtime,
                                   .alive = runtime->alive };
    int rc = sched_init(&runtime->sched, &sched);
    if (rc < 0)
        return rc;
    if (options->clock == MARU_CLOCK_VIRTUAL)
        sched_start_paused(&runtime->sched);
    runtime->threads = alloc_get_zeroed(&runtime->alloc, threads_size(runtime), sizeof(void *));
    if (!runtime->threads)
        return -ENOMEM;
    rc = runtime_make_blocking(runtime, options);
    if (rc < 0)
        return rc;
    rc = io_init(&runtime->io, &runtime->alloc, options->io, options->workers);
    if (rc < 0)
        return rc;
    connect_rooms(runtime);
    tell_backend(runtime, options->io);
    return 0;
}

/* The caller becomes worker 0, or gets threads for all. */
static int start(maru_runtime *runtime)
{
    int rc = runtime->first_thread ? runtime_attach(runtime, 0) : 0;
    return rc == 0 ? runtime_start_threads(runtime) : rc;
}

/* What is constant for the runtime's life. */
static void configure(maru_runtime *runtime, const maru_options *options, const maru_hooks *hooks)
{
    pthread_condattr_t monotonic;
    runtime->hooks = *hooks;
    runtime->log = (struct log){ options->log, options->log_arg };
    runtime->flavor = options->flavor;
    runtime->owner = pthread_self();
    runtime->pin = options->pin;
    runtime->stack_bytes = options->stack_bytes;
    (void)snprintf(runtime->name, sizeof runtime->name, "%s", options->name);    /* may be cut */
    pthread_mutex_init(&runtime->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&runtime->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static int runtime_new(const maru_options *user, bool caller_is_worker,
                       maru_runtime **ret_runtime)
{
    struct alloc alloc = { .live_blocks = 0 };
    maru_options options;
    maru_hooks hooks = { .size = 0 };
    if (runtime_is_inside())
        return -EDEADLK;
    int rc = runtime_options_of(user, &options);
    if (rc == 0 && options.hooks)
        rc = runtime_hooks_of(&options, &hooks);
    if (rc < 0)
        return rc;
    if (options.allocator)
        alloc.user = *options.allocator;
    maru_runtime *runtime = alloc_get_zeroed(&alloc, sizeof *runtime, 64);
    if (!runtime)
        return -ENOMEM;
    runtime->alloc = alloc;
    runtime->first_thread = caller_is_worker || options.flavor == MARU_FLAVOR_SINGLE;
    configure(runtime, &options, &hooks);
    rc = runtime_mark_alive(runtime);
    if (rc == 0)
        rc = build(runtime, &options);
    if (rc == 0)
        rc = start(runtime);
    if (rc < 0)
        release(runtime);
    else
        *ret_runtime = runtime;
    return rc;
}

int maru_runtime_new(const maru_options *options, maru_runtime **ret_runtime)
{
    return ret_runtime ? runtime_new(options, false, ret_runtime) : -EINVAL;
}

static void end(maru_runtime *runtime)
{
    sched_close(&runtime->sched);
    if (runtime->first_thread) {
        worker_enter(&runtime->sched.workers[0]);
        runtime_run_worker(&runtime->sched.workers[0]);
        worker_leave(&runtime->sched.workers[0]);
    }
    runtime_join_threads(runtime);
    dump_signal_fini(runtime);
    sched_wait_for_visitors(&runtime->sched);
}

int maru_runtime_free(maru_runtime *runtime)
{
    int rc = runtime ? runtime_may_enter(runtime, true) : 0;
    if (!runtime || (rc < 0 && rc != -EOWNERDEAD))
        return rc;
    if (rc == 0 && atomic_load_acq(&runtime->guests) > 0)   /* pairs with maru_block_on_image */
        return -EBUSY;
    struct context before = runtime_step_out();
    bool stood_in_it = before.local && before.local->ops->runtime == runtime;
    if (rc == 0)
        end(runtime);
    release(runtime);
    if (!stood_in_it)
        runtime_step_back(&before);
    return 0;
}

/* ---- entering ---- */

maru_task *maru_spawn_image_on(maru_runtime *runtime, const maru_frame *image, size_t size)
{
    if (!runtime || runtime_is_dead(runtime))
        return NULL;
    const struct context *here = context_here();
    if (here->task && here->local->ops == &runtime->sched.ops)
        return maru_spawn_image(image, size);
    return guest_spawn(&runtime->sched, image, size);
}

/* A foreign loop that is about to wait (runtime_host.c) believes that the worker is parked, and it
 * is awake now: so the loop is made to turn. */
static maru_result block_on(maru_runtime *runtime, const maru_frame *image, size_t size)
{
    if (!runtime_is_host(runtime))
        return guest_run(&runtime->sched, image, size);
    struct worker *worker = &runtime->sched.workers[0];
    maru_task *task = guest_spawn(&runtime->sched, image, size);
    bool closing = atomic_load_acq(&runtime->sched.closing);    /* pairs with sched_close */
    if (!task)
        return closing ? -MARU_ESHUTDOWN : -ENOMEM;
    bool was_outside = worker->parked_outside;
    worker_enter(worker);
    maru_result result = host_join(worker, task);
    worker_leave(worker);
    if (was_outside)
        worker->local.driver->ops->kick(worker->local.driver);
    return result;
}

maru_result maru_block_on_image(maru_runtime *runtime, const maru_frame *image, size_t size)
{
    if (!runtime || !image_is_valid(image, size))
        return -EINVAL;
    int rc = runtime_may_enter(runtime, false);
    if (rc < 0)
        return rc;
    struct context before = runtime_step_out();
    atomic_add_ar(&runtime->guests, 1u);                /* pairs with maru_runtime_free */
    maru_result result = block_on(runtime, image, size);
    atomic_sub_ar(&runtime->guests, 1u);                /* pairs with maru_runtime_free */
    runtime_step_back(&before);
    return result;
}

void runtime_tell_main(const char *name, maru_result result)
{
    fprintf(stderr, "%s: %s (%s)\n", name, maru_err_text(result),
            maru_err_name(result));
}

int maru_main_image(const maru_frame *image, size_t size)
{
    maru_runtime *runtime;
    const char *name = image_is_valid(image, size) ? image->future_.type_->name : "maru_main";
    maru_result result = runtime_new(NULL, true, &runtime);
    if (result == 0) {
        result = maru_block_on_image(runtime, image, size);
        int rc = maru_runtime_free(runtime);
        CHECK(rc == 0);
    }
    if (result < 0)
        runtime_tell_main(name, result);
    return result < 0;
}

/* ---- asking ---- */

maru_runtime *maru_runtime_current(void)
{
    return runtime_is_inside() ? context_here()->local->ops->runtime : NULL;
}

uint32_t maru_runtime_workers(const maru_runtime *runtime)
{
    return runtime ? runtime->sched.count : 0;
}

const char *maru_runtime_io(const maru_runtime *runtime)
{
    return runtime ? runtime->io.backend->name : "";
}
