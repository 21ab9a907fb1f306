"""Servers that tools/setup has unpacked out of their packages and not installed: Postfix, Dovecot, Knot.

They look for their parts where they were built for, so each runs in a mount namespace in which their /usr lies over the machine's. It
goes with the last process in it; the machine sees nothing.
"""

import os
import pathlib
import subprocess

from gateway import TOOLS

USR = TOOLS / "unpacked/usr"


def command(*arguments):
    """The command line that runs a command with the unpacked servers in place. Its process becomes that command."""
    if not USR.exists():
        raise AssertionError(f"{USR} is missing: run tools/setup --test")
    if os.geteuid() != 0:
        raise AssertionError("a mount namespace needs root")
    script = 'mount -t overlay none -o "lowerdir=$0:/usr" /usr && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(USR), *map(str, arguments)]


def spawn(log_file: pathlib.Path, *arguments):
    with open(log_file, "ab") as log:
        return subprocess.Popen(command(*arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)


def end(process, seconds=10):
    """Asks it to end, and makes it."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
