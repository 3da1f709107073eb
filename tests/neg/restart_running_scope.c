/* restart_running_scope.c - a scope is made anew while it has children. */
//! abort => scope.c:\d+: not true|restarted while it is still in flight
#include "neg.h"

struct kid { maru_frame frame; };

maru_async(kid)
{
    maru_await_cancel();
}
maru_end;

struct f { maru_frame frame; maru_scope kids; };

maru_async(f)
{
    maru_check(maru_scope_spawn(&me->kids, kid));
    maru_scope_init(&me->kids, MARU_SCOPE_EACH);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
