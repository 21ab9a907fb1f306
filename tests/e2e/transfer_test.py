"""The transfer modes of the old connector: what is taken, and what goes out."""

import socket
import unittest

from gateway import Gateway, maildir_route, next_hop_route, wait_until
from next_hop import NextHop

STRANGER = "127.0.0.2"


class Transfer(unittest.TestCase):
    def setUp(self):
        self.hop = self.enterContext(NextHop(0))
        self.gateway = Gateway()
        self.addCleanup(self.gateway.__exit__)

    def configure(self, mode):
        self.gateway.configure({
            "transfer": mode, "trusted_networks": ["127.0.0.1/32"], "local_domains": ["here.example"],
            "route": [maildir_route(self.gateway.mail, "here.example"), next_hop_route(self.hop.port)],
        })

    def states(self):
        return {r["address"]: r["state"] for m in self.gateway.queued() for r in m["recipients"]}

    def test_inbound_only_then_both(self):
        self.configure("inbound")
        self.gateway.start()
        self.gateway.send("a@here.example", "b@far.example")
        self.gateway.wait_delivered(1, "a@here.example")
        self.gateway.queue("retry", "--all")
        self.assertEqual(self.states()["b@far.example"], "waiting")
        self.assertEqual(self.hop.connection_count, 0)
        self.gateway.stop()
        self.configure("both")
        self.gateway.start()
        wait_until(lambda: self.hop.messages, 10, self.gateway.log)
        self.assertEqual(self.hop.messages[0].recipients, ("b@far.example",))
        self.assertEqual(len(self.gateway.delivered()), 1)

    def test_outbound_only(self):
        """Mail is taken from our own networks alone."""
        self.configure("outbound")
        self.gateway.start()
        with self.gateway.client(STRANGER) as client:
            self.assertEqual(client.greeting.code, 521)
        self.gateway.send("b@far.example")
        wait_until(lambda: self.hop.messages, 10, self.gateway.log)

    def test_flush(self):
        """What is queued goes out, and nobody is listened to."""
        self.configure("inbound")
        self.gateway.start()
        for i in range(5):
            self.gateway.send(f"r{i}@far.example")
        self.gateway.stop()
        self.configure("flush")
        self.gateway.spawn()
        wait_until(lambda: len(self.hop.messages) == 5, 10, self.gateway.log)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", self.gateway.port), timeout=5).close()
        wait_until(lambda: not self.gateway.queued())
        self.assertEqual(self.gateway.stop(), 0)


if __name__ == "__main__":
    unittest.main()
