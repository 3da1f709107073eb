/* await_null.c - an await of nothing. */
//! abort => f \(.*await_null.c:HERE\): an await of NULL
#include "neg.h"

struct f { maru_frame frame; };

maru_async(f)
{
    maru_await(NULL); /* HERE */
}
maru_end;

int main(void)
{
    return maru_main(f);
}
