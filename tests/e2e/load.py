"""A load that knows what it sent: each message's bytes follow from its name, so that a torn one shows, and every 250 is noted."""

import hashlib
import random
import re
import threading

import smtp


def message(name):
    """The message of a name: mostly small, one in sixteen of several fragments."""
    chance = random.Random(hashlib.sha256(name.encode()).digest())
    size = chance.randrange(100_000, 300_000) if chance.randrange(16) == 0 else chance.randrange(0, 4_000)
    text = chance.randbytes(size // 2).hex().encode()
    lines = b"".join(text[i:i + 76] + b"\r\n" for i in range(0, len(text), 76))
    return b"X-Load: %s\r\nSubject: load\r\n\r\n%sthe end of %s\r\n" % (name.encode(), lines, name.encode())


def name_of(original):
    """The name of a message that came whole; failure when it did not."""
    found = re.match(rb"X-Load: (\S+)\r\n", original)
    if not found or original != message(found[1].decode()):
        raise AssertionError(f"torn: {original[:200]!r}... of {len(original)} bytes")
    return found[1].decode()


class Load:
    """Threads that send until the server goes away."""

    def __init__(self, gateway, run, threads=8, recipient="load@here.example"):
        self.acknowledged = []
        self.refused = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(gateway, f"{run}-{i}", recipient), daemon=True)
                         for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def _send(self, gateway, prefix, recipient):
        count = 0
        try:
            with gateway.client() as client:
                client.ask("EHLO client.example")
                while not self._stop.is_set():
                    name = f"{prefix}-{count}"
                    count += 1
                    body = message(name)
                    client.send(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<%s>\r\n" % recipient.encode()
                                + b"BDAT %d LAST\r\n" % len(body) + body)
                    codes = [client.reply().code for _ in range(3)]
                    if codes == [250] * 3:
                        self.acknowledged.append(name)
                    else:
                        self.refused.append(codes)
                        client.ask("RSET")
        except (OSError, smtp.Closed):
            pass

    def end(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
