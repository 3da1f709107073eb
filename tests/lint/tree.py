"""The tree that is judged: which files there are, their text, and their code without comments.

Every rule reads files through one Tree, so that each file is read and taken apart once. A line may
carry an exemption, here or on a comment line just above it:

    lint: allow <rule>: <reason>

An exemption without a known rule and a reason is a finding, and so is one that exempts nothing.
"""

import os
import re
import subprocess

LIBRARY = ("runtime/", "io/", "sync/", "timer/")
FORMATTED = LIBRARY + ("include/", "bench/", "tests/", "examples/")
SKIPPED_FOLDERS = {".git", "__pycache__", "build"}

ALLOW = re.compile(r"lint: allow\b(?: ([a-z]+))?(?:: *(\S))?")

# One alternative per thing that can hide code: block comment, line comment, string, character.
HIDING = re.compile(
    r"/\*.*?(?:\*/|\Z)|//(?:\\\n|[^\n])*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
INCLUDE_LINE = re.compile(r"[ \t]*#[ \t]*include\b")
NOT_NEWLINE = re.compile(r"[^\n]")


def outside_hook():
    """The environment without git's own variables: a hook's would name another repository."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def blank(text):
    """The same text as spaces, its lines kept."""
    return NOT_NEWLINE.sub(" ", text)


def split_comments(text):
    """Returns (code, comments), each as long as the text, with all else blanked.

    Strings are blanked in the code, but not those of an #include."""
    code, comments, at = [], [], 0
    for hit in HIDING.finditer(text):
        plain, hidden = text[at:hit.start()], hit.group()
        code.append(plain)
        comments.append(blank(plain))
        if hidden.startswith("/"):
            code.append(blank(hidden))
            comments.append(hidden)
        else:
            line_start = text.rfind("\n", 0, hit.start()) + 1
            kept = INCLUDE_LINE.match(text, line_start)
            quote = hidden[0]
            code.append(hidden if kept else quote + blank(hidden[1:-1]) + quote)
            comments.append(blank(hidden))
        at = hit.end()
    code.append(text[at:])
    comments.append(blank(text[at:]))
    return "".join(code), "".join(comments)


class Source:
    """One text file: raw lines, and for C the lines of its code and of its comments alone."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self.is_c = path.endswith((".c", ".h"))
        code, comments = split_comments(text) if self.is_c else (text, "")
        self.code_text = code
        self.code = code.split("\n")
        self.comments = comments.split("\n")

    def comment_above(self, line):
        """The words of the comment that ends on the line before this one (1-based), or ""."""
        words, at = [], line - 2
        while at >= 0 and not self.code[at].strip() and self.comments[at].strip():
            words.append(self.comments[at].strip())
            if words[-1].startswith("/*"):
                break
            at -= 1
        return " ".join(reversed(words))


class Tree:
    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.files = sorted(self._list())
        self.known = set(self.files)
        self.findings = []
        self.notes = []
        self._sources = {}
        self._used = set()

    def _list(self):
        names = self._git("ls-files", "-co", "--exclude-standard", "-z")
        top = self._git("rev-parse", "--show-toplevel")
        if names is not None and top and os.path.realpath(top.strip()) == self.root:
            found = {n for n in names.split("\0") if n}
            return [n for n in found if os.path.isfile(self.full(n))]
        found = []
        for folder, inner, names in os.walk(self.root):
            inner[:] = [d for d in inner if d not in SKIPPED_FOLDERS]
            found += [os.path.relpath(os.path.join(folder, n), self.root) for n in names]
        return found

    def _git(self, *arguments):
        try:
            done = subprocess.run(["git", "-C", self.root, *arguments], capture_output=True,
                                  text=True, check=False, env=outside_hook())
        except OSError:
            return None
        return done.stdout if done.returncode == 0 else None

    def full(self, path):
        return os.path.join(self.root, path)

    def under(self, folders, endings=(".c", ".h")):
        return [f for f in self.files if f.startswith(folders) and f.endswith(endings)]

    def source(self, path):
        """The file as text, or None if it is none (binary, or a dangling link)."""
        if path not in self._sources:
            try:
                with open(self.full(path), encoding="utf-8", newline="") as file:
                    text = file.read()
                self._sources[path] = None if "\0" in text else Source(path, text)
            except (OSError, UnicodeDecodeError):
                self._sources[path] = None
        return self._sources[path]

    def find(self, path, line, rule, message):
        if not self._allowed(path, line, rule):
            self.findings.append((path, line, rule, message))

    def _allowed(self, path, line, rule):
        source = self.source(path)
        if not source:
            return False
        for at in (line, line - 1):
            if not 1 <= at <= len(source.lines):
                continue
            if at != line and source.is_c and source.code[at - 1].strip():
                continue
            if any(hit.group(1) == rule and hit.group(2)
                   for hit in ALLOW.finditer(source.lines[at - 1])):
                self._used.add((path, at, rule))
                return True
        return False

    def check_allowances(self, rules, quiet):
        """Reports exemptions that are malformed or idle. `quiet` rules could not run today."""
        for path in self.files:
            source = self.source(path)
            if not source or path.startswith("tests/lint/") or path.endswith(".md"):
                continue
            if "lint: allow" not in source.text:
                continue
            for number, line in enumerate(source.lines, 1):
                for hit in ALLOW.finditer(line):
                    rule = hit.group(1)
                    if rule not in rules or not hit.group(2):
                        message = "an exemption is written `lint: allow <rule>: <reason>`"
                    elif rule not in quiet and (path, number, rule) not in self._used:
                        message = f"allows {rule}, but nothing here needs it"
                    else:
                        continue
                    self.findings.append((path, number, "allow", message))
