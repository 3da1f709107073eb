/* two_awaits_in_a_macro.c - two awaits on one line, through a macro. */
//! both error => two_awaits_on_one_line_HERE
#include "neg.h"

#define NAP() maru_await(maru_sleep_for(&me->nap, MARU_MSEC))
#define NAP_TWICE() \
    do {            \
        NAP();      \
        NAP();      \
    } while (0)

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    NAP_TWICE(); /* HERE */
}
maru_end;

int main(void)
{
    return maru_main(f);
}
