/* use.c - what the programs of this folder call, in a file of its own so that compilers cannot
 * look through it. */
#include "neg.h"

int use(int value)
{
    return value;
}

void keep(int *address)
{
    (void)address;
}
