/* restart_running_frame.c - a child's frame is filled in again while the child runs. */
//! abort => kid: restarted while it is still in flight
#include "neg.h"

struct f;
struct kid { maru_frame frame; struct kid *self; maru_pause pause; };
struct f { maru_frame frame; struct kid kid; };

maru_async(kid)
{
    maru_await(maru_yield(&me->pause));
    maru_await(maru_call(kid, me->self));
}
maru_end;

maru_async(f)
{
    maru_await(maru_call(kid, &me->kid, .self = &me->kid));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
