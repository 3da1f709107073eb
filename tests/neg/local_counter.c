/* local_counter.c - a plain loop counter goes round an await. */
//! silent gcc -O0 -Wjump-misses-init -Wmaybe-uninitialized
//! gcc warning -O1 -Wmaybe-uninitialized => Wmaybe-uninitialized
//! silent gcc -O2 -Wjump-misses-init -Wmaybe-uninitialized
//! clang warning -O0 -Wconditional-uninitialized => Wconditional-uninitialized
//! clang warning -O2 -Wconditional-uninitialized => Wconditional-uninitialized
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    int i;
    for (i = 0; i < 3; i++)
        maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
