/* two_awaits.c - two awaits on one line. */
//! gcc error => duplicate label .two_awaits_on_one_line_HERE
//! clang error => redefinition of label 'two_awaits_on_one_line_HERE'
#include "neg.h"

struct f { maru_frame frame; maru_pause a; };

maru_async(f)
{
    /* lint: allow format: the mistake is that they share a line */
    maru_await(maru_yield(&me->a)); maru_await(maru_yield(&me->a)); /* HERE */
}
maru_end;

int main(void)
{
    return maru_main(f);
}
