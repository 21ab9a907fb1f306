"""Peers that no server likes, each a thread that comes again and again: what they do is theirs, what it costs others shows in the book.

None of them sends a message to its end, so nothing of theirs may ever arrive; what they put into bodies is named so that the book knows
nothing of it, and would say so.
"""

import random
import socket
import threading

PERIOD_SECONDS = 0.2
TIMEOUT_SECONDS = 10
ENVELOPE = b"EHLO nuisance.example\r\nMAIL FROM:<n@client.example>\r\nRCPT TO:<one@box.example>\r\nDATA\r\n"
HALF_A_MESSAGE = b"X-Ledger: nuisance\r\n\r\n" + b"half of a message\r\n" * 500


def abandon(sock, chance, stopped):
    """Goes away in the middle of a body: cleanly, or with a reset."""
    sock.sendall(ENVELOPE)
    sock.recv(4096)
    sock.sendall(HALF_A_MESSAGE[:chance.randrange(len(HALF_A_MESSAGE))])
    if chance.random() < 0.5:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def trickle(sock, chance, stopped):
    """Sends a byte now and then, and reads nothing."""
    for i in range(40):
        sock.sendall(ENVELOPE[i:i + 1])
        if stopped.wait(0.25):
            return


def babble(sock, chance, stopped):
    """Sends what is no SMTP, until it is thrown out."""
    for _ in range(200):
        sock.sendall(chance.randbytes(chance.randrange(1, 2000)) + b"\r\n")
    while sock.recv(65536):
        pass


def smuggle(sock, chance, stopped):
    """Ends a body as only a careless server would believe (RFC 5321 2.3.8), and hides a second message behind it."""
    sock.sendall(ENVELOPE)
    sock.recv(4096)
    end = chance.choice((b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r"))
    sock.sendall(b"X-Ledger: smuggling\r\n\r\nfirst" + end + ENVELOPE[23:] + b"X-Ledger: smuggled\r\n\r\nsecond\r\n.\r\n")
    while sock.recv(65536):
        pass


def hold(sock, chance, stopped):
    """Says nothing at all."""
    stopped.wait(chance.uniform(1, 10))


KINDS = (abandon, trickle, babble, smuggle, hold)


class Nuisances:
    def __init__(self, address, seed, of_each=2):
        self.count = 0  # how often one of them has come
        self._address = address
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._live, args=(kind, random.Random(f"{seed}/{kind.__name__}/{i}")), daemon=True)
                         for kind in KINDS for i in range(of_each)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _live(self, kind, chance):
        while not self._stopped.wait(chance.uniform(0, 2 * PERIOD_SECONDS)):
            try:
                with socket.create_connection(self._address, timeout=TIMEOUT_SECONDS) as sock:
                    self.count += 1
                    kind(sock, chance, self._stopped)
            except OSError:
                pass  # thrown out, or the server is away: both are what they deserve
