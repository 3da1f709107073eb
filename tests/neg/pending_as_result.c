/* pending_as_result.c - MARU_PENDING is nobody's result. */
//! abort => f \(.*pending_as_result.c:\d+\): a negative result must be an errno, and never
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
    maru_return(MARU_PENDING);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
