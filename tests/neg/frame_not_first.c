/* frame_not_first.c - a frame that is not the first member. */
//! both error => maru_frame frame must be the first member of struct f
#include "neg.h"

struct f { maru_sleep nap; maru_frame frame; };

maru_async(f)
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
