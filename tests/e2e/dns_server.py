"""Knot, a real name server, with a zone that a test makes; and one that never answers."""

import pathlib
import shutil
import socket
import tempfile

import unpacked
from gateway import free_port, wait_until


def resolver(server, **more):
    """The [dns] section that asks only this server, and has little patience."""
    return {"servers": [f"127.0.0.1:{server.port}"], "timeout": "300ms", "tries": 2, **more}


class DnsServer:
    """The zone test, of the records that are given; what is not in it does not exist. The zone broken.test gets SERVFAIL."""

    def __init__(self, records):
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-knot-"))
        (self.folder / "test.zone").write_text("$ORIGIN test.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 5\n@ NS ns\n"
                                               "ns A 127.0.0.1\n" + records)
        (self.folder / "knot.conf").write_text(f"""
server:
    rundir: {self.folder}
    listen: 127.0.0.1@{self.port}
database:
    storage: {self.folder}
log:
  - target: stderr
    any: info
template:
  - id: default
    storage: {self.folder}
    journal-content: none
zone:
  - domain: test
    file: test.zone
  - domain: broken.test
    file: there-is-none.zone
""")
        self.log_file = self.folder / "log"
        self.process = unpacked.spawn(self.log_file, "knotd", "-c", self.folder / "knot.conf")

    def __enter__(self):
        try:
            wait_until(lambda: "server started" in self.log_file.read_text() or self.process.poll() is not None)
            log = self.log_file.read_text()
            if self.process.poll() is not None or "[test.] loaded" not in log:
                raise AssertionError(f"knotd does not serve the zone:\n{log}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        unpacked.end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


class SilentServer:
    """Takes every question, and answers none."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", free_port()))
        self.port = self._socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def was_asked(self):
        """Whether a question waits in its socket."""
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False
