"""A next hop that writes down what it takes, in a process of its own, so that it can be killed and stopped like a real one.

    sink = Sink(book, port).start();  sink.kill();  sink.start();  sink.pause();  sink.resume();  sink.stop()

The process appends a line to its journal before it says 250, and a line that write(2) has taken outlives a kill. A thread here reads the
journal into the book. Killed between the line and the 250, it makes the sender send again: a duplicate, and nobody's fault.
"""

import json
import os
import pathlib
import random
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time

import book as book_module

START_SECONDS_MAX = 20
READ_PERIOD_SECONDS = 0.05


class Sink:
    """The parent's side."""

    def __init__(self, book, port, *, lmtp=False, defer=0.0, seed=0):
        """`defer` is the share of recipients, and of messages, that get a 451 at first sight."""
        self.book = book
        self.port = port
        self._arguments = ["--lmtp"] * lmtp + [f"--defer={defer}"]
        self._seed = seed
        self._folder = tempfile.TemporaryDirectory(prefix="ledger-sink-")
        self._journal = pathlib.Path(self._folder.name, "journal")
        self._journal.touch()
        self._process = None
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self):
        """Returns when it answers."""
        self._seed += 1  # or each new process would defer the same messages again
        command = [sys.executable, __file__, str(self.port), str(self._journal), f"--seed={self._seed}", *self._arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"the sink on port {self.port} does not answer") from None
                time.sleep(0.02)

    def kill(self):
        """SIGKILL: nothing that is under way gets a reply."""
        self._process.kill()
        self._process.wait()

    def pause(self):
        """SIGSTOP: connections stand, and nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def stop(self):
        """Ends it, and reads what is left of the journal into the book."""
        if self._process is not None:
            self.kill()
        self._ended.set()
        self._reader.join()
        self._folder.cleanup()

    def __enter__(self):
        return self if self._process is not None else self.start()

    def __exit__(self, *_):
        self.stop()

    def _read(self):
        with open(self._journal, "rb") as journal:
            rest = b""
            while True:
                last = self._ended.is_set()  # asked before reading: what comes until then is read
                rest += journal.read()
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    name, digest, recipient = json.loads(line)
                    self.book.arrive_digest(name, bytes.fromhex(digest), recipient)
                if last:
                    return
                time.sleep(READ_PERIOD_SECONDS)


class Conversation(socketserver.StreamRequestHandler):
    """The child's side: one connection, SMTP or LMTP, with PIPELINING and CHUNKING."""

    disable_nagle_algorithm = True
    wbufsize = -1  # one write a flush, not one a reply

    def handle(self):
        self.converse()

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def converse(self):
        self.say("220 sink.example ESMTP ledger")
        recipients, body = [], bytearray()
        while line := self.rfile.readline():
            verb, _, rest = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape").partition(" ")
            verb = verb.upper()
            if verb in ("EHLO", "LHLO"):
                self.say("250-sink.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250 SMTPUTF8")
            elif verb == "MAIL":
                recipients, body = [], bytearray()
                self.say("250 2.1.0 ok")
            elif verb == "RCPT":
                if self.server.defers():
                    self.say("451 4.3.0 not now")
                else:
                    recipients.append(rest.partition("<")[2].partition(">")[0])
                    self.say("250 2.1.5 ok")
            elif verb == "DATA" and recipients:
                self.say("354 go on")
                while (line := self.rfile.readline()) != b".\r\n":
                    if not line:
                        return
                    body += line[1:] if line.startswith(b".") else line
                self.finish_message(recipients, bytes(body))
            elif verb == "BDAT":
                size = int(rest.split(" ")[0])
                body += self.rfile.read(size)
                if not recipients:
                    self.say("503 5.5.1 no recipients")
                elif rest.upper().endswith(" LAST"):
                    self.finish_message(recipients, bytes(body))
                else:
                    self.say("250 2.0.0 go on")
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            elif verb in ("HELO", "RSET", "NOOP"):
                self.say("250 2.0.0 ok")
            else:
                self.say("503 5.5.1 not now")

    def finish_message(self, recipients, body):
        """SMTP answers once for all recipients, LMTP once for each."""
        for group in [[r] for r in recipients] if self.server.lmtp else [recipients]:
            if self.server.defers():
                self.say("451 4.3.0 not now")
            else:
                self.server.write_down(body, group)
                self.say("250 2.0.0 taken")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, port, journal, lmtp, defer, seed):
        self.lmtp = lmtp
        self._defer = defer
        self._chance = random.Random(seed)
        self._journal = os.open(journal, os.O_WRONLY | os.O_APPEND)
        super().__init__(("127.0.0.1", port), Conversation)

    def handle_error(self, request, client_address):
        """A peer that was killed is what this server is for; anything else is our own mistake, and told."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def defers(self):
        return self._chance.random() < self._defer

    def write_down(self, body, recipients):
        found = book_module.original(body)
        if found is None:
            return
        lines = "".join(json.dumps([found[0], book_module.digest(found[1]).hex(), r]) + "\n" for r in recipients)
        os.write(self._journal, lines.encode())


def main():
    import argparse
    parser = argparse.ArgumentParser(description="The ledger's next hop. The ledger starts it.")
    parser.add_argument("port", type=int)
    parser.add_argument("journal")
    parser.add_argument("--lmtp", action="store_true")
    parser.add_argument("--defer", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    Server(options.port, options.journal, options.lmtp, options.defer, options.seed).serve_forever()


if __name__ == "__main__":
    main()
