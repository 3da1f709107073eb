"""Rule `badargs`: every public function is called with bad arguments in tests/unit/test_bad_*.c.

A name counts that stands before a parenthesis in the code of a table, comments and strings aside.
So a function that somebody adds to a public header is a finding until a table has it.
"""

import re

from headers import C_ONLY_LINES, WRITTEN, function_name, is_function_head, top_level_items

TABLE = re.compile(r"tests/unit/test_bad_\w+\.c")
CALL = re.compile(r"\b([a-z]\w*)\s*\(")


def called(tree):
    names = set()
    for path in tree.under(("tests/unit/",), (".c",)):
        source = tree.source(path) if TABLE.fullmatch(path) else None
        if source:
            names.update(CALL.findall(source.code_text))
    return names


def check(tree):
    names = called(tree)
    for path in tree.under(("include/",), (".h",)):
        source = tree.source(path)
        if not source or any(WRITTEN.search(line) for line in source.lines[:C_ONLY_LINES]):
            continue
        for first, _, text in top_level_items(source):
            if is_function_head(text) and function_name(text) not in names:
                tree.find(path, first, "badargs",
                          f"{function_name(text)} is in no table of tests/unit/test_bad_*.c")
