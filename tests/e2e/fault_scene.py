"""A gateway under load that is about to meet a fault, and the book of what it promised meanwhile.

    with Scene() as scene:
        with scene.faults.fail("sync", errno.EIO, path=LOG):
            scene.replies_until(451)
        scene.settle(self)

Every reply is counted by its code, and every conversation that ended without our asking. Bodies are of the ledger (bench/ledger), so that a
torn message shows like a lost one.
"""

import collections
import contextlib
import pathlib
import random
import sys
import threading
import time

import smtp
from faults import Faults
from gateway import Gateway, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "bench/ledger"))

from book import Book  # noqa: E402
from maildir import Maildirs  # noqa: E402

LOG = "/store/0/segment-"
SENDERS = 6
RECIPIENTS = [f"box{i}@here.example" for i in range(8)]


def message(name, chance):
    """Mostly small, one in twelve of several fragments."""
    size = chance.randrange(70_000, 200_000) if chance.randrange(12) == 0 else chance.randrange(4_000)
    text = chance.randbytes(size // 2).hex().encode()
    return b"".join([b"X-Ledger: ", name.encode(), b"\r\nSubject: fault\r\n\r\n",
                     *(text[i:i + 76] + b"\r\n" for i in range(0, len(text), 76))])


class Senders:
    """Threads that send from their start to their end, whatever becomes of a connection."""

    def __init__(self, gateway, book, recipients, count, seed):
        self.codes = collections.Counter()  # of the reply that decides about a message
        self.closes = 0  # conversations that ended although we had not said QUIT, without 421
        self.strays = []  # replies that nobody may give
        self._gateway, self._book, self._recipients = gateway, book, recipients
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i, random.Random(seed * 1000 + i)), daemon=True)
                         for i in range(count)]
        for thread in self._threads:
            thread.start()

    def end(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
            if thread.is_alive():
                raise AssertionError("a sender still waits for its reply")

    def _run(self, index, chance):
        number = 0
        while not self._stop.is_set():
            try:
                with self._gateway.client() as client:
                    client.socket.settimeout(90)
                    client.ask("EHLO client.example")
                    while not self._stop.is_set() and self._send(client, f"{index}-{number}", chance):
                        number += 1
            except ConnectionRefusedError:
                time.sleep(0.02)  # it is being started
            except (OSError, smtp.Closed):
                self.closes += 1
            number += 1

    def _send(self, client, name, chance):
        """One message, pipelined; false when the server has said goodbye."""
        recipient = chance.choice(self._recipients)
        body = message(name, chance)
        self._book.offer(name, body, [recipient])
        client.send(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<%s>\r\nBDAT %d LAST\r\n%s" % (recipient.encode(), len(body), body))
        codes = [client.reply().code]
        while len(codes) < 3 and codes[-1] != 421:
            codes.append(client.reply().code)
        self.codes[codes[-1] if codes[0] == 250 else codes[0]] += 1
        if codes == [250] * 3:
            self._book.acknowledge(name, [recipient])
            return True
        if 451 not in codes:  # what a disk that failed has kept after all, the next start finds and delivers
            self._book.refuse(name)
        if codes[-1] == 421:
            return False
        if not set(codes) <= {250, 451, 452, 503, 554} or not {451, 452} & set(codes):
            self.strays.append(codes)
        client.ask("RSET")
        time.sleep(0.005)
        return True


class Scene(contextlib.ExitStack):
    """All of it, put together and taken apart."""

    def __init__(self, config=None, recipients=RECIPIENTS, senders=SENDERS, seed=1, **gateway):
        super().__init__()
        self._arguments = recipients, senders, seed
        self.faults = self.enter_context(Faults())
        self.book = Book()
        # Small segments and few tries: whatever happens once in an hour happens here in a second.
        config = {"store": {"segment_size": "4MiB"}, "relay": {"retry": ["300ms"]},
                  "limits": {"messages_per_connection": 1_000_000}, **(config or {})}
        self.gateway = Gateway(config, environment=self.faults.environment(), **gateway)
        self.senders = None

    def __enter__(self):
        try:
            self.enter_context(self.gateway)
            self.maildirs = Maildirs(self.book, self.gateway.mail)
            recipients, senders, seed = self._arguments
            self.senders = Senders(self.gateway, self.book, recipients, senders, seed)
            self.flows(30)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error):
        self.faults.lift()
        if self.senders is not None:
            self.senders._stop.set()
        return super().__exit__(*error)

    def flows(self, count, seconds=30):
        """So many messages more are acknowledged."""
        goal = self.book.acknowledged_count + count
        wait_until(lambda: self.book.acknowledged_count >= goal, seconds,
                   lambda: f"{self.book.acknowledged_count} of {goal} acknowledged; {self.senders.codes}\n{self.gateway.log()[-3000:]}")

    def refuses(self, code, count=5, seconds=30):
        """So many messages more are refused with this code."""
        goal = self.senders.codes[code] + count
        wait_until(lambda: self.senders.codes[code] >= goal, seconds,
                   lambda: f"{code} is not the reply: {self.senders.codes}\n{self.gateway.log()[-3000:]}")

    def tells(self, event, text, seconds=10):
        """An event line with this number and these words."""
        wait_until(lambda: any(text in line for line in self.gateway.events(event)), seconds,
                   lambda: f"no event {event} says {text!r}:\n{self.gateway.log()[-3000:]}")

    def talks(self):
        """Somebody who needs nothing of what has failed is served at once."""
        start = time.monotonic()
        with self.gateway.client() as client:
            for command, code in (("EHLO other.example", 250), ("NOOP", 250), ("MAIL FROM:<b@other.example>", 250), ("QUIT", 221)):
                reply = client.ask(command)
                if reply.code != code:
                    raise AssertionError(f"{command}: {reply}")
        seconds = time.monotonic() - start
        if seconds > 5:
            raise AssertionError(f"another conversation took {seconds:.1f} s")

    def settle(self, test, *, closes=0, duplicates=0, seconds=60):
        """The end of the load: all that was acknowledged arrives, whole, and nothing else."""
        self.senders.end()

        def arrived():
            self.maildirs.read()
            return self.book.owed == 0 and not self.gateway.queued()

        wait_until(arrived, seconds, lambda: f"{self.book.verdict()}\n{self.gateway.log()[-3000:]}")
        self.maildirs.read()
        verdict = self.book.verdict()
        test.assertTrue(verdict.good, verdict)
        test.assertGreater(verdict.acknowledged, 30)
        test.assertEqual(self.senders.strays, [])
        test.assertLessEqual(verdict.duplicates, duplicates, verdict)
        test.assertLessEqual(self.senders.closes, closes)
