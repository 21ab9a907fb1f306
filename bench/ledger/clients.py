"""Honest clients: they send what the book knows, write down every 250, and come back when the server went away.

    clients = Clients(book, ("127.0.0.1", 2525), connections=8, seed=1).start()
    ...
    clients.stop()
    clients.replies      # Counter({"END 250": 8123, "CONNECT refused": 17, "END closed": 3, ...})
    clients.wrong        # what no correct server says, such as a 5xx to honest mail, word for word

Each connection is a thread with a seed of its own. It speaks DATA and BDAT, pipelined or step by step, some messages go to two recipients,
and some connections carry a single message. A server that is killed, stopped, full or slow is no error here: it is counted.
"""

import collections
import random
import re
import socket
import threading
import time

MAIL_LIKE = ((0, 4_000),) * 15 + ((100_000, 300_000),)  # one range of sizes is drawn for each message
MESSAGES_PER_CONNECTION = (1, 5, 60)
CHUNK_SIZE = 64 * 1024
RECONNECT_SECONDS = 0.05
GOOD = {"GREETING": "220", "EHLO": "250", "MAIL": "250", "RCPT": "250", "DATA": "354", "CHUNK": "250", "END": "250", "RSET": "250",
        "QUIT": "221"}


def message(name, size, chance):
    """About `size` bytes; one line in sixteen begins with a dot."""
    text = chance.randbytes(size // 2).hex().replace("0", ".").encode()
    lines = b"".join(text[i:i + 76] + b"\r\n" for i in range(0, len(text), 76))
    return b"X-Ledger: %s\r\nSubject: ledger\r\n\r\n%sthe end of %s\r\n" % (name.encode(), lines, name.encode())


def steps_of(verb, body, sender, recipients):
    """[(stage, bytes)]: what a transaction says, and what each part of it is called."""
    steps = [("MAIL", f"MAIL FROM:<{sender}>\r\n".encode())] + [("RCPT", f"RCPT TO:<{r}>\r\n".encode()) for r in recipients]
    if verb == "DATA":
        return steps + [("DATA", b"DATA\r\n"), ("END", re.sub(rb"(?m)^\.", b"..", body) + b".\r\n")]
    chunks = [body[i:i + CHUNK_SIZE] for i in range(0, len(body), CHUNK_SIZE)]
    steps += [("CHUNK", b"BDAT %d\r\n%s" % (len(chunk), chunk)) for chunk in chunks[:-1]]
    return steps + [("END", b"BDAT %d LAST\r\n%s" % (len(chunks[-1]), chunks[-1]))]


def grouped(steps, pipelined):
    """The steps that are sent in one go: each alone, or as many as RFC 2920 allows, which is all but what follows a 354."""
    if not pipelined:
        return [[step] for step in steps]
    after_354 = 1 if ("DATA", b"DATA\r\n") in steps else 0
    return [steps[:len(steps) - after_354]] + [[step] for step in steps[len(steps) - after_354:]]


class Ended(Exception):
    """The conversation is over; the argument says how: refused, closed, reset, silent, or ended by 421."""


class Conversation:
    """One connection. `stage` is what it last waited for."""

    def __init__(self, address, timeout):
        self.stage = "CONNECT"
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout)
        self._address = address
        self._unread = b""

    def connect(self):
        self._try("refused", self.socket.connect, self._address)

    def send(self, data):
        self._try("reset", self.socket.sendall, data)

    def reply(self, stage):
        """The last line of the next reply; what is no reply is returned as it came."""
        self.stage = stage
        while True:
            while b"\n" not in self._unread:
                data = self._try("reset", self.socket.recv, 65536)
                if not data:
                    raise Ended("closed")
                self._unread += data
            line, self._unread = self._unread.split(b"\n", 1)
            if not re.match(rb"\d\d\d-", line):
                return line.decode("utf-8", "replace").rstrip("\r")

    @staticmethod
    def _try(reason, call, *arguments):
        try:
            return call(*arguments)
        except TimeoutError:
            raise Ended("silent") from None
        except OSError:
            raise Ended(reason) from None


