/* vla.c - an array of variable length crosses an await. */
//! gcc error => switch jumps into scope of identifier with variably modified type
//! clang error => cannot jump from switch statement to this case label
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; int n; };

maru_async(f)
{
    int v[me->n + 1];
    v[0] = 1;
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
    use(v[0]);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
