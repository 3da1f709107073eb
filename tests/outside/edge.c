/* edge.c - a mistake that the sharp edges' warnings find: a local that crosses an await. */
#include <maru.h>

struct count { maru_frame frame; maru_pause pause; };

maru_async(count)
{
    int sum = 1;
    maru_try(maru_yield(&me->pause));
    maru_return(sum);
}
maru_end;

int main(void)
{
    return maru_main(count);
}