class Clients:
    def __init__(self, book, address, connections=8, sizes=MAIL_LIKE, seed=0, *, recipients=("ledger@here.example",), pause=0.0,
                 timeout=60.0):
        """`pause` is what a client waits between two messages, `timeout` what it allows the server for anything; both in seconds."""
        self.replies = collections.Counter()
        self.wrong = []
        self._book = book
        self._address = address
        self._sizes = tuple(sizes)
        self._seed = seed
        self._recipients = tuple(recipients)
        self._pause = pause
        self._timeout = timeout
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._open = set()
        self._threads = [threading.Thread(target=self._live, args=(i,), daemon=True) for i in range(connections)]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self, seconds=30):
        """Each ends after its message; one that gets no answer in time is cut off."""
        self._stopped.set()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        with self._lock:
            for conversation in self._open:
                try:
                    conversation.socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it ended by itself meanwhile
        for thread in self._threads:
            thread.join()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # The life of one client.

    def _live(self, index):
        chance = random.Random(f"{self._seed}/{index}")
        names = (f"{self._seed}.{index}.{count}" for count in range(1 << 62))
        while not self._stopped.is_set():
            conversation = Conversation(self._address, self._timeout)
            with self._lock:
                self._open.add(conversation)
            try:
                conversation.connect()
                self._converse(conversation, names, chance)
            except Ended as how:
                self._count(conversation.stage, str(how))
                self._stopped.wait(RECONNECT_SECONDS)
            finally:
                with self._lock:
                    self._open.discard(conversation)
                conversation.socket.close()

    def _converse(self, conversation, names, chance):
        if not self._ask(conversation, "GREETING") or not self._ask(conversation, "EHLO", b"EHLO client.example\r\n"):
            return
        for _ in range(chance.choice(MESSAGES_PER_CONNECTION)):
            if self._stopped.is_set():
                break
            if not self._transact(conversation, next(names), chance) and not self._ask(conversation, "RSET", b"RSET\r\n"):
                return
            self._stopped.wait(self._pause)
        self._ask(conversation, "QUIT", b"QUIT\r\n")

    def _transact(self, conversation, name, chance):
        """One message; whether it was taken."""
        body = message(name, chance.randrange(*chance.choice(self._sizes)), chance)
        recipients = chance.sample(self._recipients, min(len(self._recipients), chance.choice((1, 1, 1, 2))))
        steps = steps_of(chance.choice(("DATA", "BDAT")), body, "sender@client.example", recipients)
        self._book.offer(name, body, recipients)
        taken, refusal, end = [], None, None
        for group in grouped(steps, chance.random() < 0.5):
            conversation.send(b"".join(data for _, data in group))
            for stage, data in group:
                reply = conversation.reply(stage)
                if stage in ("DATA", "CHUNK", "END") and not taken:
                    refusal = refusal or "451 no recipient was taken"
                # What follows a refusal is its consequence: 503 after a refused MAIL is right.
                good = refusal is None and self._judge(stage, reply)
                if stage == "RCPT" and good:
                    taken.append(data.partition(b"<")[2].partition(b">")[0].decode())
                elif stage != "RCPT" and not good:
                    refusal = refusal or reply
                end = reply if stage == "END" else None
            if refusal:
                break
        if end and not refusal:
            self._book.acknowledge(name, taken, end)
        elif end is None or end.startswith("5"):
            self._book.refuse(name)
        return refusal is None

    # What it was told.

    def _ask(self, conversation, stage, data=b""):
        conversation.send(data)
        return self._judge(stage, conversation.reply(stage))

    def _judge(self, stage, reply):
        """Whether the reply is the one that was hoped for. Refusals for now (4xx) are right, too; anything else is noted as wrong."""
        self._count(stage, reply[:3])
        if re.match("421( |$)", reply):
            raise Ended("ended by 421")
        if re.match(r"4\d\d( |$)", reply):
            return False
        if re.match(GOOD[stage] + "( |$)", reply):
            return True
        with self._lock:
            self.wrong.append(f"{stage}: {reply}")
        return False

    def _count(self, stage, what):
        with self._lock:
            self.replies[f"{stage} {what}"] += 1
