/* switch_unsigned_long.c - an await in the user's own switch over an unsigned long. */
//! abort => f \(.*switch_unsigned_long.c:HERE\): unknown resume line: is there an await
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; unsigned long k; };

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
