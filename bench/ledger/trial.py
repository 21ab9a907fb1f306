"""A trial: the gateway with a book, honest clients before it, and a next hop, an LMTP server and Maildirs behind it.

Whoever runs one (the ledger, the soak) does to its parts what he likes, and asks for the verdict at the end. The gateway is that of
tests/e2e/gateway.py: the real program, on loopback ports, in a folder of its own.
"""

import collections
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from book import Book
from clients import Clients
from maildir import Maildirs
from sink import Sink

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
import gateway as e2e  # noqa: E402

RECIPIENTS = ("one@box.example", "two@box.example", "three@far.example", "four@far.example", "five@lmtp.example")
DEFER = 0.01  # the share of what the next hops refuse for now
SETTLE_SECONDS_MAX = 300
GRACE_SECONDS = 10


def build(*labels):
    """The programs, as absolute paths."""
    subprocess.run(["bazel", "build", "--config=release", *labels], cwd=ROOT, check=True)
    done = subprocess.run(["bazel", "info", "--config=release", "bazel-bin"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [os.path.join(done.stdout.strip(), label[2:].replace(":", "/")) for label in labels]


class Trial:
    def __init__(self, seed, postern, *, disk=None, environment=None, remove_mail=False):
        """`postern` is the program; `disk` the folder where log and Maildirs lie (default: under TMPDIR, with the rest)."""
        e2e.POSTERN = postern
        self.seed = seed
        self.book = Book()
        self.clients = []
        self.done = collections.Counter()  # what was done to it, by name
        self._seen = collections.Counter()
        self.hop = Sink(self.book, e2e.free_port(), defer=DEFER, seed=seed)
        self.lmtp = Sink(self.book, e2e.free_port(), defer=DEFER, seed=seed, lmtp=True)
        self.gateway = e2e.Gateway(**({"environment": environment} if environment else {}))
        self.gateway.data = (disk or self.gateway.folder) / "var"
        self.mail = (disk or self.gateway.folder) / "mail"
        self.gateway.configure({
            "data_dir": str(self.gateway.data),
            "local_domains": ["box.example", "far.example", "lmtp.example"],
            "relay": {"retry": ["500ms", "1s"], "greeting_timeout": "5s", "command_timeout": "5s", "body_end_timeout": "10s"},
            "route": [e2e.maildir_route(self.mail, "box.example"), e2e.next_hop_route(self.hop.port, domain="far.example"),
                      e2e.lmtp_route(self.lmtp.port, domain="lmtp.example")],
        })
        self.maildirs = Maildirs(self.book, self.mail, remove=remove_mail)

    def __enter__(self):
        try:
            self.hop.start()
            self.lmtp.start()
            self.gateway.start(seconds=60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for clients in self.clients:
            clients.stop(5)
        for part in (self.gateway, self.hop, self.lmtp):
            part.__exit__()

    def load(self, connections, **more):
        """Clients, from now on until settle()."""
        seed = f"{self.seed}-{len(self.clients)}"
        clients = Clients(self.book, ("127.0.0.1", self.gateway.port), connections, seed=seed, recipients=RECIPIENTS, **more)
        self.clients.append(clients.start())

    def restart(self):
        try:
            self.gateway.start(seconds=60)
        except AssertionError as error:
            raise SystemExit(str(error)[-3000:]) from None  # with the end of its log

    def new_events(self, number):
        """The lines of an event since this was asked last."""
        lines = self.gateway.events(number)
        seen, self._seen[number] = self._seen[number], len(lines)
        return lines[seen:]

    def settle(self):
        """Ends the load and waits until all has arrived, or nothing is queued any more: what has not arrived then never will. For a moment
        a message that was just acknowledged is not in the queue yet, since the relay reads it from the log; hence the grace."""
        for clients in self.clients:
            clients.stop()
        end = time.monotonic() + SETTLE_SECONDS_MAX
        empty_since = None
        while time.monotonic() < end:
            self.maildirs.read()
            waits = bool(self.gateway.destinations())
            if not waits and self.book.owed == 0:
                break
            empty_since = None if waits else empty_since or time.monotonic()
            if empty_since and time.monotonic() > empty_since + GRACE_SECONDS:
                break
            time.sleep(0.2)
        self.gateway.stop()
        self.hop.stop()
        self.lmtp.stop()
        self.maildirs.read()

    def keep_evidence(self):
        """Copies what the gateway said and what its store holds; where to."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="ledger-evidence-"))
        shutil.copy(self.gateway.log_file, folder / "log")
        shutil.copytree(self.gateway.data / "store", folder / "store")
        return folder

    @property
    def replies(self):
        return sum((clients.replies for clients in self.clients), collections.Counter())

    @property
    def wrong(self):
        return [text for clients in self.clients for text in clients.wrong]
