/* uv_loop.c - Maru inside libuv's loop: a uv_poll_t on the backend's descriptor, a uv_timer_t for
 * the next deadline. Tasks and libuv's callbacks share one thread. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE              /* uv.h wants what strict C11 hides */
#endif
#include <maru.h>
#include <stdio.h>
#include <uv.h>

struct guest {
    maru_runtime *runtime;
    maru_task *task;
    uv_poll_t events;
    uv_timer_t deadline;
};

struct naps {
    maru_frame frame;
    maru_sleep nap;
};

maru_async(naps)
{
    puts("a task begins");
    maru_try(maru_sleep_for(&me->nap, 20 * MARU_MSEC));
    puts("a task has slept 20 ms");
}
maru_end;

static void turn(struct guest *guest);

static void on_events(uv_poll_t *events, int status, int what)
{
    (void)status, (void)what;
    turn(events->data);
}

static void on_deadline(uv_timer_t *deadline)
{
    turn(deadline->data);
}

/* libuv's timers are in milliseconds: round up. */
static void sleep_until(struct guest *guest, int64_t ns)
{
    if (ns < 0)
        uv_timer_stop(&guest->deadline);
    else
        uv_timer_start(&guest->deadline, on_deadline, (uint64_t)(ns + MARU_MSEC - 1) / MARU_MSEC,
                       0);
}

static void turn(struct guest *guest)
{
    if (maru_turn(guest->runtime, 100) < 0 || maru_task_is_finished(guest->task)) {
        uv_close((uv_handle_t *)&guest->events, NULL);
        uv_close((uv_handle_t *)&guest->deadline, NULL);
        return;
    }
    sleep_until(guest, maru_next_deadline(guest->runtime));
}

static void on_tick(uv_timer_t *timer)
{
    puts("libuv ticks");
    uv_close((uv_handle_t *)timer, NULL);
}

static int run(struct guest *guest)
{
    uv_loop_t loop;
    uv_timer_t tick;
    int rc = uv_loop_init(&loop);
    if (rc < 0)
        return rc;
    guest->events.data = guest->deadline.data = guest;
    uv_timer_init(&loop, &tick);
    uv_timer_init(&loop, &guest->deadline);
    uv_timer_start(&tick, on_tick, 5, 0);
    rc = uv_poll_init(&loop, &guest->events, maru_backend_fd(guest->runtime));
    if (rc == 0) {
        uv_poll_start(&guest->events, UV_READABLE, on_events);
        sleep_until(guest, maru_next_deadline(guest->runtime));
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&loop);
    return rc;
}

int main(void)
{
    struct guest guest;
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    int rc = maru_runtime_new(&options, &guest.runtime);
    if (rc == 0) {
        guest.task = maru_spawn_on(guest.runtime, naps);
        rc = guest.task ? run(&guest) : -ENOMEM;
        maru_detach(guest.task);
        (void)maru_runtime_free(guest.runtime); /* we are its owner, and outside of its tasks */
    }
    if (rc < 0)
        fprintf(stderr, "uv_loop: %s\n", maru_err_text(rc));
    return rc < 0;
}
