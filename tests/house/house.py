"""The rules of the house that a program can check.

Each looks at a tree and yields "file:line: what, and what would be right".

Floors, from the ground: core sees the standard library and abseil; net, smtp and store see core alone; relay sees those
four; gateway, the roof, sees everything; tests and bench see everything and nothing sees them.
"""

import pathlib
import re

FLOORS = {
    "core": {"core", "absl"},
    "net": {"net", "core", "absl", "cares"},
    "smtp": {"smtp", "core", "absl"},
    "store": {"store", "core", "absl"},
    "relay": {"relay", "net", "smtp", "store", "core", "absl"},
    "gateway": {"gateway", "relay", "net", "smtp", "store", "core", "absl", "CLI", "toml++", "nlohmann"},
}
GARDEN = ("tests", "bench")

# The only files that know the operating system. In the garden any file may that says so in its name.
SYSTEM_FILE = re.compile(r"net/\w+_(epoll|iocp|posix|win|linux)\.(cc|h)|store/\w+_(posix|win|linux)\.(cc|h)")
SYSTEM_FILE_IN_GARDEN = re.compile(r"tests/e2e/.*|(tests|bench)/.*_(epoll|iocp|posix|win|linux)(_test|_bench)?\.(cc|h)")
PLATFORM_WORD = re.compile(r"_WIN32|_WIN64|__linux__|__unix__|__APPLE__|__MINGW\w*|_MSC_VER|_POSIX\w*|__GLIBC__")

# What may not be seen on a floor, and why.
FORBIDDEN = {
    "core": (r"<thread>", "core/ starts no thread"),
    "smtp": (
        r"<(thread|mutex|shared_mutex|condition_variable|future|fstream|filesystem|iostream|cstdio|ctime)>"
        r'|"absl/(synchronization/|time/clock\.h)|_clock::now|absl::Now\(|\bstd::time\(|RealClock',
        "smtp/ touches no thread, lock, file or clock: the time and the bytes come in as arguments",
    ),
}


def lines_of(root):
    """Yields (path from the root, line number, line) over our own C++."""
    for path in files_of(root):
        for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), 1):
            yield path, number, line


def files_of(root, suffixes=(".h", ".cc")):
    for folder in (*FLOORS, *GARDEN):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes:
                yield path.relative_to(root).as_posix()


def knows_the_system(path):
    return SYSTEM_FILE.fullmatch(path) or SYSTEM_FILE_IN_GARDEN.fullmatch(path)


def includes_point_down(root):
    for path, number, line in lines_of(root):
        include = re.match(r'\s*#\s*include\s+"([^"]*)"', line)
        if not include:
            continue
        floor, seen = path.split("/")[0], include[1].split("/")[0]
        if "/" not in include[1]:
            yield f'{path}:{number}: "{include[1]}": name a header by its whole path from the root'
        elif floor == "bench" and seen == "tests":
            yield f"{path}:{number}: bench/ may not include tests/: a benchmark must not need a test"
        elif floor not in GARDEN and seen not in FLOORS[floor]:
            yield f"{path}:{number}: {floor}/ may not include {seen}/, only {', '.join(sorted(FLOORS[floor]))}"


def few_files_know_the_system(root):
    for path, number, line in lines_of(root):
        if knows_the_system(path):
            continue
        header = re.match(r"\s*#\s*include\s+<(.*[./].*)>", line)
        if header:
            yield (f"{path}:{number}: <{header[1]}>: a system header belongs to net/*_posix.cc or one of its kind, "
                   "a library's goes in quotes, and the C library's is <cNAME>")
        if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line) and PLATFORM_WORD.search(line):
            yield f"{path}:{number}: no platform #if: write one file a system and let select() choose"


def floors_keep_their_promises(root):
    for path, number, line in lines_of(root):
        word, reason = FORBIDDEN.get(path.split("/")[0], (None, None))
        code = line.split("//")[0]
        if word and re.search(word, code):
            yield f"{path}:{number}: {code.strip()}: {reason}"


def lines_fit(root):
    for path, number, line in lines_of(root):
        if len(line) > 120:
            yield f"{path}:{number}: {len(line)} columns; 120 are allowed"


def headers_introduce_themselves(root):
    for path in files_of(root, (".h",)):
        text = (root / path).read_text(encoding="utf-8")
        guard = "POSTERN_" + re.sub(r"\W", "_", path).upper() + "_"
        if not text.startswith("// "):
            yield f"{path}:1: open with a comment: what it is, who owns it, on which thread it lives"
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            yield f"{path}:1: the include guard must be {guard}"


def every_file_is_built(root):
    for path in files_of(root):
        builds = [b for b in (root / path).parents if b != root and (b / "BUILD.bazel").exists() and root in b.parents]
        package = builds[0] if builds else root
        texts = [b.read_text(encoding="utf-8") for b in (*package.glob("BUILD.bazel"), *package.glob("*.bzl"))]
        label = (root / path).relative_to(package).as_posix()
        # A list comprehension in the build file may add the ending, as in `srcs = [name + "_test.cc"]`.
        stem = re.sub(r"(_test|_bench|_fuzz)?\.(cc|h)$", "", label)
        if not any(f'"{name}"' in text for name in (label, stem) for text in texts):
            yield f'{path}:1: BUILD.bazel does not name "{label}": nothing compiles or runs it'


RULES = (
    includes_point_down,
    few_files_know_the_system,
    floors_keep_their_promises,
    lines_fit,
    headers_introduce_themselves,
    every_file_is_built,
)
