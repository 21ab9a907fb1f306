"""postern.exe under wine, as a tests/e2e Gateway: the same folder, client and mailboxes, seen from Linux.

POSTERN names the .exe, WINEPREFIX the prefix whose server runs (tools/wine/start). Z: is the root of Linux, and each
process starts in its folder there, so the paths in a configuration may stay as Linux has them.
"""

import pathlib
import signal
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(REPOSITORY / "tests/e2e"))

import gateway  # noqa: E402  (it lies there)

RUN = str(REPOSITORY / "tools/wine/run")


class WineGateway(gateway.Gateway):
    """Starting and stopping takes longer than on Linux. kill() is as abrupt as TerminateProcess; the unit tests of the
    store use that itself."""

    def __init__(self, config=None, **more):
        super().__init__(config, prefix=[RUN], **more)

    def start(self, *arguments, seconds=60):
        return super().start(*arguments, seconds=seconds)

    def stop(self, sig=signal.SIGINT, seconds=60):
        """As Ctrl-C does; wine makes that of the signal."""
        return super().stop(sig, seconds)

    def run(self, *arguments, seconds=60):
        return super().run(*arguments, seconds=seconds)


def wine(*arguments, seconds=60):
    """Runs one of wine's own programs, such as `sc`."""
    return subprocess.run([RUN, *arguments], capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)


def windows_path(path):
    return "Z:" + str(path).replace("/", "\\")
