/* switch_long.c - an await in the user's own switch over a long. */
//! both warning -Wconversion => changes (value|signedness)
//! abort => f \(.*switch_long.c:HERE\): unknown resume line: is there an await inside a
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; long k; };

maru_async(f)
{
    switch (me->k) {
    case 0:
        maru_await(maru_sleep_for(&me->nap, MARU_MSEC)); /* HERE */
        break;
    default:
        break;
    }
}
maru_end;

int main(void)
{
    return maru_main(f);
}
