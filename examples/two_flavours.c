/* two_flavours.c - one program on two runtimes: on one with threads of its own, which share out the
 * tasks among them, and on one that has no thread but the caller's. What it computes, and prints,
 * is the same; nothing in it knows where it runs.
 *
 * It prints:
 *
 *     on worker threads:
 *       primes below 100000: 9592, in 10 tasks
 *       and again, called off: ECANCELED, nothing is left running
 *     on the caller's thread:
 *       primes below 100000: 9592, in 10 tasks
 *       and again, called off: ECANCELED, nothing is left running
 */
#include <maru.h>
#include <stdio.h>

enum { PARTS = 10, PART = 10000, ROWS = 100 };

static bool is_prime(int n)
{
    for (int divisor = 2; divisor * divisor <= n; divisor++)
        if (n % divisor == 0)
            return false;
    return n >= 2;
}

/* A part of the numbers. It lets others run now and then; there it can be cancelled, too. */
struct part { maru_frame frame; int n, end; int *count; maru_pause pause; };

maru_async(part)
{
    for (; me->n < me->end; me->n++) {
        if (me->n % ROWS == 0)
            maru_try(maru_yield(&me->pause));
        *me->count += is_prime(me->n);
    }
}
maru_end;

struct primes { maru_frame frame; bool is_called_off; int counts[PARTS]; maru_scope parts;
                maru_pause pause; };

maru_async(primes)
{
    for (int i = 0; i < PARTS; i++)
        maru_check(maru_scope_spawn(&me->parts, part, .n = i * PART, .end = (i + 1) * PART,
                                    .count = &me->counts[i]));
    if (me->is_called_off) {
        maru_try(maru_yield(&me->pause));
        maru_scope_cancel(&me->parts);
    }
    maru_try(maru_scope_wait(&me->parts));
    int total = 0;                          /* no await is behind it: it need not be a member */
    for (int i = 0; i < PARTS; i++)
        total += me->counts[i];
    maru_return(total);
}
maru_end;

struct program { maru_frame frame; struct primes primes; };

maru_async(program)
{
    maru_result rc;
    maru_try(rc, maru_call(primes, &me->primes));
    printf("  primes below %d: %d, in %d tasks\n", PARTS * PART, (int)rc, PARTS);
    maru_await(rc, maru_call(primes, &me->primes, .is_called_off = true));
    printf("  and again, called off: %s, %s left running\n", maru_err_name((int)rc),
           maru_scope_count(&me->primes.parts) == 0 ? "nothing is" : "SOMETHING IS");
}
maru_end;

static maru_result run(const char *where, enum maru_flavor flavor)
{
    maru_runtime *runtime;
    maru_options options;
    maru_options_init(&options, sizeof options);
    options.flavor = flavor;            /* the only difference */
    maru_result rc = maru_runtime_new(&options, &runtime);
    if (rc < 0)
        return rc;
    puts(where);
    rc = maru_block_on(runtime, program);
    (void)maru_runtime_free(runtime);   /* we are its owner, and outside of its tasks */
    return rc;
}

int main(void)
{
    maru_result rc = run("on worker threads:", MARU_FLAVOR_MULTI);
    if (rc == 0)
        rc = run("on the caller's thread:", MARU_FLAVOR_SINGLE);
    if (rc < 0)
        fprintf(stderr, "two_flavours: %s\n", maru_err_text((int)rc));
    return rc < 0;
}
