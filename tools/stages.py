"""The stages of tools/test. A stage yields (name, passed, failed, log) for every program that it ran.

A stage that cannot run counts as one failure, and so does one that finds nothing to run: silence is no success.
"""

import concurrent.futures
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import instructions as bench_instructions  # noqa: E402
CACHE = ROOT / ".cache"
FUZZ_SECONDS = 20
UNSANITIZED = "fuzz,e2e,bench,exclusive,no_sanitizer"
E2E_SECONDS_MAX = 25 * 60
SOAK_MINUTES = 2
SOAK_SETTLE_SECONDS_MAX = 6 * 60
WINDOWS_SECONDS_MAX = 15 * 60
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "--preserve-env"]
WINE_PREFIX = pathlib.Path(os.environ.get("WINEPREFIX", CACHE / "wine"))


def run(*command, seconds_max=None, **options):
    """Returns (exit code, stdout and stderr in one). What takes too long ends with code 124, as under timeout(1)."""
    command = [str(part) for part in command]
    if seconds_max:
        command = ["timeout", "--kill-after=10", str(seconds_max), *command]
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    done = subprocess.run(command, **options)
    return done.returncode, done.stdout


def bazel_output(*arguments):
    done = subprocess.run(["bazel", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"bazel {' '.join(arguments)}\n{done.stderr}")
    return done.stdout.split()


def binaries(tag, config):
    """Builds all programs with the tag. Returns {label: path}."""
    labels = bazel_output("query", f'attr(tags, "[\\[ ]{tag}[,\\]]", kind(cc_binary, //...))')
    return build(labels, config) if labels else {}


def build(labels, config):
    bazel_output("build", f"--config={config}", *labels)
    folder = pathlib.Path(bazel_output("info", f"--config={config}", "bazel-bin")[0])
    return {label: folder / label[2:].replace(":", "/") for label in labels}


def lint():
    for check in ("format", "tidy"):
        code, log = run("tools/lint", check)
        if "NOT JUDGED" in log:  # another Debian's formatter: seen, and neither passed nor failed
            print(shorten(log), flush=True)
            continue
        yield f"lint {check}", code == 0, code != 0, log


def count_cases(xml_file):
    """Returns (passed, failed) of a test.xml. Skipped cases are neither."""
    cases = list(xml.etree.ElementTree.parse(xml_file).iter("testcase"))
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None or case.get("status") == "notrun" for case in cases)
    return len(cases) - failed - skipped, failed


def unit(config, without="fuzz,e2e,bench"):
    """Runs the tests that have none of these tags."""
    with tempfile.TemporaryDirectory() as scratch:
        events = pathlib.Path(scratch, "events")
        code, log = run("bazel", "test", f"--config={config}", "//...", "--keep_going", "--build_tests_only",
                        "--test_tag_filters=-" + without.replace(",", ",-"), f"--build_event_json_file={events}")
        told = False
        # A test that is tried again, or in shards, has several results; those of one label are added up.
        for event in map(json.loads, events.read_text().splitlines()) if events.exists() else []:
            label = event["id"].get("testResult", {}).get("label")
            if not label:
                continue
            files = {f["name"]: urllib.parse.unquote(f["uri"][len("file://"):])
                     for f in event["testResult"].get("testActionOutput", []) if "uri" in f}
            good = event["testResult"]["status"] == "PASSED"
            passed, failed = count_cases(files["test.xml"]) if "test.xml" in files else (0, 0)
            failed += not good and failed == 0  # it died, or ran out of time
            told |= failed > 0
            test_log = pathlib.Path(files["test.log"]).read_text(errors="replace") if "test.log" in files else log
            yield label, passed, failed, test_log
        if code != 0 and (code != 3 or not told):  # 3: all was built, and a test failed
            yield "bazel test", 0, 1, log


def fuzz():
    def one(label, program):
        package, name = label[2:].split(":")
        corpus = ROOT / package / "corpus" / re.sub("_fuzz$", "", name)
        finds = CACHE / "fuzz" / name
        finds.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            inputs = pathlib.Path(scratch, "inputs")
            shutil.copytree(corpus, inputs) if corpus.exists() else inputs.mkdir()
            code, log = run(program, f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", f"-artifact_prefix={finds}/",
                            inputs, seconds_max=FUZZ_SECONDS + 60)
        hint = f"\nThe input is in {finds}. Mend the code, then keep the input as a test in {corpus}."
        return label, code == 0, code != 0, log + hint

    programs = binaries("fuzz", "fuzz")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(lambda item: one(*item), programs.items())


def bench():
    for label, program in binaries("bench", "release").items():
        with tempfile.TemporaryDirectory() as scratch:
            code, log = run(program, "--benchmark_min_time=0.01", seconds_max=180, cwd=scratch)
        bad = code != 0 or "ERROR OCCURRED" in log
        yield label, not bad, bad, log


def instructions():
    made_with, budgets = bench_instructions.load()
    if (compiler := bench_instructions.compiler()) != made_with:  # another Debian's: seen, and neither passed nor failed
        print(f"   NOT JUDGED: the budgets are {made_with}'s, and this is {compiler}", flush=True)
        return
    programs = build(sorted({budget["bench"] for budget in budgets}), "release")
    for result in bench_instructions.measure(budgets, programs):
        good, text = bench_instructions.judge(*result)
        yield result[0]["name"], good, not good, text


