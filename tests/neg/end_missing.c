/* end_missing.c - no maru_end after the block. */
//! gcc error => invalid storage class|expected declaration or statement at end of input
//! clang error => function definition is not allowed here|expected '}'
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}

int main(void)
{
    return maru_main(f);
}
