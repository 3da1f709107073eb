/* million_sleepers.c [--bytes] - a million tasks sleep at the same time, in one scope: what a wait
 * group is elsewhere. They are counted while they sleep, and when all have woken.
 *
 * It prints:
 *
 *     1000000 tasks sleep, each in at most 200 bytes
 *     1000000 have woken
 *     0 sleep
 *
 * --bytes tells the number of bytes itself: all that the runtime has allocated, by the tasks. */
#include <maru.h>
#include <stdio.h>
#include <string.h>

enum { SLEEPERS = 1000000, BYTES_EACH = 200 };

struct sleeper { maru_frame frame; int *woken; maru_sleep nap; };

maru_async(sleeper)
{
    maru_try(maru_sleep_for(&me->nap, 3600 * MARU_SEC));
    ++*me->woken;                       /* they share one thread: no atomics are needed */
}
maru_end;

struct program { maru_frame frame; bool tells_bytes; int woken; maru_sleep nap; maru_scope all; };

static int tell(bool tells_bytes)
{
    maru_metrics now = { .size = sizeof now };
    int rc = maru_metrics_read(maru_runtime_current(), &now);
    if (rc < 0)
        return rc;
    double each = (double)now.bytes_allocated / SLEEPERS;
    printf("%llu tasks sleep, each in ", (unsigned long long)now.live_timers);
    if (tells_bytes)
        printf("%.1f bytes\n", each);
    else
        printf("%s %d bytes\n", each <= BYTES_EACH ? "at most" : "MORE THAN", BYTES_EACH);
    return 0;
}

maru_async(program)
{
    for (int i = 0; i < SLEEPERS; i++)
        maru_check(maru_scope_spawn(&me->all, sleeper, .woken = &me->woken));
    maru_try(maru_sleep_for(&me->nap, MARU_SEC));       /* by then all of them have lain down */
    maru_check(tell(me->tells_bytes));
    maru_try(maru_scope_wait(&me->all));
    printf("%d have woken\n", me->woken);
    maru_metrics now = { .size = sizeof now };
    maru_check(maru_metrics_read(maru_runtime_current(), &now));
    printf("%llu sleep\n", (unsigned long long)now.live_timers);
}
maru_end;

/* On a virtual clock the hour takes no time. */
int main(int argc, char **argv)
{
    maru_runtime *runtime;
    maru_options options;
    bool tells_bytes = argc == 2 && strcmp(argv[1], "--bytes") == 0;
    if (argc > 1 && !tells_bytes) {
        fprintf(stderr, "usage: %s [--bytes]\n", argv[0]);
        return 2;
    }
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    options.clock = MARU_CLOCK_VIRTUAL;
    maru_result rc = maru_runtime_new(&options, &runtime);
    if (rc == 0) {
        rc = maru_block_on(runtime, program, .tells_bytes = tells_bytes);
        (void)maru_runtime_free(runtime);       /* we are its owner, and outside of its tasks */
    }
    if (rc < 0)
        fprintf(stderr, "million_sleepers: %s\n", maru_err_text((int)rc));
    return rc < 0;
}
