/* backend.c - tells whether this machine allows a ring: exit code 0 yes, 77 no, and why. */
#include <maru.h>
#include <stdio.h>

int main(void)
{
    maru_options options;
    maru_runtime *runtime;
    maru_options_init(&options, sizeof options);
    options.flavor = MARU_FLAVOR_SINGLE;
    options.io = MARU_IO_RING;
    int rc = maru_runtime_new(&options, &runtime);
    if (rc < 0) {
        printf("no ring: %s\n", maru_err_text(rc));
        return 77;
    }
    return maru_runtime_free(runtime) < 0;
}
