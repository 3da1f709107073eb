/* scope_on_stack.c - a scope that dies with the poll. */
//! abort => f \(.*scope_on_stack.c:\d+\): a future on the C stack: make it a member of
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_scope kids;
    memset(&kids, 0, sizeof kids);
    maru_check(maru_scope_spawn(&kids, f));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
