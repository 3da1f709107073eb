#!/usr/bin/env python3
"""The lint can fail: small trees with one violation each, and one without any.

Each test writes a clean tree, spoils it in one way, and expects exactly that finding at that path
and line, so that a rule can neither sleep nor shout. Ends with `N passed, N failed`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import layout       # noqa: E402
import lint         # noqa: E402
from tree import outside_hook   # noqa: E402

STYLE = os.path.join(HERE, "..", "..", ".clang-format")
HAS_FORMATTER = layout.find_formatter() is not None
HAS_GCC = shutil.which("gcc") is not None
HAS_CXX = shutil.which("g++") is not None

CLEAN = {
    "include/maru/thing.h": """\
/* thing.h - a public noun. */
#ifndef MARU_THING_H
#define MARU_THING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct maru_thing maru_thing;

/* Counts the thing. Threads: any thread. */
int64_t maru_thing_count(const maru_thing *thing);
int64_t maru_thing_size(const maru_thing *thing);   /* shares the comment above */

/* Doubles n.
 * Threads: signal-safe. */
static inline int64_t maru_double(int64_t n)
{
    return 2 * n;
}

#ifdef __cplusplus
}
#endif
#endif
""",
    "include/maru/words.h": """\
/* words.h - the vocabulary. */
/* C only: macros that C++ refuses. */
#ifndef MARU_WORDS_H
#define MARU_WORDS_H

#ifdef __cplusplus
#error "this header is for C"
#endif

#define maru_word(n) ((struct maru_word){ .n = (n) })

#endif
""",
    "runtime/base/atomic.h": """\
/* atomic.h - the only atomics. */
#ifndef ATOMIC_H
#define ATOMIC_H

