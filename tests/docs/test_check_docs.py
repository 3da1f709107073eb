#!/usr/bin/env python3
"""Tests of check_docs.py: each untruth is told, and what is true passes.

    tests/docs/test_check_docs.py BUILD
"""
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import check_docs   # noqa: E402

HELLO = """```c
#include <maru.h>
#include <stdio.h>
struct hello { maru_frame frame; maru_sleep nap; };
maru_async(hello)
{
    maru_try(maru_sleep_for(&me->nap, MARU_MSEC));
    puts("hello");
}
maru_end;
int main(void) { return maru_main(hello); }
```
"""
SERVER = """```c server
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 7)) };
    socklen_t len = sizeof at;
    char text[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        return 1;
    printf("listening on 127.0.0.1:%d\\n", ntohs(at.sin_port));
    fflush(stdout);
    int client = accept(fd, NULL, NULL);
    ssize_t n = read(client, text, sizeof text);
    if (n < 0 || write(client, text, (size_t)n) != n)
        return 1;
    close(client);
    puts("bye");
    return 0;
}
```

"""


class Pages(unittest.TestCase):
    def judged(self, text, only=""):
        """The words for all checks of a README with this text."""
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "README.md"), "w", encoding="utf-8") as file:
                file.write(text)
            check_docs.PAGES = folder
            place = check_docs.Place(folder, BUILD)
            return [check_docs.judge(check) for name, check in check_docs.all_checks(place)
                    if only in name]

    def fine(self, text):
        self.assertEqual({word for word, _ in self.judged(text)} - {"skipped"}, {"ok"})

    def untrue(self, text, why):
        said = [told for word, told in self.judged(text) if word == "FAILED"]
        self.assertEqual(len(said), 1, said)
        self.assertIn(why, said[0])

    def test_a_program_and_what_it_prints(self):
        self.fine(HELLO)
        self.fine(HELLO + "\n```text\nhello\n```\n")
        self.untrue(HELLO + "\n```text\nhallo\n```\n", "prints")

    def test_what_changes_from_run_to_run(self):
        dump = HELLO.replace('puts("hello")', 'printf("task 0x%x for=1.234s a.c:7\\nx\\n", 3u)')
        self.fine(dump + "\n```console\ntask 0xbeef for=0.001s b.c:9\nx\n```\n")
        self.fine(dump + "\n```console\ntask 0xbeef for=0.001s b.c:9\n...\n```\n")
        self.untrue(dump + "\n```console\ntask 0xbeef for=0.001s\nx\n```\n", "prints")

    def test_a_misspelt_function(self):
        self.untrue(HELLO.replace("maru_sleep_for", "maru_sleep_four"), "maru_sleep_four")

    def test_a_local_that_crosses_an_await(self):
        self.untrue(HELLO.replace("{\n    maru_try", "{\n    int n = 1;\n    maru_try")
                    .replace('puts("hello")', 'printf("%d", n)'), "jump")

    def test_an_exit_code(self):
        failing = HELLO.replace("return maru_main(hello)", "return maru_main(hello) + 3")
        self.untrue(failing, "ends with 3")
        self.fine(failing.replace("```c", "```c fails"))
        self.untrue(HELLO.replace("```c", "```c fails"), "ends with 0")

    def test_fragments_and_bodies(self):
        self.fine("```c fragment\nstruct f { maru_frame frame; };\n```\n")
        self.untrue("```c fragment\nstruct f { maru_frome frame; };\n```\n", "maru_frome")
        self.fine("```c body maru_op io; int fd;\nmaru_try(maru_close(&me->io, me->fd));\n```\n")
        self.untrue("```c body int fd;\nmaru_try(maru_close(&me->io, me->fd));\n```\n", "'io'")
        self.untrue("```c\nint x;\n```\n", "neither")
        self.untrue("```\nint x;\n```\n", "does not say")

    def test_names(self):
        self.fine("`maru_spawn(f)`, `MARU_SEC`, `maru_options.seed`, `MARU_IO`, maru_nothing")
        self.untrue("`maru_spaun`", "maru_spaun")
        self.untrue("`maru_options.sead`", "maru_options.sead")
        self.untrue("`maru_frame_start_`", "maru_frame_start_")

    def test_links(self):
        self.fine("# A heading, with `code`\n[a](README.md) [b](#a-heading-with-code) "
                  "[c](https://example.org/)\n")
        self.untrue("[a](nowhere.md)", "leads nowhere")
        self.untrue("[a](#nowhere)", "no heading")

    def test_conversations(self):
        talk = "```text\nlistening on 127.0.0.1:7\na> hello\na< hello\na.\nbye\n```\n"
        self.fine(SERVER + talk)
        self.untrue(SERVER + talk.replace("a< hello", "a< hallo"), "line 3")
        self.untrue(SERVER + talk.replace("a.\n", "a< more\n"), "line 4")
        self.untrue(SERVER + talk.replace("\nbye", "\nby"), "line 5")
        self.untrue(SERVER, "no conversation")

    def test_quotes_of_compilers_and_last_words(self):
        def check(column, words, program):
            with tempfile.TemporaryDirectory() as folder:
                place = check_docs.Place(folder, BUILD)
                check_docs.check_row(place, (1, {column: words}, [program]))
        check("at run time", "`plain return in an async function`", "plain_return.c")
        check("gcc", "`has no member named 'colour'`, nothing else", "unknown_argument.c")
        with self.assertRaises(check_docs.Wrong):
            check("at run time", "`a plain return`", "plain_return.c")
        with self.assertRaises(check_docs.Wrong):
            check("gcc", "`has no member named 'color'`", "unknown_argument.c")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} BUILD")
    BUILD = os.path.abspath(sys.argv.pop())
    done = unittest.main(exit=False, verbosity=2).result
    bad = len(done.failures) + len(done.errors)
    print(f"{done.testsRun - bad - len(done.skipped)} passed, {bad} failed, "
          f"{len(done.skipped)} skipped")
    sys.exit(1 if bad else 0)
