/* ticker.c [--real] - an interval beside a select with a stop. The work of the second tick takes
 * too long: what becomes of the ticks that it makes late is the interval's policy. The clock is a
 * virtual one, so the seconds of this program take no time; with --real it takes them.
 *
 * It prints:
 *
 *     burst: 0 100 370 370 400 500 600 stop
 *     delay: 0 100 370 470 570 stop
 *     skip: 0 100 370 400 500 600 stop
 *     7 + 5 + 6 ticks
 */
#include <maru.h>
#include <stdio.h>
#include <string.h>

struct ticker {
    maru_frame frame;
    const char *name;
    int missed, ticks;
    int64_t began;
    maru_interval tick;
    maru_sleep stop, work;
};

maru_async(ticker)
{
    maru_result arm;
    printf("%s:", me->name);
    me->began = maru_now();
    maru_check(maru_interval_init(&me->tick, 100 * MARU_MSEC));
    maru_check(maru_interval_set_missed(&me->tick, me->missed));
    for (;;) {
        maru_select(arm, maru_interval_tick(&me->tick),
                    maru_sleep_until(&me->stop, me->began + 650 * MARU_MSEC));
        maru_check(arm);
        if (arm == 1)
            break;
        printf(" %lld", (long long)((maru_now() - me->began) / MARU_MSEC));
        if (++me->ticks == 2)
            maru_try(maru_sleep_for(&me->work, 270 * MARU_MSEC));
    }
    puts(" stop");
    maru_return(me->ticks);
}
maru_end;

struct program {
    maru_frame frame;
    struct ticker burst, delay, skip;
};

maru_async(program)
{
    maru_try(maru_call(ticker, &me->burst, .name = "burst", .missed = MARU_MISSED_BURST));
    maru_try(maru_call(ticker, &me->delay, .name = "delay", .missed = MARU_MISSED_DELAY));
    maru_try(maru_call(ticker, &me->skip, .name = "skip", .missed = MARU_MISSED_SKIP));
    printf("%d + %d + %d ticks\n", me->burst.ticks, me->delay.ticks, me->skip.ticks);
}
maru_end;

int main(int argc, char **argv)
{
    maru_options options;
    maru_runtime *runtime;
    bool real = argc == 2 && strcmp(argv[1], "--real") == 0;
    if (argc > 1 && !real) {
        fprintf(stderr, "usage: %s [--real]\n", argv[0]);
        return 2;
    }
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    options.clock = real ? MARU_CLOCK_REAL : MARU_CLOCK_VIRTUAL;
    int rc = maru_runtime_new(&options, &runtime);
    if (rc < 0) {
        fprintf(stderr, "no runtime: %s\n", maru_err_text(rc));
        return 1;
    }
    maru_result result = maru_block_on(runtime, program);
    maru_runtime_free(runtime);
    return result < 0;
}
