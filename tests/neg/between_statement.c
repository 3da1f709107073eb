/* between_statement.c - a statement between the head and the block. */
//! both error => case' statement not in switch|label not within a switch|expected|undeclared
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
    use(1);
{
    maru_await(maru_sleep_for(&me->nap, MARU_MSEC));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
