/* limit_of_null.c - a time limit of nothing. */
//! abort => timeout: an await of NULL
#include "neg.h"

struct f { maru_frame frame; maru_timeout limit; };

maru_async(f)
{
    maru_await(maru_within(&me->limit, MARU_SEC, NULL));
}
maru_end;

int main(void)
{
    return maru_main(f);
}
