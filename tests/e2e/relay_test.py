"""Mail for a next hop: results per recipient, kept connections, several at once, and back again after it was away."""

import time
import unittest

from gateway import Gateway, free_port, maildir_route, next_hop_route, wait_until
from next_hop import NextHop
from report import Report

MESSAGE = b"Subject: relay\r\n\r\nrelayed\r\n"
SOON = {"retry": ["1s"], "expiry": "1h"}


def states(message):
    """recipient -> state of a message in the queue."""
    return {r["address"]: r["state"] for r in message["recipients"]}


class Relay(unittest.TestCase):
    def start(self, hop, relay=None, **route):
        gateway = Gateway()
        gateway.configure({"relay": relay or {}, "route": [maildir_route(gateway.mail, "client.example"),
                                                           next_hop_route(*([hop.port] if hop else []), **route)]})
        return self.enterContext(gateway)

    def test_results_per_recipient(self):
        with NextHop(0, {"bad@far.example": "550 5.1.1 no such user", "later@far.example": "451 4.2.1 later"}) as hop:
            gateway = self.start(hop)
            gateway.send("good@far.example", "bad@far.example", "later@far.example", "good2@far.example", message=MESSAGE)
            wait_until(lambda: hop.messages)
            self.assertEqual(hop.messages[0].recipients, ("good@far.example", "good2@far.example"))
            report = Report(*gateway.wait_delivered(1, "sender@client.example"))
            self.assertIn("no such user", report.recipient("bad@far.example")["Diagnostic-Code"])
            (message,) = wait_until(lambda: [m for m in gateway.queued() if "bounced" in states(m).values()])
            self.assertEqual(message["sender"], "sender@client.example")
            left = {address: state for address, state in states(message).items() if state != "delivered"}
            self.assertEqual(left, {"bad@far.example": "bounced", "later@far.example": "deferred"})
            wait_until(lambda: gateway.events(4031))

            # Those that are done with are not tried again, neither after a restart nor by hand.
            self.assertEqual(gateway.stop(), 0)
            hop.answers.clear()
            gateway.start()
            gateway.run("queue", "retry", message["id"], "--config", str(gateway.file))
            wait_until(lambda: len(hop.messages) >= 2, 10, gateway.log)
            wait_until(lambda: not gateway.queued())
            self.assertEqual([r for m in hop.messages[1:] for r in m.recipients], ["later@far.example"])

    def test_refused_whole(self):
        for answers in ({"MAIL": "553 5.1.8 no"}, {"END": "554 5.6.0 no"}, {"DATA": "554 5.5.1 no"}):
            with self.subTest(answers), NextHop(0, answers) as hop:
                gateway = self.start(hop)
                gateway.send("a@far.example", "b@far.example", message=MESSAGE)
                report = Report(*gateway.wait_delivered(1, "sender@client.example"))
                self.assertEqual(len(report.recipients), 2)
                wait_until(lambda: not gateway.queued())

    def test_kept_connections(self):
        with NextHop(0) as hop:
            gateway = self.start(hop, connections_max=2, messages_per_connection_max=0)
            with gateway.client() as client:
                for _ in range(100):
                    self.assertEqual(client.message(MESSAGE, "a@far.example").code, 250)
            wait_until(lambda: len(hop.messages) >= 100)
            self.assertLessEqual(hop.connection_count, 20)

    def test_several_in_parallel(self):
        with NextHop(0, delay=0.3) as hop:
            gateway = self.start(hop)
            with gateway.client() as client:
                for _ in range(20):
                    client.message(MESSAGE, "a@far.example")
            wait_until(lambda: len(hop.messages) >= 20, 20)
            self.assertGreaterEqual(hop.open_max, 4)
            self.assertLessEqual(hop.open_max, 10)

    def test_pipelining_is_used_when_offered(self):
        for extensions in ((), ("PIPELINING",)):
            with self.subTest(extensions), NextHop(0, extensions=extensions) as hop:
                gateway = self.start(hop)
                with gateway.client() as client:
                    client.message(MESSAGE, *(f"r{i}@far.example" for i in range(50)))
                wait_until(lambda: hop.messages)
                self.assertEqual(len(hop.messages[0].recipients), 50)

    def test_the_next_hop_comes_back(self):
        port = free_port()
        gateway = self.enterContext(Gateway({"relay": SOON, "route": [next_hop_route(port)]}))
        with gateway.client() as client:
            for i in range(20):
                client.message(MESSAGE, f"r{i}@far.example")
        wait_until(lambda: gateway.events(3010), 10, gateway.log)
        self.assertEqual(len(gateway.queued()), 20)
        with NextHop(port) as hop:
            wait_until(lambda: len(hop.messages) >= 20, 20, gateway.log)
            wait_until(lambda: not gateway.queued())
            time.sleep(0.5)
            self.assertEqual(len(hop.messages), 20)

    def test_the_next_one_in_the_same_attempt(self):
        dead = free_port()
        with NextHop(0, {"CONNECT": "554 5.3.2 not here"}) as refusing, NextHop(0) as second:
            gateway = self.enterContext(Gateway({"route": [next_hop_route(dead, refusing.port, second.port)]}))
            with gateway.client() as client:
                client.message(MESSAGE, "a@far.example")
            wait_until(lambda: second.messages, 10, gateway.log)

    def test_hostile_next_hops(self):
        floods = {"CONNECT": "220 " + "x" * 1_000_000, "MAIL": "\r\n".join(["250-more"] * 100_000), "END": "rubbish", "DATA": "999 what"}
        for verb, answer in floods.items():
            with self.subTest(verb), NextHop(0, {verb: answer}) as hop:
                gateway = self.start(hop)
                with gateway.client() as client:
                    client.message(MESSAGE, "a@far.example")
                wait_until(lambda: hop.connection_count)
                time.sleep(0.5)
                self.assertIsNone(gateway.process.poll(), gateway.log())
                self.assertEqual(list(states(gateway.queued()[0]).values()), ["deferred"])
                self.assertLess(gateway.status("VmRSS"), 300_000)

    def test_a_next_hop_that_hangs_up(self):
        """The connection breaks after the end of data: the message is sent again, and not lost."""
        with NextHop(0) as hop:
            hop.delay = 60
            gateway = self.start(hop, SOON)
            with gateway.client() as client:
                client.message(MESSAGE, "a@far.example")
            wait_until(lambda: "DATA" in hop.commands)
            port = hop.port
        with NextHop(port) as hop:
            wait_until(lambda: hop.messages, 20, gateway.log)

    def test_smtputf8_and_dsn_go_on(self):
        with NextHop(0, extensions=("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN")) as hop:
            gateway = self.start(hop)
            with gateway.client() as client:
                client.ask("EHLO client.example")
                client.ask("MAIL FROM:<jürgen@client.example> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=e+2B1")
                client.ask("RCPT TO:<grüße@far.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;x@y.example")
                self.assertEqual(client.data(MESSAGE).code, 250)
            wait_until(lambda: hop.messages)
            mail, = [c for c in hop.commands if c.startswith("MAIL")]
            rcpt, = [c for c in hop.commands if c.startswith("RCPT")]
            for part in ("<jürgen@client.example>", "SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", "ENVID=e+2B1"):
                self.assertIn(part, mail)
            for part in ("<grüße@far.example>", "NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;x@y.example"):
                self.assertIn(part, rcpt)


if __name__ == "__main__":
    unittest.main()
