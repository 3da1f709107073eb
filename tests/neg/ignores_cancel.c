/* ignores_cancel.c - a function that goes on awaiting after -ECANCELED. */
//! abort => deaf \(.*ignores_cancel.c:HERE\): keeps awaiting after cancellation: leave on a
#include "neg.h"

struct deaf { maru_frame frame; maru_sleep nap; };

maru_async(deaf)
{
    for (;;)
        maru_await(maru_sleep_for(&me->nap, MARU_SEC)); /* HERE */
}
maru_end;

struct f { maru_frame frame; maru_timeout limit; struct deaf deaf; };

maru_async(f)
{
    maru_await(maru_within(&me->limit, 2 * MARU_MSEC, maru_call(deaf, &me->deaf)));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