static inline int atomic_load_acq(const int *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

#endif
""",
    "runtime/base/alloc.c": """\
/* alloc.c - the only allocator. */
#include <stdlib.h>

void chunk_give(void *chunk);

void chunk_give(void *chunk)
{
    free(chunk);
}
""",
    "runtime/queue/deque.h": """\
/* deque.h - a queue, with free( in its comment and a column of names. */
#ifndef DEQUE_H
#define DEQUE_H

struct deque {
    int         top;                    /* thieves write */
    const char *name;                   /* never malloc(3)ed */
};

struct pair { int a, b; };
enum { DEQUE_OK, DEQUE_EMPTY };

int deque_top(const struct deque *deque);

#endif
""",
    "runtime/queue/deque.c": """\
/* deque.c - the queue. */
#include "runtime/queue/deque.h"

#include "runtime/base/atomic.h"

#define DEQUE_BOTH(a, b)                                        \\
    do {                                                        \\
        (void)(a); (void)(b);                                   \\
    } while (0)

int deque_top(const struct deque *deque)
{
    struct pair pair = {
        .a = 1, .b = 2,
    };
    DEQUE_BOTH(pair.a, 2);
    return atomic_load_acq(&deque->top);    /* pairs with steal: top */
}
""",
    "tests/unit/test_bad_thing.c": """\
/* test_bad_thing.c - the public functions with bad arguments. */
void things(void)
{
    BAD(0, maru_thing_count(NULL));
    BAD(0, maru_thing_size(NULL));
    BAD(-2, maru_double(-1));
    BAD(0, maru_half(-1));
}
""",
    "tests/unit/test_alloc.c": "/* test_alloc.c - chunks. */\nextern int nothing;\n",
    "tests/unit/test_deque.c": """\
/* test_deque.c - the vocabulary keeps its braces. */
maru_async(claim)
{
    maru_select(i, maru_recv(&me->io, me->fd),
                maru_sleep_for(&me->nap, 5));
    maru_race(i, maru_recv(&me->io, me->fd),
                 maru_sleep_for(&me->nap, 5));
    if (i == 0)
        maru_return(0);
maru_finally:
    maru_await(maru_close(&me->io, me->fd));
}
maru_end;
""",
    "README.md": "# Thing\n\nA line that is long is fine in prose" + " and on" * 20 + ".\n",
    "run": "#!/bin/sh\nset -eu\ntrue\n",
}


class LintTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = self.folder.name
        self.addCleanup(self.folder.cleanup)
        shutil.copy(STYLE, os.path.join(self.root, ".clang-format"))
        for path, text in CLEAN.items():
            self.write(path, text)
        os.chmod(os.path.join(self.root, "run"), 0o755)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def add(self, path, text):
        """Appends lines to a file of the clean tree; returns the number of the first."""
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            old = file.read()
        self.write(path, old + text)
        return old.count("\n") + 1

    def replace(self, path, old, new):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        self.write(path, text.replace(old, new, 1))
        return text[:text.index(old)].count("\n") + 1

    def expect(self, *wanted):
        findings = lint.judge(self.root).findings
        self.assertEqual(sorted(wanted), [finding[:3] for finding in findings], findings)

    def add_library_line(self, code):
        line = self.add("runtime/queue/deque.c",
                        f"\nint deque_spoiled(void)\n{{\n    {code}\n}}\n")
        return line + 3


class CleanTree(LintTest):
    def test_a_clean_tree_has_no_findings(self):
        self.expect()

    def test_the_program_says_so_and_succeeds(self):
        done = self.run_program()
        self.assertEqual(0, done.returncode)
        self.assertRegex(done.stdout, r"^lint: \d+ files, 0 findings")

    def test_the_program_fails_with_path_line_rule_and_count(self):
        self.replace("README.md", "# Thing", "# Thing ")
        done = self.run_program()
        self.assertEqual(1, done.returncode)
        self.assertIn("README.md:1: format: trailing space\n", done.stdout)
        self.assertRegex(done.stdout.splitlines()[-1], r"^lint: \d+ files, 1 findings")

    def test_the_mirror_prints_figures_and_never_fails(self):
        self.replace("README.md", "# Thing", "# Thing ")
        done = self.run_program("--mirror")
        self.assertEqual(0, done.returncode)
        self.assertIn("maru library", done.stdout)
        self.assertIn("TigerBeetle", done.stdout)
        self.assertIn("functions over 70 lines: 0", done.stdout)

    def test_the_mirror_counts_long_functions(self):
        body = "    work();\n" * 80
        self.add("runtime/queue/deque.c", f"\nvoid deque_long(void)\n{{\n{body}}}\n")
        self.assertIn("functions over 70 lines: 1", self.run_program("--mirror").stdout)

    def test_files_that_git_ignores_are_not_judged(self):
        if not shutil.which("git"):
            self.skipTest("no git")
        subprocess.run(["git", "init", "-q", self.root], check=True, env=outside_hook())
        self.write(".gitignore", "*.log\n/out/\n")
        self.write("out/odd.md", "FIXME\n")
        self.expect()
        self.write("inn/odd.md", "FIXME\n")
        self.expect(("inn/odd.md", 1, "words"))

    def run_program(self, *more):
        return subprocess.run([sys.executable, os.path.join(HERE, "lint.py"), "--root", self.root,
                               *more], capture_output=True, text=True, check=False)


class Format(LintTest):
    def test_a_tab(self):
        self.write("a.sh", "#!/bin/sh\n\ttrue\n")
        self.expect(("a.sh", 2, "format"))

    def test_a_long_line(self):
        self.write("meson.build", "# short\n# " + "x" * 99 + "\n")
        self.expect(("meson.build", 2, "format"))

    def test_no_newline_at_the_end(self):
        self.write("a.py", "a = 1\nb = 2")
        self.expect(("a.py", 2, "format"))

    @unittest.skipUnless(HAS_FORMATTER, "no clang-format")
    def test_wrong_indent(self):
        line = self.replace("runtime/queue/deque.c", "    DEQUE_BOTH(pair", "  DEQUE_BOTH(pair")
        self.expect(("runtime/queue/deque.c", line, "format"))

    @unittest.skipUnless(HAS_FORMATTER, "no clang-format")
    def test_a_brace_in_the_wrong_place(self):
        line = self.replace("tests/unit/test_deque.c", "maru_async(claim)\n{",
                            "maru_async(claim) {")
        self.expect(("tests/unit/test_deque.c", line, "format"))

    @unittest.skipUnless(HAS_FORMATTER, "no clang-format")
    def test_an_arm_under_nothing(self):
        line = self.replace("tests/unit/test_deque.c", "                 maru_sleep_for",
                            "                  maru_sleep_for")
        self.expect(("tests/unit/test_deque.c", line, "format"))

    @unittest.skipUnless(HAS_FORMATTER, "no clang-format")
    def test_a_keyword_without_its_space(self):
        line = self.replace("tests/unit/test_deque.c", "if (", "if(")
        self.expect(("tests/unit/test_deque.c", line, "format"))


class Layers(LintTest):
    def test_an_upward_include(self):
        self.write("runtime/sched/idle.h", "/* idle.h - sleepers. */\n")
        self.write("timer/sleep.h", "/* sleep.h */\n\n#include \"runtime/sched/idle.h\"\n")
        self.expect(("timer/sleep.h", 3, "layers"))

    def test_io_never_sees_the_scheduler_nor_the_scheduler_io(self):
        self.write("runtime/sched/idle.h", "/* idle.h */\n#include \"io/op.h\"\n")
        self.write("runtime/sched/park.h", "/* park.h */\n")
        self.write("io/op.h", "/* op.h */\n")
        self.write("io/poll.h", "/* poll.h */\n#include \"runtime/sched/park.h\"\n")
        self.expect(("io/poll.h", 2, "layers"), ("runtime/sched/idle.h", 2, "layers"))

    def test_a_circle_of_equals(self):
        for me, other in (("a", "b"), ("b", "c"), ("c", "a")):
            self.write(f"sync/{me}.h", f"/* {me}.h */\n#ifndef {me.upper()}\n#define {me.upper()}\n"
                                       f"#include \"sync/{other}.h\"\n#endif\n")
        self.expect(("sync/c.h", 4, "layers"))

    def test_a_public_header_that_includes_a_private_one(self):
        self.write("include/maru/bad.h", "/* bad.h */\n#include \"runtime/base/atomic.h\"\n")
        self.expect(("include/maru/bad.h", 2, "layers"))

    def test_a_file_in_no_room(self):
        self.write("runtime/odd.h", "/* odd.h */\n")
        self.expect(("runtime/odd.h", 1, "layers"))

    def test_an_include_of_nothing(self):
        self.replace("runtime/queue/deque.c", "runtime/base/atomic.h", "runtime/base/gone.h")
        self.expect(("runtime/queue/deque.c", 4, "layers"))


class Banned(LintTest):
    def banned(self, code):
        self.expect(("runtime/queue/deque.c", self.add_library_line(code), "banned"))

    def test_malloc(self):
        self.banned("return malloc(1) != NULL;")

    def test_the_clock(self):
        self.banned("return clock_gettime(CLOCK_MONOTONIC, &now);")

    def test_atomics(self):
        self.banned("return __atomic_load_n(&x, __ATOMIC_RELAXED);")

    def test_setjmp(self):
        self.banned("return setjmp(jump);")

    def test_printing(self):
        self.banned('return printf("hello");')

    def test_printing_to_stderr(self):
        self.banned('return fprintf(stderr, "hello");')

    def test_liburing(self):
        self.write("sync/a.h", "/* a.h */\n#include <liburing.h>\n")
        self.write("io/uring.h", "/* uring.h - may. */\n#include <liburing.h>\n")
        found = lint.judge(self.root).findings
        self.assertEqual(["sync/a.h:2"], [f"{f[0]}:{f[1]}" for f in found if f[2] == "banned"])

    def test_strcpy_anywhere(self):
        line = self.add("tests/unit/test_deque.c", "\nint a = sizeof strcpy(to, from);\n")
        self.expect(("tests/unit/test_deque.c", line + 1, "banned"))

    def test_sleep_in_a_unit_test(self):
        line = self.add("tests/unit/test_deque.c", "\nint a = sizeof nanosleep(&t, NULL);\n")
        self.expect(("tests/unit/test_deque.c", line + 1, "banned"))

    def test_members_and_longer_names_are_others(self):
        self.add_library_line("return ops->free(x) + my_free(x) + ops.time(0) + runtime(1);")
        self.expect()


class Atomics(LintTest):
    def test_no_partner(self):
        line = self.add_library_line("return atomic_load_acq(&x);")
        self.expect(("runtime/queue/deque.c", line, "atomics"))

    def test_a_comment_without_a_partner(self):
        line = self.add_library_line("return atomic_load_acq(&x);    /* loads x */")
        self.expect(("runtime/queue/deque.c", line, "atomics"))

    def test_accepted_comments(self):
        for words in ("pairs with push", "the owner alone writes", "no partner: a statistic"):
            self.add_library_line(f"return atomic_load_acq(&x);    /* {words} */")
        self.add_library_line("/* Pairs with the store of push,\n     * in both cases. */\n"
                              "    return atomic_load_acq(&x);")
        self.add_library_line("return atomic_cas_ar(&x, y,\n"
                              "                         z);    /* pairs with pop */")
        self.expect()


class Tests(LintTest):
    def test_a_source_without_its_test(self):
        self.write("sync/mutex.c", "/* mutex.c - a lock. */\n")
        self.expect(("sync/mutex.c", 1, "tests"))

    def test_an_exception(self):
        self.write("sync/mutex.c", "/* mutex.c - a lock. */\n")
        self.write("tests/lint/untested.txt", "# why\nsync/mutex.c only its sizes differ\n")
        self.expect()

    def test_idle_wrong_and_unexplained_exceptions(self):
        self.write("sync/mutex.c", "/* mutex.c - a lock. */\n")
        self.write("tests/lint/untested.txt",
                   "runtime/queue/deque.c hard\nsync/gone.c hard\nsync/mutex.c\n")
        self.expect(*(("tests/lint/untested.txt", line, "tests") for line in (1, 2, 3)))


class Headers(LintTest):
    @unittest.skipUnless(HAS_GCC, "no gcc")
    def test_a_header_that_leans_on_another(self):
        self.write("io/op.h", "/* op.h */\nstruct op {\n    uint32_t n;\n};\n")
        self.expect(("io/op.h", 3, "headers"))

    @unittest.skipUnless(HAS_CXX, "no g++")
    def test_a_public_header_that_is_no_cxx(self):
        self.write("include/maru/odd.h", "/* odd.h */\nstruct odd {\n    int class;\n};\n")
        self.expect(("include/maru/odd.h", 3, "headers"))

    @unittest.skipUnless(HAS_GCC, "no gcc")
    def test_the_cache_forgets_when_an_included_file_changes(self):
        os.makedirs(os.path.join(self.root, "build"))
        self.write("io/base.h", "/* base.h */\ntypedef int number;\n")
        self.write("io/op.h", "/* op.h */\n#include \"io/base.h\"\nextern number op_count;\n")
        self.expect()
        self.assertTrue(os.listdir(os.path.join(self.root, "build", "lint-cache")))
        self.expect()
        self.write("io/base.h", "/* base.h */\ntypedef int numeral;\n")
        self.expect(("io/op.h", 3, "headers"))


class Docs(LintTest):
    def test_no_comment(self):
        line = self.replace("include/maru/thing.h",
                            "/* Doubles n.\n * Threads: signal-safe. */\n", "")
        self.expect(("include/maru/thing.h", line, "docs"))

    def test_no_thread_word(self):
        line = self.replace("include/maru/thing.h", "Threads: signal-safe.", "Signal-safe.")
        self.expect(("include/maru/thing.h", line + 1, "docs"))

    def test_a_thread_of_another_word(self):
        line = self.replace("include/maru/thing.h", "Threads: signal-safe.", "Threads: mine.")
        self.expect(("include/maru/thing.h", line + 1, "docs"))

    def test_nothing_but_the_thread(self):
        line = self.replace("include/maru/thing.h", "/* Doubles n.\n *", "/*")
        self.expect(("include/maru/thing.h", line + 1, "docs"))

    def test_a_future_or_an_int_without_its_result(self):
        line = self.replace("include/maru/thing.h", "static inline int64_t maru_double",
                            "int maru_half(int n);\n\n/* Doubles n.\n * Threads: signal-safe. */\n"
                            "static inline int64_t maru_double")
        self.expect(("include/maru/thing.h", line, "docs"))
        self.replace("include/maru/thing.h", "/* Doubles n.\n", "/* Returns half of n.\n")
        self.expect()

    def test_a_header_that_is_written_from_the_others(self):
        self.write("include/maru/ffi.h", "/* ffi.h - all again.\n *\n * Written by tests/x. */\n"
                   "int maru_half(int n);\n")
        self.expect()

    def test_an_empty_line_ends_a_group(self):
        line = self.replace("include/maru/thing.h", "int64_t maru_thing_size",
                            "\nint64_t maru_thing_size")
        self.expect(("include/maru/thing.h", line + 1, "docs"))


class BadArguments(LintTest):
    def test_a_function_without_a_table(self):
        line = self.replace("include/maru/thing.h", "int64_t maru_thing_size(",
                            "int64_t maru_thing_width(")
        self.expect(("include/maru/thing.h", line, "badargs"))

    def test_a_name_in_a_comment_or_a_string_is_no_call(self):
        self.replace("tests/unit/test_bad_thing.c", "    BAD(0, maru_thing_size(NULL));\n",
                     "    /* maru_thing_size(NULL) */\n    BAD(0, \"maru_thing_size(NULL)\");\n")
        self.expect(("include/maru/thing.h", 15, "badargs"))

    def test_only_tables_count(self):
        self.replace("tests/unit/test_bad_thing.c", "    BAD(-2, maru_double(-1));\n", "")
        self.add("tests/unit/test_alloc.c", "int two = maru_double(1);\n")
        self.expect(("include/maru/thing.h", 19, "badargs"))


class Words(LintTest):
    def test_a_loose_end(self):
        self.write("examples/a.c", "/* a.c - an example. */\n\n/* TODO: more */\n")
        self.expect(("examples/a.c", 3, "words"))

    def test_a_path_of_one_machine(self):
        self.write("notes.md", "See\n/home/me/notes.\n")
        self.expect(("notes.md", 2, "words"))

    def test_an_address_or_a_folder_of_ours_is_no_such_path(self):
        self.write("notes.md", "See https://example.org/home/ and build/tmp/x.\n")
        self.expect()


class Files(LintTest):
    def test_executable_without_an_interpreter(self):
        os.chmod(os.path.join(self.root, "README.md"), 0o755)
        self.expect(("README.md", 1, "files"))

    def test_too_large(self):
        self.write("data.bin", "x" * (200 * 1024 + 1))
        self.expect(("data.bin", 1, "files"))

    def test_too_long(self):
        self.write("long.py", "a = 1\n" * 701)
        self.expect(("long.py", 1, "files"))

    def test_no_opening_comment(self):
        self.write("examples/a.c", "int a;\n")
        self.expect(("examples/a.c", 1, "files"))


class Allow(LintTest):
    def test_an_exemption_on_the_line_and_above(self):
        self.add_library_line("free(x);    /* lint: allow banned: ours since birth */")
        self.add_library_line("/* lint: allow banned: ours since birth */\n    free(x);")
        self.expect()

    def test_an_exemption_of_another_rule(self):
        line = self.add_library_line("free(x);    /* lint: allow words: no */")
        self.expect(("runtime/queue/deque.c", line, "allow"),
                    ("runtime/queue/deque.c", line, "banned"))

    def test_an_exemption_without_a_reason(self):
        line = self.add_library_line("free(x);    /* lint: allow banned */")
        self.expect(("runtime/queue/deque.c", line, "allow"),
                    ("runtime/queue/deque.c", line, "banned"))

    def test_an_idle_exemption(self):
        line = self.add_library_line("give(x);    /* lint: allow banned: once */")
        self.expect(("runtime/queue/deque.c", line, "allow"))


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    failed = len(result.failures) + len(result.errors)
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed{skipped}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
