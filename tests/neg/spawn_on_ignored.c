/* spawn_on_ignored.c - the handle of a spawn from outside is dropped. */
//! both warning => unused.result
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

int main(void)
{
    maru_spawn_on(NULL, f);
    return 0;
}
