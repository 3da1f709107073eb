#!/usr/bin/env python3
"""The style of this project, as far as a program can judge it.

    tests/lint/lint.py [--root DIR] [--mirror] [--rule NAME]...

Prints `path:line: rule: message` for each finding and ends with one line that counts them; fails
if there is any. The rules: format (layout.py), layers, banned, atomics (layers.py), headers, docs
(headers.py), badargs (badargs.py), tests, words, files (house.py), and allow (tree.py), which
judges the exemptions.
--mirror prints sizes and counts beside those of other codebases instead, and never fails.
"""

import argparse
import os
import sys

sys.dont_write_bytecode = True          # a lint leaves nothing in the tree it judges
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import badargs      # noqa: E402
import headers      # noqa: E402
import house        # noqa: E402
import layers       # noqa: E402
import layout       # noqa: E402
import mirror       # noqa: E402
from tree import Tree   # noqa: E402

RULES = ("format", "layers", "banned", "atomics", "tests", "headers", "docs", "badargs", "words",
         "files", "allow")


def judge(root):
    """Returns the tree with its findings, in order of path and line."""
    tree = Tree(root)
    for module in (layout, layers, headers, badargs, house):
        module.check(tree)
    quiet = {"format", "headers"} if tree.notes else set()
    tree.check_allowances(RULES, quiet)
    tree.findings = sorted(set(tree.findings))
    return tree


def main():
    parser = argparse.ArgumentParser(description="judges the style of the tree")
    parser.add_argument("--root", default=".", help="the project's root (default: here)")
    parser.add_argument("--mirror", action="store_true", help="print sizes beside the models'")
    parser.add_argument("--rule", action="append", choices=RULES, metavar="NAME",
                        help="print the findings of this rule only (may be repeated)")
    arguments = parser.parse_args()
    if arguments.mirror:
        mirror.show(Tree(arguments.root))
        return 0
    tree = judge(arguments.root)
    shown = [f for f in tree.findings if not arguments.rule or f[2] in arguments.rule]
    for path, line, rule, message in shown:
        print(f"{path}:{line}: {rule}: {message}")
    notes = "".join(f"; {note}" for note in tree.notes)
    print(f"lint: {len(tree.files)} files, {len(shown)} findings{notes}")
    return 1 if shown else 0


if __name__ == "__main__":
    sys.exit(main())
