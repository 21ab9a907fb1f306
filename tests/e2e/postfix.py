"""Postfix's smtp-source and smtp-sink."""

import pathlib
import re
import shutil
import subprocess
import tempfile

from gateway import free_port, tool


class Sink:
    """smtp-sink, which writes each message into a file of its own."""

    def __init__(self, dump=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-sink-"))
        self.folder.chmod(0o777)  # smtp-sink will not run as root
        self.port = free_port()
        arguments = ["-d", f"{self.folder}/m."] if dump else []
        self.process = subprocess.Popen([tool("smtp-sink"), "-u", "nobody", *arguments, f"127.0.0.1:{self.port}", "1000"],
                                        stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def messages(self):
        """What came, without the lines that smtp-sink puts before."""
        for path in self.folder.glob("m.*"):
            text = path.read_bytes()
            yield re.sub(rb"\A(?:X-[^\n]*\n)+Received: [^\n]*\n(?:\t[^\n]*\n)+", b"", text)


def source(port, count, recipient, *arguments, sessions=50, size=1024):
    return subprocess.run([tool("smtp-source"), "-s", str(sessions), "-m", str(count), "-l", str(size), *arguments,
                           "-f", "sender@client.example", "-t", recipient, f"127.0.0.1:{port}"],
                          capture_output=True, text=True, timeout=240)
