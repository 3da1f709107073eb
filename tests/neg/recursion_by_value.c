/* recursion_by_value.c - a function that holds its own frame by value. */
//! gcc error => field 'kid' has incomplete type
//! clang error => field has incomplete type 'struct f'
#include "neg.h"

struct f { maru_frame frame; struct f kid; };

maru_async(f)
{
    maru_await(maru_call(f, &me->kid));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
