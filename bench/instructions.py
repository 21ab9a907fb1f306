"""Counts the instructions of the hot path under callgrind and holds them against bench/budgets.toml.

Times waver on a busy machine, instructions do not: the same program takes the same number of them, whatever else runs.
A count over its budget fails, and so does one that lies more than a tenth below it: who made something cheaper lowers
the budget in the same change, so that the gain is not lost again unseen.

    python3 bench/instructions.py               counts all, and says what is over or under
    python3 bench/instructions.py --write       writes what it has counted into bench/budgets.toml

What is counted is our code and the libraries under it in user space, in the loop of the benchmark alone. The kernel's
share is not; docs/performance.md says how large that is.
"""

import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUDGETS = ROOT / "bench/budgets.toml"
ITERATIONS = 200
SLACK = 0.02  # another patch level of the compiler or the C library
GAIN = 0.10
FUNCTIONS_SHOWN = 8

Count = collections.namedtuple("Count", "instructions functions")  # of all iterations; {name: instructions}


def compiler():
    version = subprocess.run(["g++", "-dumpversion"], capture_output=True, text=True, check=True).stdout
    return f"g++ {version.split('.')[0].strip()}"


def read_dump(text):
    """Returns the Count of one callgrind dump: what each function took itself."""
    names, functions, current, in_call = {}, collections.Counter(), None, False
    for line in text.splitlines():
        if match := re.match(r"fn=\((\d+)\)(?: (.*))?$", line):
            if match[2]:
                names[match[1]] = match[2]
            current = match[1]
        elif match := re.match(r"cfn=\((\d+)\) (.*)$", line):
            names[match[1]] = match[2]
        elif line.startswith("calls="):
            in_call = True  # the next line holds what the callee took
        elif re.match(r"[+*\-\d]", line) and current:
            if not in_call:
                functions[current] += int(line.split()[1])
            in_call = False
    return Count(int(re.search(r"^summary: (\d+)", text, re.M)[1]),
                 {names[number]: count for number, count in functions.items()})


def count(program, names):
    """Returns {name: Count} of the program's benchmarks, each run once with ITERATIONS."""
    pattern = "^(" + "|".join(map(re.escape, names)) + ")(/iterations:.*)?$"
    with tempfile.TemporaryDirectory() as scratch:
        listed = subprocess.run([program, f"--benchmark_filter={pattern}", "--benchmark_list_tests"], cwd=scratch,
                                env=environment(), capture_output=True, text=True, check=True).stdout.split()
        # Counters are set to zero when a benchmark's loop begins and are written down when it ends.
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=dump",
             "--zero-before=benchmark::State::StartKeepRunning()",
             "--dump-before=benchmark::State::FinishKeepRunning()", program, f"--benchmark_filter={pattern}"],
            cwd=scratch, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0 or "ERROR OCCURRED" in done.stdout:
            raise RuntimeError(f"{program} under callgrind:\n{done.stdout}")
        dumps = [pathlib.Path(scratch, f"dump.{i + 1}").read_text() for i in range(len(listed))]
    return {name.split("/iterations:")[0]: read_dump(dump) for name, dump in zip(listed, dumps)}


def environment():
    return {**os.environ, "POSTERN_BENCH_ITERATIONS": str(ITERATIONS)}


def judge(budget, actual, functions):
    """Returns (whether it is as it should be, what to tell)."""
    allowed, what = budget["instructions"], f"{budget['name']}: {figure(actual)} instructions a {budget['per']}"
    over = actual / allowed - 1
    if over > SLACK:
        where = sorted(functions.items(), key=lambda item: -item[1])[:FUNCTIONS_SHOWN]
        total = sum(functions.values())
        return False, "\n".join([f"{what}, {over:.1%} over the budget of {allowed}. It goes to",
                                 *(f"  {100 * n / total:5.1f} %  {name[:150]}" for name, n in where)])
    if over < -GAIN:
        return False, f"{what}, {-over:.1%} below the budget of {allowed}: lower it (--write)"
    return True, f"{what}, budget {allowed}"


def measure(budgets, programs):
    """Yields (budget, instructions a thing, functions) for each budget."""
    counts = {}
    for label, program in programs.items():
        names = {name for b in budgets if b["bench"] == label for name in (b["name"], b.get("less")) if name}
        counts[label] = count(program, sorted(names))
    for budget in budgets:
        mine = counts[budget["bench"]]
        for name in (budget["name"], budget.get("less")):
            if name and name not in mine:
                raise RuntimeError(f"{BUDGETS.name}: {budget['bench']} has no benchmark {name!r} that is Counted")
        count_of = mine[budget["name"]]
        instructions = count_of.instructions - (mine[budget["less"]].instructions if "less" in budget else 0)
        yield budget, instructions / ITERATIONS / budget.get("things", 1), count_of.functions


def figure(number):
    return f"{number:.0f}" if number >= 100 else f"{number:.4g}"


def write(results):
    """Puts the measured numbers where the old ones stand; everything else in the file is the author's."""
    numbers = iter(results)
    text = re.sub(r"^instructions = .*$", lambda _: f"instructions = {figure(next(numbers))}", BUDGETS.read_text(), flags=re.M)
    text = re.sub(r"^compiler = .*$", f'compiler = "{compiler()}"', text, flags=re.M)
    BUDGETS.write_text(text)


def load():
    table = tomllib.loads(BUDGETS.read_text())
    return table["compiler"], table["budget"]


def build(labels):
    subprocess.run(["bazel", "build", "--config=release", *labels], cwd=ROOT, check=True, capture_output=True)
    done = subprocess.run(["bazel", "info", "--config=release", "bazel-bin"], cwd=ROOT, check=True, capture_output=True,
                          text=True)
    return {label: pathlib.Path(done.stdout.strip(), label[2:].replace(":", "/")) for label in labels}


def main():
    made_with, budgets = load()
    programs = build(sorted({budget["bench"] for budget in budgets}))
    results = list(measure(budgets, programs))
    if "--write" in sys.argv:
        write([actual for _, actual, _ in results])
        return
    if compiler() != made_with:
        sys.exit(f"NOT JUDGED: the budgets are {made_with}'s, and this is {compiler()}")
    verdicts = [judge(*result) for result in results]
    print("\n".join(text for _, text in verdicts))
    sys.exit(not all(good for good, _ in verdicts))


if __name__ == "__main__":
    main()
