"""Rule `format`: the characters of a line, and the layout of C.

The layout is clang-format's, with the author's freedom where the formatter cannot see a reason:

 - a line that fits may be broken or not, so a line is fine if it is what clang-format makes of it
   with the column limit or without one;
 - spaces inside a line may align columns, so runs of them count as one, and the braces of an
   initialiser may stand tight or wide;
 - the arms of a select stand below each other, or below its parenthesis;
 - an initialiser has as many entries to a row as it likes;
 - a struct, union or enum may stand on one line, and macros are laid out by hand, because the
   formatter reads fragments of statements as something else.
"""

import difflib
import os
import re
import shutil
import subprocess
import tempfile

from tree import FORMATTED

RULE = "format"
COLUMNS = 100
MAJOR = "14"                            # the output of clang-format differs between releases

WITH_COLUMNS = (".c", ".h", ".sh")
WITHOUT_COLUMNS = (".py", ".md")

# Variants of .clang-format; a line that is right in one of them is right.
VARIANTS = (
    {"ColumnLimit": "0"},
    {"ColumnLimit": "0", "AlignConsecutiveDeclarations": "None"},
    {},
    {"AlignConsecutiveDeclarations": "None"},
    {"ColumnLimit": "0", "AlignConsecutiveDeclarations": "None", "Cpp11BracedListStyle": "true"},
)

SPACES = re.compile(r" {2,}")
BRACES = re.compile(r"(\{) (?=\S)|(?<=\S) (\})")
CAST_OF_NOT = re.compile(r"\) ~")       # the formatter takes (type)~x for an operator of two
COMPACT = re.compile(r"\s*(?:(?:typedef|static|const|extern)\s+)*(?:struct|union|enum)\b"
                     r"[^;{}=()]*\{\s*[^\s]")
ARMS = re.compile(r"\s*\w+_(?:select\w*|race|join|settle|await|try)\(\s*\w+,\s*(?=\w)")
LIST_OPENS = re.compile(r"(?:=|\breturn|,|\()\s*(?:\([\w\s*\[\]]+\))?\s*\{\s*$")
DEFINE = re.compile(r"\s*#\s*define\b")


def is_script(source):
    return source.lines[0].startswith("#!")


def check_characters(tree):
    for path in tree.files:
        source = tree.source(path)
        if not source:
            continue
        narrow = path.endswith(WITH_COLUMNS) or os.path.basename(path) == "meson.build"
        if not narrow and not path.endswith(WITHOUT_COLUMNS):
            if not is_script(source):
                continue
            narrow = True
        for number, line in enumerate(source.lines, 1):
            if "\t" in line:
                tree.find(path, number, RULE, "a tab")
            if line != line.rstrip():
                tree.find(path, number, RULE, "trailing space")
            if narrow and len(line) > COLUMNS:
                tree.find(path, number, RULE, f"{len(line)} columns, at most {COLUMNS}")
        if source.text and not source.text.endswith("\n"):
            tree.find(path, len(source.lines), RULE, "no newline at the end of the file")


def find_formatter():
    for name in ("clang-format-" + MAJOR, "clang-format"):
        program = shutil.which(name)
        if not program:
            continue
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        if re.search(rf"version {MAJOR}\.", said.stdout):
            return program
    return None


def with_settings(style, settings):
    for key, value in settings.items():
        style, found = re.subn(rf"(?m)^{key}:.*$", f"{key}: {value}", style)
        if not found:
            style += f"\n{key}: {value}\n"
    return style


