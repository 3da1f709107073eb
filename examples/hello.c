/* hello.c - two awaits one after the other, then the same two joined: the order of the printed
 * lines shows the difference.
 *
 * It prints:
 *
 *     one after the other:
 *       hello
 *       world
 *       good
 *       bye
 *     joined:
 *       hello
 *       good
 *       bye
 *       world
 */
#include <maru.h>
#include <stdio.h>

struct say {
    maru_frame frame;
    const char *first, *second;
    int64_t pause_ns;
    maru_sleep nap;
};

maru_async(say)
{
    puts(me->first);
    maru_try(maru_sleep_for(&me->nap, me->pause_ns));
    puts(me->second);
}
maru_end;

struct program {
    maru_frame frame;
    struct say hello, bye;
};

maru_async(program)
{
    maru_result rc;
    puts("one after the other:");
    maru_try(maru_call(say, &me->hello, .first = "  hello", .second = "  world",
                       .pause_ns = 2 * MARU_MSEC));
    maru_try(maru_call(say, &me->bye, .first = "  good", .second = "  bye",
                       .pause_ns = 1 * MARU_MSEC));
    puts("joined:");
    maru_join(rc,
              maru_call(say, &me->hello, .first = "  hello", .second = "  world",
                        .pause_ns = 20 * MARU_MSEC),
              maru_call(say, &me->bye, .first = "  good", .second = "  bye",
                        .pause_ns = 10 * MARU_MSEC));
    maru_return(rc);
}
maru_end;

int main(void)
{
    return maru_main(program);
}
