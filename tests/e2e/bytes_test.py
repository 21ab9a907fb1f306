"""What a client sent is what is delivered: every byte, lines of any length; only the trace stands before it."""

import random
import unittest

from gateway import Gateway, next_hop_route, maildir_route, free_port, split_message, wait_until
from next_hop import NextHop

ANY = bytes(b for b in range(256) if b not in b"\r\n")
BODIES = {
    "empty": b"",
    "only_a_header": b"Subject: x\r\n",
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n...\r\n. \r\n.x\r\n",
    "every_byte": b"Subject: bytes\r\n\r\n" + ANY + b"\r\n" + ANY[::-1] + b"\r\n",
    "crlf_pairs": b"Subject: empty lines\r\n\r\n" + b"\r\n" * 50_000,
    "long_line": b"Subject: long\r\n\r\n" + b"x" * 3_000_000 + b"\r\n",
    "long_header": b"Subject: " + b"y" * 100_000 + b"\r\n\r\nbody\r\n",
    "around_a_block": b"Subject: block\r\n\r\n" + b"".join(b"z" * n + b"\r\n.\r\n" for n in range(32_700, 32_800)),
    "random": b"Subject: random\r\n\r\n" + bytes(random.Random(1).choices(ANY, k=200_000)) + b"\r\n",
    "no_header": b"\r\nbody alone\r\n",
}


def stuffed(body):
    return (b"." if body.startswith(b".") else b"") + body.replace(b"\r\n.", b"\r\n..")


class Bytes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hop = cls.enterClassContext(NextHop(free_port()))
        cls.gateway = Gateway()
        cls.gateway.configure({"route": [maildir_route(cls.gateway.mail), next_hop_route(cls.hop.port, domain="hop.example")]})
        cls.enterClassContext(cls.gateway)

    def check(self, name, body):
        (stored,) = self.gateway.wait_delivered(1, f"{name}@here.example")
        trace, original = split_message(stored)
        self.assertTrue(original == body, f"{name}: {len(original)} bytes instead of {len(body)}")
        relayed = wait_until(lambda: [m for m in self.hop.messages if m.recipients == (f"{name}@hop.example",)], 20, name)
        self.assertEqual(len(relayed), 1)
        trace, original = split_message(relayed[0].body)
        self.assertTrue(original == body, f"{name} relayed: {len(original)} bytes instead of {len(body)}")

    def test_data(self):
        for name, body in BODIES.items():
            with self.subTest(name), self.gateway.client() as client:
                reply = client.message(stuffed(body), f"{name}@here.example", f"{name}@hop.example", parameters=" BODY=8BITMIME")
                self.assertEqual(reply.code, 250)
                self.check(name, body)

    def test_bdat(self):
        for name, body in BODIES.items():
            name += "_bdat"
            with self.subTest(name), self.gateway.client() as client:
                client.start(f"{name}@here.example", f"{name}@hop.example", parameters=" BODY=8BITMIME")
                client.send(b"BDAT %d LAST\r\n" % len(body) + body)
                self.assertEqual(client.reply().code, 250)
                self.check(name, body)

    def test_pipelined_whole(self):
        """Two whole transactions and the end in one packet; the replies come in order."""
        with self.gateway.client() as client:
            one = (b"MAIL FROM:<a@client.example>\r\nRCPT TO:<%s@here.example>\r\nRCPT TO:<%s@hop.example>\r\n")
            bdat = b"BDAT %d LAST\r\n" % len(BODIES["dots"]) + BODIES["dots"]
            client.send(b"EHLO client.example\r\n" + one % (b"p1", b"p1") + bdat + one % (b"p2", b"p2") + bdat + b"QUIT\r\n")
            self.assertEqual([r.code for r in client.rest()], [250] * 9 + [221])
        self.check("p1", BODIES["dots"])
        self.check("p2", BODIES["dots"])

    def test_trace(self):
        with self.gateway.client() as client:
            client.message(b"Subject: trace\r\n\r\n", "trace@here.example", sender="o'brien+tag@client.example")
        (stored,) = self.gateway.wait_delivered(1, "trace@here.example")
        lines = stored.split(b"\r\n")
        self.assertEqual(lines[0], b"Return-Path: <o'brien+tag@client.example>")
        received = stored[len(lines[0]) + 2:stored.index(b"Subject:")].decode()
        self.assertRegex(received, r"(?s)^Received: from client\.example \(\[127\.0\.0\.1\]\)\s+by gateway\.example\s.*"
                                   r"with ESMTP\s+id\s+[0-9A-Z]+.*;\s+\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\n$")

    def test_relayed_trace(self):
        with self.gateway.client() as client:
            client.message(b"Subject: trace\r\n\r\n", "trace@hop.example")
        message = wait_until(lambda: [m for m in self.hop.messages if m.recipients == ("trace@hop.example",)])[0]
        self.assertTrue(message.body.startswith(b"Received: from client.example"), "no Return-Path on the way")
        self.assertEqual(message.sender, "sender@client.example")


if __name__ == "__main__":
    unittest.main()
