/* wrong_child.c - a call into a member of another function's type. */
//! gcc error => incompatible types when assigning to type 'struct f' from type 'struct child'
//! clang error => assigning to 'struct f' from incompatible type 'struct child'
#include "neg.h"

struct child { maru_frame frame; maru_sleep nap; };

maru_async(child)
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

struct f { maru_frame frame; struct f *kid; };

maru_async(f)
{
    maru_await(maru_call(child, me->kid));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
