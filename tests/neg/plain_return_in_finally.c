/* plain_return_in_finally.c - a plain return in finally. */
//! abort => f \(.*plain_return_in_finally.c:\d+\): plain return in an async function
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
maru_finally:
    if (use(1))
        return;
}
maru_end;

int main(void)
{
    return maru_main(f);
}
