/* poll_loop.c - Maru inside a loop of the program's own: plain poll(2) over a pipe that another
 * library writes to and over the runtime, which ticks meanwhile. */
#include <maru.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

struct ticks {
    maru_frame frame;
    int count, pipe;
    maru_sleep nap;
};

/* Runs in maru_turn, on the loop's thread: it may touch what the loop touches. */
maru_async(ticks)
{
    for (; me->count > 0; me->count--) {
        maru_try(maru_sleep_for(&me->nap, 5 * MARU_MSEC));
        char byte = (char)('0' + me->count);
        if (write(me->pipe, &byte, 1) != 1)
            maru_return(-EIO);
    }
}
maru_end;

/* poll(2) waits in milliseconds: round up, or the loop would turn for nothing. */
static int milliseconds(int64_t ns)
{
    return ns < 0 ? -1 : (int)((ns + MARU_MSEC - 1) / MARU_MSEC);
}

static int loop(maru_runtime *runtime, int pipe)
{
    struct pollfd fds[] = { { .fd = maru_backend_fd(runtime), .events = POLLIN },
                            { .fd = pipe, .events = POLLIN } };
    for (char byte = 0; byte != '1';) {
        if (poll(fds, 2, milliseconds(maru_next_deadline(runtime))) < 0)
            return -errno;
        int rc = maru_turn(runtime, 100);
        if (rc < 0)
            return rc;
        if (fds[1].revents & POLLIN && read(pipe, &byte, 1) == 1)
            printf("the loop read %c\n", byte);
    }
    return 0;
}

int main(void)
{
    int pipes[2];
    maru_runtime *runtime = NULL;
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    int rc = pipe(pipes) < 0 ? -errno : maru_runtime_new(&options, &runtime);
    if (rc == 0) {
        maru_task *task = maru_spawn_on(runtime, ticks, .count = 3, .pipe = pipes[1]);
        rc = task ? loop(runtime, pipes[0]) : -ENOMEM;
        maru_detach(task);
        (void)maru_runtime_free(runtime);       /* we are its owner, and outside of its tasks */
    }
    if (rc < 0)
        fprintf(stderr, "poll_loop: %s\n", maru_err_text(rc));
    return rc < 0;
}
