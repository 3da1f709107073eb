/* argument_of_wrong_type.c - a pointer given where the argument is a number. */
//! gcc warning => makes integer from pointer without a cast
//! clang warning => incompatible pointer to integer conversion
#include "neg.h"

struct f { maru_frame frame; int fd; };

maru_async(f)
{
    use(me->fd);
}
maru_end;

int main(void)
{
    return maru_main(f, .fd = "stdin");
}
