/* between.c - a declaration between the head and the block. */
//! gcc error => a label can only be part of a statement|expected
//! clang error => expected (expression|statement)
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

/* lint: allow format: what stands between is the mistake */
maru_async(f)
    int sum = 0;
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
    use(sum);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
