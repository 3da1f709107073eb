/* ignores_cancel_in_a_set.c - a function deaf to cancellation that waits for sets. */
//! abort => deaf \(.*ignores_cancel_in_a_set.c:HERE\): keeps awaiting after cancellation
#include "neg.h"

struct deaf { maru_frame frame; maru_sleep a, b; };

maru_async(deaf)
{
    maru_result arm;
    for (;;) {
        maru_select(arm, maru_sleep_for(&me->a, 1), maru_sleep_for(&me->b, 1)); /* HERE */
        use((int)arm);
    }
}
maru_end;

struct f { maru_frame frame; maru_timeout limit; struct deaf deaf; };

maru_async(f)
{
    maru_await(maru_within(&me->limit, MARU_MSEC, maru_call(deaf, &me->deaf)));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
