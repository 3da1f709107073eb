/* spawn_ignored.c - the handle of a spawn is dropped. */
//! both warning => unused.result
#include "neg.h"

struct f { maru_frame frame; maru_sleep nap; };

maru_async(f)
{
    maru_spawn(f);
}
maru_end;

int main(void)
{
    return maru_main(f);
}
