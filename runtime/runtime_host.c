/* runtime_host.c - turns of a SINGLE runtime inside a foreign loop.
 *
 * Between two turns the worker is parked, as if it waited in its driver: so whoever makes it work
 * kicks the driver (P5), which makes the backend's descriptor readable. A turn that ends because
 * its budget is spent leaves the worker awake: then the next deadline is now. */
#include "maru/host.h"

#include "runtime/runtime_parts.h"
#include "runtime/base/context.h"

static int check_host(const maru_runtime *runtime)
{
    if (!runtime || runtime->flavor != MARU_FLAVOR_SINGLE)
        return -EINVAL;
    if (runtime_is_dead(runtime))
        return -EOWNERDEAD;
    return runtime_is_host(runtime) ? 0 : -EPERM;
}

int maru_backend_fd(maru_runtime *runtime)
{
    int rc = check_host(runtime);
    struct io_driver *io_driver = rc == 0 ? &runtime->io.drivers[0] : NULL;
    return io_driver ? io_driver->backend->descriptor(io_driver) : rc;
}

int64_t maru_next_deadline(maru_runtime *runtime)
{
    int rc = check_host(runtime);
    if (rc < 0)
        return rc;
    struct worker *worker = &runtime->sched.workers[0];
    if (!worker->parked_outside || sched_has_work(&runtime->sched))
        return 0;
    return worker_sleep_limit(worker);
}

/* Until nothing is left to do, or `budget` polls are made; how many. */
static int run_some(struct worker *worker, uint32_t budget)
{
    const uint64_t began = worker->polls;
    bool jumped = false;
    enum step step;
    worker->spin_ns = 0;                        /* the foreign loop has better things to do */
    do {
        step = worker_step(worker);
        if (step == STEP_PARK && !jumped && pace_can_jump(worker)) {
            worker_sleep(worker);               /* no wait: the clock is paused, and moves */
            jumped = true;
            step = STEP_IDLE;
        }
    } while (step != STEP_PARK && step != STEP_STOPPED &&
             (budget == 0 || worker->polls - began < budget));
    worker->parked_outside = step == STEP_PARK;
    uint64_t polls = worker->polls - began;
    return polls < INT32_MAX ? (int)polls : INT32_MAX;
}

int maru_turn(maru_runtime *runtime, uint32_t budget)
{
    int rc = check_host(runtime);
    if (rc < 0)
        return rc;
    if (runtime_is_inside())
        return -EDEADLK;
    struct context before = runtime_step_out();
    struct worker *worker = &runtime->sched.workers[0];
    struct io_driver *io_driver = &runtime->io.drivers[0];
    io_driver->backend->descriptor_taken(io_driver);
    worker_enter(worker);
    rc = run_some(worker, budget);
    worker_leave(worker);
    runtime_step_back(&before);
    return rc;
}
