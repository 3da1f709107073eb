/* unknown_argument.c - an argument that the function does not have. */
//! gcc error => has no member named 'colour'
//! clang error => does not refer to any field in type
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

int main(void)
{
    return maru_main(f, .colour = 3);
}
