/* local_of_another_function.c - a task-local is set by a function that did not set it first. */
//! abort => kid \(.*local_of_another_function.c:\d+\): a task-local that another function has set
#include "neg.h"

static const maru_local_key KEY = { "key" };

struct kid { maru_frame frame; maru_local *slot; };

maru_async(kid)
{
    maru_check(maru_local_set(me->slot, &KEY, NULL));
}
maru_end;

struct f { maru_frame frame; maru_local slot; struct kid kid; };

maru_async(f)
{
    maru_check(maru_local_set(&me->slot, &KEY, NULL));
    maru_try(maru_call(kid, &me->kid, .slot = &me->slot));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
