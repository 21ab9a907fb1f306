#!/usr/bin/env python3
"""The rules of the house that no compiler holds: prints every line of the tree that breaks one, and fails if there is any.

An argument names another tree than the one that this file lies in.
"""

import pathlib
import re
import sys

# Which folders a folder may include from; a pair of quotes in an include always names a file of ours or of a library.
BELOW = {
    "core": {"core"},
    "net": {"core", "net"},
    "smtp": {"core", "smtp"},
    "store": {"core", "store"},
    "relay": {"core", "net", "smtp", "store", "relay"},
    "gateway": {"core", "net", "smtp", "store", "relay", "gateway"},
    "bench": {"core", "net", "smtp", "store", "relay", "gateway", "bench"},
    "tests": {"core", "net", "smtp", "store", "relay", "gateway", "bench", "tests"},
}
CORE_LIBRARIES = ("absl/",)

# The few that know the operating system say so in their names.
KNOWS_SYSTEM = re.compile(r"^(net|store)/[^/]*_(epoll|iocp|posix|linux|win)\.(h|cc)$")
SYSTEM_HEADER = re.compile(
    r"^(sys/|netinet/|arpa/|net/if|linux/|(unistd|fcntl|poll|signal|pthread|netdb|dirent|pwd|grp|syslog|termios|io|"
    r"windows|winsock2?|ws2tcpip|mswsock)\.h$)",
    re.IGNORECASE,
)
PLATFORM_IF = re.compile(r"^\s*#\s*(el)?if.*\b(_WIN32|_WIN64|WIN32|__linux__|__unix__|__APPLE__|_MSC_VER|__MINGW\w+)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')

# What a floor may not use, though the standard library has it: time, threads and files come in as arguments.
FORBIDDEN_HEADERS = {
    "core": {"thread"},
    "smtp": {"thread", "mutex", "condition_variable", "shared_mutex", "fstream", "filesystem", "cstdio", "iostream"},
}
NOW = re.compile(r"::now\(")
WIDTH_MAX = 120


def check_include(floor, quote, name):
    first = name.split("/")[0]
    if quote == "<":
        if name in FORBIDDEN_HEADERS.get(floor, ()):
            return f"{floor}/ does not use <{name}>: it touches no thread and no file"
    elif first in BELOW:
        if first not in BELOW[floor]:
            return f"{floor}/ may not include from {first}/: includes point down, and siblings never meet"
    elif floor == "core" and not name.startswith(CORE_LIBRARIES):
        return "core/ sees only the standard library and abseil"
    return None


def check_line(path, floor, line):
    if len(line) > WIDTH_MAX:
        yield f"{len(line)} columns; at most {WIDTH_MAX}"
    include = INCLUDE.match(line)
    if include and (problem := check_include(floor, *include.groups())):
        yield problem
    if floor != "tests" and not KNOWS_SYSTEM.match(path):
        if include and SYSTEM_HEADER.match(include[2]):
            yield f"<{include[2]}> belongs in net/ or store/, in a file named *_posix, *_win, *_linux, *_epoll or *_iocp"
        if PLATFORM_IF.match(line):
            yield "no platform #if: write a file per system, and let Bazel's select() pick it"
    if floor == "smtp" and NOW.search(line):
        yield "smtp/ reads no clock: take the time as an argument"


def check_file(path, text):
    """Yields (line number, problem)."""
    if path.endswith(".h") and not text.startswith(("//", "/*")):
        yield 1, "a header opens with a comment: what it is, who owns it, on which thread it lives"
    for number, line in enumerate(text.splitlines(), 1):
        for problem in check_line(path, path.split("/")[0], line):
            yield number, problem


def check_tree(root):
    """Yields 'path:line: problem' for all C++ under the floors of the root."""
    for floor in BELOW:
        for file in sorted((root / floor).rglob("*")):
            if file.suffix in (".h", ".cc"):
                path = file.relative_to(root).as_posix()
                for number, problem in check_file(path, file.read_text(encoding="utf-8")):
                    yield f"{path}:{number}: {problem}"


if __name__ == "__main__":
    tree = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
    if not (tree / "core").is_dir():
        sys.exit(f"{tree}: there is no core/ here, so this is not the tree of Postern")
    problems = list(check_tree(tree))
    print("\n".join(problems))
    sys.exit(1 if problems else 0)
