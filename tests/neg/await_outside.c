/* await_outside.c - an await in a plain function. */
//! gcc error => case label not within a switch statement
//! clang error => 'case' statement not in switch statement
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

static void helper(struct f *me)
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}

maru_async(f)
{
    helper(me);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
