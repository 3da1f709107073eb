/* same_future_twice_in_a_select.c - the same future as two arms of a select. */
//! abort => f \(.*same_future_twice_in_a_select.c:HERE\): the same future twice in one wait
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_result arm;
    maru_select(arm, maru_sleep_for(&me->nap, 1), maru_sleep_for(&me->nap, 1)); /* HERE */
    use((int)arm);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
