/* local_cleanup.c - a local with a cleanup crosses an await. */
//! gcc warning -O0 -Wjump-misses-init => Wjump-misses-init
//! clang error => cannot jump from switch statement to this case label
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    int x __attribute__((cleanup(keep))) = 3;
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
