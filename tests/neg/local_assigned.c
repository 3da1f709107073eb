/* local_assigned.c - a local assigned before an await and read after it. */
//! silent gcc -O0 -Wjump-misses-init -Wmaybe-uninitialized
//! gcc warning -O1 -Wmaybe-uninitialized => Wmaybe-uninitialized
//! gcc warning -O2 -Wmaybe-uninitialized => Wmaybe-uninitialized
//! clang warning -O0 -Wconditional-uninitialized => Wconditional-uninitialized
//! clang warning -O2 -Wconditional-uninitialized => Wconditional-uninitialized
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    int x;
    x = use(7);
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
    use(x);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
