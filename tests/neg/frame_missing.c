/* frame_missing.c - a struct without a frame. */
//! both error => no member named 'frame'
#include "neg.h"

struct f { maru_sleep nap; };

maru_async(f)
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
