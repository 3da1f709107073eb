/* switch_char.c - an await in the user's own switch over a char. */
//! gcc warning => overflow in conversion|value exceeds|changes value
//! clang warning => overflow converting case value
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; char k; };

maru_async(f)
{
    switch (me->k) {
    case 0:
        maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
        break;
    default:
        break;
    }
}
maru_end;

int main(void)
{
    return maru_main(f);
}
