/* local_address_kept.c - only the address of a local crosses an await: no compiler sees it. */
//! silent gcc -O0 -Wjump-misses-init -Wmaybe-uninitialized
//! silent gcc -O2 -Wjump-misses-init -Wmaybe-uninitialized
//! silent clang -O0 -Wconditional-uninitialized
//! silent clang -O2 -Wconditional-uninitialized
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    int x;
    keep(&x);
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
    keep(&x);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
