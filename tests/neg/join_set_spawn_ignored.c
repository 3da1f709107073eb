/* join_set_spawn_ignored.c - nobody looks whether the task was spawned. */
//! both warning => ignoring return value
#include "neg.h"

struct kid { maru_frame frame; };

maru_async(kid)
{
}
maru_end;

struct f { maru_frame frame; maru_join_set set; };

maru_async(f)
{
    maru_join_set_spawn(&me->set, kid);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
