/* plain_return.c - a plain return, some time after an await. */
//! abort => f \(.*plain_return.c:HERE\): plain return in an async function: use maru_return
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC)); /* HERE */
    if (use(1))
        return;
}
maru_end;

int main(void)
{
    return maru_main(f);
}
