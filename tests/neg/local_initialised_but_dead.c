/* local_initialised_but_dead.c - an initialised local whose value nobody needs after
 * the await: gcc complains all the same. */
//! gcc warning -O0 -Wjump-misses-init => Wjump-misses-init
//! gcc warning -O2 -Wjump-misses-init => Wjump-misses-init
//! silent clang -O0 -Wconditional-uninitialized
//! silent clang -O2 -Wconditional-uninitialized
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    int x = use(7);
    use(x);
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
