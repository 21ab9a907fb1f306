"""Every limit of the configuration refuses what is above it, with its reply, and takes what is below."""

import unittest

from gateway import Gateway
from smtp import Closed

MESSAGE = b"Subject: x\r\n\r\nx\r\n"
STRANGER, TRUSTED = "127.0.0.2", "127.0.0.9"
LIMITS = {"message_size": 100_000, "recipients": 5, "connections": 20, "connections_per_address": 3, "messages_per_connection": 4}


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway({"limits": LIMITS, "trusted_networks": [f"{TRUSTED}/32"], "local_domains": ["here.example"]})
        cls.enterClassContext(cls.gateway)

    def client(self, source=STRANGER):
        return self.enterContext(self.gateway.client(source))

    def test_size_declared(self):
        client = self.client()
        self.assertIn("SIZE 100000", client.ask("EHLO client.example").text.split("\n"))
        self.assertEqual(client.ask("MAIL FROM:<a@client.example> SIZE=100001").code, 552)
        self.assertEqual(client.ask("MAIL FROM:<a@client.example> SIZE=100000").code, 250)

    def test_size_of_the_bytes(self):
        client = self.client()
        fits = MESSAGE + (b"x" * 98 + b"\r\n") * 990
        self.assertEqual(client.message(fits, "fits@here.example").code, 250)
        self.assertEqual(client.message(fits + b"y" * 10_000 + b"\r\n", "toobig@here.example").code, 552)
        self.assertEqual(client.message(MESSAGE + b"y" * 10_000_000 + b"\r\n", "toobig@here.example").code, 552)
        client.start("fits@here.example")
        client.send(b"BDAT 60000\r\n" + b"z" * 60_000)
        self.assertEqual(client.reply().code, 250)
        client.send(b"BDAT 60000 LAST\r\n" + b"z" * 60_000)
        self.assertEqual(client.reply().code, 552)
        self.assertEqual(self.gateway.delivered("toobig@here.example"), [])

    def test_recipients(self):
        client = self.client()
        client.start(*(f"r{i}@here.example" for i in range(5)))
        self.assertEqual(client.ask("RCPT TO:<r5@here.example>").code, 452)
        self.assertEqual(client.data(MESSAGE).code, 250)
        for i in range(5):
            self.gateway.wait_delivered(1, f"r{i}@here.example")
        self.assertEqual(self.gateway.delivered("r5@here.example"), [])

    def test_messages_per_connection(self):
        client = self.client()
        for _ in range(4):
            self.assertEqual(client.message(MESSAGE, "many@here.example").code, 250)
        with self.assertRaises((Closed, AssertionError)):
            client.message(MESSAGE, "many@here.example")
        trusted = self.client(TRUSTED)
        for _ in range(6):
            self.assertEqual(trusted.message(MESSAGE, "trusted@here.example").code, 250)

    def test_connections_per_address(self):
        source = "127.0.0.3"
        clients = [self.client(source) for _ in range(3)]
        with self.gateway.client(source, greet=False) as extra:
            self.assertEqual([r.code for r in extra.rest()], [421])
        self.assertEqual(self.client("127.0.0.4").greeting.code, 220)  # another address has its own
        self.assertEqual(clients[0].ask("QUIT").code, 221)
        clients[0].rest()
        self.assertEqual(self.client(source).greeting.code, 220)
        for _ in range(5):
            self.assertEqual(self.client(TRUSTED).greeting.code, 220)

    def test_connections(self):
        with Gateway({"limits": LIMITS}) as gateway:
            clients = [self.enterContext(gateway.client()) for _ in range(20)]
            with gateway.client(greet=False) as extra:
                self.assertEqual([r.code for r in extra.rest()], [421])
            self.assertEqual(clients[0].ask("QUIT").code, 221)
            clients[0].rest()
            self.assertEqual(self.enterContext(gateway.client()).greeting.code, 220)


if __name__ == "__main__":
    unittest.main()