def end_to_end():
    if not (ROOT / "tests/e2e").exists():
        return
    programs = build(["//gateway:postern", "//bench/load:load", "//tests/faults:libfault_shim.so"], "release")
    tools = {
        "POSTERN": programs["//gateway:postern"],
        "POSTERN_LOAD": programs["//bench/load:load"],
        "POSTERN_FAULTS_SHIM": programs["//tests/faults:libfault_shim.so"],
        "SMTP_SOURCE": CACHE / "bin/smtp-source",
        "SMTP_SINK": CACHE / "bin/smtp-sink",
        "NODE_PATH": CACHE / "node_modules",
    }
    yield from python_tests("e2e", "tests/e2e", tools, E2E_SECONDS_MAX)


def python_tests(name, folder, tools, seconds_max):
    """Runs the tests of a folder, which find their programs in the environment."""
    environment = {**os.environ, **{tool: str(path) for tool, path in tools.items()}, "PYTHONDONTWRITEBYTECODE": "1"}
    # Namespaces, mounts and other users take root, as the set-up did.
    code, log = run(*AS_ROOT, "python3", "-m", "unittest", "discover", "--verbose", "--start-directory", folder,
                    "--pattern", "*test*.py", seconds_max=seconds_max, env=environment)
    ran = re.findall(r"^Ran (\d+) test", log, re.M)
    if not ran:
        yield name, 0, 1, log + f"\nNo summary: exit code {code} (124: not done in {seconds_max} s)."
        return
    verdict = re.findall(r"^(?:OK|FAILED)\b.*", log, re.M)[-1]
    counts = {word: int(count) for word, count in re.findall(r"(failures|errors|skipped)=(\d+)", verdict)}
    failed = max(counts.get("failures", 0) + counts.get("errors", 0), code != 0)
    if counts.get("skipped"):
        print(f"   {counts['skipped']} skipped", flush=True)
    yield name, max(int(ran[-1]) - failed - counts.get("skipped", 0), 0), failed, log


def soak():
    """Under the ledger: load, faults, kills, hostile peers; nothing acknowledged lost, memory and descriptors flat."""
    programs = build(["//gateway:postern", "//tests/faults:libfault_shim.so"], "release")
    code, log = run("tools/soak", SOAK_MINUTES, "--postern", programs["//gateway:postern"],
                    "--shim", programs["//tests/faults:libfault_shim.so"], seconds_max=SOAK_MINUTES * 60 + SOAK_SETTLE_SECONDS_MAX)
    yield "tools/soak", code == 0, code != 0, log


def windows():
    """Unit tests and postern.exe under wine, each in a prefix of the user who runs it: wine takes no other's."""
    start_wine(WINE_PREFIX)
    # Bazel skips in silence what does not fit the platform, and says that all is well.
    missing = set(bazel_output("query", 'filter(":windows_test$", //tests/...)'))
    for label, *result in unit("mingw", UNSANITIZED):
        missing.discard(label)
        yield label, *result
    for label in sorted(missing):
        yield label, 0, 1, "It gave no result: is it, or what it depends on, incompatible with Windows by now?"
    program = build(["//gateway:postern"], "mingw")["//gateway:postern"].with_suffix(".exe")
    prefix = CACHE / "wine-root" if AS_ROOT else WINE_PREFIX
    start_wine(prefix, AS_ROOT)
    tools = {
        "POSTERN": program,
        "SMTP_SOURCE": CACHE / "bin/smtp-source",
        "SMTP_SINK": CACHE / "bin/smtp-sink",
        "WINEPREFIX": prefix,
    }
    yield from python_tests("windows", "tests/windows", tools, WINDOWS_SECONDS_MAX)


def start_wine(prefix, as_root=()):
    code, log = run(*as_root, "env", f"WINEPREFIX={prefix}", "tools/wine/start")
    if code != 0:
        raise RuntimeError(f"tools/wine/start ended with {code}\n{log}")


STAGES = {
    "lint": lint,
    # The optimised build is the one that the later stages need too, so Abseil is compiled once for all of them.
    "unit tests": lambda: unit("release"),
    "unit tests under ASan and UBSan": lambda: unit("asan", UNSANITIZED),
    "unit tests under TSan": lambda: unit("tsan", UNSANITIZED),
    "fuzzing": fuzz,
    "benchmarks": lambda: itertools.chain(bench(), instructions()),
    "end to end": end_to_end,
    "soak": soak,
    "Windows, under wine": windows,
}


def shorten(log, head=40, tail=80):
    lines = log.rstrip().splitlines()
    if len(lines) > head + tail:
        lines[head:-tail] = [f"... {len(lines) - head - tail} lines left out ..."]
    return "\n".join("   | " + line for line in lines)


def run_stage(name, stage):
    print(f"== {name}", flush=True)
    start = time.monotonic()
    total_passed = total_failed = 0
    try:
        for program, passed, failed, log in stage():
            total_passed += passed
            total_failed += failed
            if failed:
                print(f"   FAILED {program}\n{shorten(log)}", flush=True)
    except Exception as error:
        total_failed += 1
        print(f"   FAILED: the stage could not run\n{shorten(str(error))}", flush=True)
    if total_passed + total_failed == 0:
        total_failed = 1
        print("   FAILED: there was nothing to run", flush=True)
    print(f"   {total_passed} passed, {total_failed} failed, {time.monotonic() - start:.0f} s", flush=True)
    return total_passed, total_failed


def main():
    os.chdir(ROOT)
    names = ["unit tests"] if "--fast" in sys.argv else list(STAGES)
    if "--no-windows" in sys.argv:
        names.remove("Windows, under wine")
    passed, failed = map(sum, zip(*(run_stage(name, STAGES[name]) for name in names)))
    if "--no-windows" in sys.argv:
        print("Windows was left out: --no-windows")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
