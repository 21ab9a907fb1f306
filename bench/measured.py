"""What every comparison tells of the machine it ran on, and where it writes its results."""

import os
import pathlib
import platform
import re
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench/RESULTS.md"


def build(*labels):
    """Builds the programs for speed. Returns their paths."""
    for command in (["build", "--config=release", *labels], ["info", "--config=release", "bazel-bin"]):
        done = subprocess.run(["bazel", *command], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [str(pathlib.Path(done.stdout.strip(), label[2:].replace(":", "/"))) for label in labels]


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    text = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return text[0] if text else "unknown"


def sync_microseconds():
    """The median of an appended page with fdatasync, where the servers keep their mail."""
    times = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(200):
            file.write(bytes(4096))
            start = time.monotonic()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - start)
    return statistics.median(times) * 1e6


def disk():
    where = first_line("findmnt", "--noheadings", "--output", "SOURCE,FSTYPE", "--target", tempfile.gettempdir())
    return f"{where}; a page appended with fdatasync takes {sync_microseconds():.0f} us (median)"


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / 1024 / 1024
    return f"{os.cpu_count()} x {model[1] if model else platform.machine()}, {memory:.0f} GiB, Linux {platform.release()}"


def put_into_results(title, section):
    """Writes the section that begins with `title` into RESULTS, in place of an older one."""
    text = RESULTS.read_text()
    before, found, after = text.partition(title)
    rest = re.search(r"^## ", after, re.M) if found else None
    RESULTS.write_text(before.rstrip("\n") + "\n\n" + section + ("\n" + after[rest.start():] if rest else ""))
