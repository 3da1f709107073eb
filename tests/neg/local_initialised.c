/* local_initialised.c - an initialised local crosses an await. */
//! gcc warning -O0 -Wjump-misses-init => Wjump-misses-init
//! gcc warning -O2 -Wjump-misses-init => Wjump-misses-init
//! clang warning -O0 -Wconditional-uninitialized => Wconditional-uninitialized
//! clang warning -O2 -Wconditional-uninitialized => Wconditional-uninitialized
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; int i; };

maru_async(f)
{
    int sum = 0;
    for (me->i = 0; me->i < 5; me->i++) {
        sum += me->i;
        maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
    }
    use(sum);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
