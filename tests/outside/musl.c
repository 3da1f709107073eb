/* musl.c - what differs between libcs: names of errors, and loading the library at run time.
 * musl LIBRARY: loads it, asks it for names, and runs a future of its own there. */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void *symbol(void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (!found)
        fprintf(stderr, "%s\n", dlerror());
    return found;
}

int main(int argc, char **argv)
{
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library)
        return fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: musl LIBRARY"), 1;

    const char *(*name)(int64_t), *(*text)(int64_t);
    int (*make)(const void *, void **), (*end)(void *);
    *(void **)&name = symbol(library, "maru_err_name");
    *(void **)&text = symbol(library, "maru_err_text");
    *(void **)&make = symbol(library, "maru_runtime_new");
    *(void **)&end = symbol(library, "maru_runtime_free");
    if (!name || !text || !make || !end)
        return 1;
    if (strcmp(name(-ECONNRESET), "ECONNRESET") != 0 || strcmp(name(-4000), "unknown") != 0 ||
        !strstr(text(-ECONNRESET), "reset") || strcmp(text(-4000), "unknown error") != 0)
        return fprintf(stderr, "%s: %s\n", name(-ECONNRESET), text(-ECONNRESET)), 1;

    void *runtime;
    int rc = make(NULL, &runtime);
    if (rc == 0)
        rc = end(runtime);
    if (rc == 0)
        puts("musl: loaded");
    return rc != 0;
}
