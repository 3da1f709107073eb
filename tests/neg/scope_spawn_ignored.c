/* scope_spawn_ignored.c - the answer of a scope's spawn is dropped. */
//! both warning => unused.result
#include "neg.h"

struct f { maru_frame frame; maru_scope kids; };

maru_async(f)
{
    maru_scope_spawn(&me->kids, f);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