def formatted(program, style, sources):
    """What clang-format makes of the sources: one process for all, over copies."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, ".clang-format"), "w", encoding="utf-8") as file:
            file.write(style)
        copies = []
        for index, source in enumerate(sources):
            copies.append(os.path.join(folder, f"{index}{os.path.splitext(source.path)[1]}"))
            with open(copies[-1], "w", encoding="utf-8", newline="") as file:
                file.write(source.text)
        subprocess.run([program, "-i", "--style=file", *copies], check=True, cwd=folder)
        texts = []
        for copy in copies:
            with open(copy, encoding="utf-8", newline="") as file:
                texts.append(file.read())
        return texts


def normal(line):
    bare = line.lstrip(" ")
    bare = CAST_OF_NOT.sub(")~", BRACES.sub(r"\1\2", SPACES.sub(" ", bare)))
    return line[:len(line) - len(line.lstrip(" "))] + bare


def free_lines(source):
    """Numbers of the lines whose layout is the author's: compact aggregates, macros, arms."""
    free, in_define, in_compact, arms = set(), False, False, None
    for number, code in enumerate(source.code):
        if indent(code) == arms:
            free.add(number)
        opened = ARMS.match(code)
        arms = opened.end() if opened else arms
        arms = None if ";" in code else arms
        in_define = in_define or bool(DEFINE.match(code))
        in_compact = in_compact or bool(COMPACT.match(code))
        if in_define or in_compact:
            free.add(number)
        in_define = in_define and source.lines[number].endswith("\\")
        in_compact = in_compact and "}" not in code
    return free | rows_of_lists(source)


def indent(line):
    return len(line) - len(line.lstrip(" "))


def rows_of_lists(source):
    """Numbers of the lines inside an initialiser: as many to a row as the author likes."""
    rows, depth, least = set(), 0, 0
    for number, code in enumerate(source.code):
        if depth:
            depth += code.count("{") - code.count("}")
            if depth > 0 and indent(code) >= least:
                rows.add(number)
            depth = max(depth, 0)
        elif LIST_OPENS.search(code):
            depth, least = 1, indent(code) + 4
    return rows


def comment_lines(source):
    """Numbers of the lines that hold comment only, behind a comment at a line's end or inside."""
    follow = set()
    for number in range(1, len(source.lines)):
        only_comment = not source.code[number].strip() and source.comments[number].strip()
        before = number - 1 in follow or source.comments[number - 1].strip()
        if only_comment and before:
            follow.add(number)
    return follow


def view(lines, follow):
    return [line.strip() if number in follow else normal(line)
            for number, line in enumerate(lines)]


def wrong_lines(source, text, free, follow):
    """{line number: what was wanted there}, for one variant of the style."""
    have = view(source.lines, follow)
    want_lines = text.split("\n")
    # Comments keep their text, so those that follow a comment are known by it.
    bare = {source.lines[n].strip() for n in follow}
    want = [line.strip() if line.strip() in bare else normal(line) for line in want_lines]
    wrong = {}
    matcher = difflib.SequenceMatcher(None, have, want, autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            continue
        if kind == "insert":
            i1, i2 = max(i1 - 1, 0), max(i1, 1)
        wanted = set(want[j1:j2])
        for number in range(i1, i2):
            if number in free or (kind == "replace" and have[number] in wanted):
                continue
            place = min(j1 + number - i1, j2 - 1)
            wrong[number] = want_lines[place].strip() if j2 > j1 else "no such line"
    return wrong


def check_layout(tree):
    program = find_formatter()
    if not program:
        tree.notes.append(f"clang-format {MAJOR} is missing: layout not checked")
        return
    style_source = tree.source(".clang-format")
    if not style_source:
        tree.notes.append("no .clang-format: layout not checked")
        return
    open_files = {}
    left = [tree.source(path) for path in tree.under(FORMATTED)]
    left = [source for source in left if source and source.text]
    for settings in VARIANTS:
        if not left:
            break
        style = with_settings(style_source.text, settings)
        still = []
        for source, text in zip(left, formatted(program, style, left)):
            wrong = {}
            if text != source.text:
                wrong = wrong_lines(source, text, free_lines(source), comment_lines(source))
            known = open_files.get(source.path)
            if known is not None:
                wrong = {number: known[number] for number in known if number in wrong}
            open_files[source.path] = wrong
            if wrong:
                still.append(source)
        left = still
    for source in left:
        report_runs(tree, source, open_files[source.path])


def report_runs(tree, source, wrong):
    """One finding for each run of neighbouring lines."""
    for number in sorted(wrong):
        if number - 1 not in wrong:
            wanted = wrong[number] or "an empty line, or none"
            tree.find(source.path, number + 1, RULE, f"clang-format would write: {wanted}")


def check(tree):
    check_characters(tree)
    check_layout(tree)
