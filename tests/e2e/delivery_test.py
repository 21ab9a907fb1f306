"""The conversation with a next hop: its limits, what it offers and what it does not, and bodies that arrive byte for byte."""

import random
import time
import unittest

from gateway import Gateway, free_port, lmtp_route, maildir_route, next_hop_route, split_message, wait_until
from next_hop import NextHop
from report import Report

MESSAGE = b"Subject: delivery\r\n\r\ndelivered\r\n"
MIB = 1024 * 1024
ALL = ("PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "SIZE 99999999")


class Delivery(unittest.TestCase):
    def start(self, hop, *, route=None, relay=None):
        """A gateway that sends to the hop, and keeps what comes back for client.example."""
        gateway = Gateway()
        gateway.configure({"relay": relay or {"retry": ["1h"]},
                           "route": [maildir_route(gateway.mail, "client.example"), route or next_hop_route(hop.port)]})
        return self.enterContext(gateway)

    def report(self, gateway):
        return Report(*gateway.wait_delivered(1, "sender@client.example"))


class Limits(Delivery):
    def test_452_after_some_recipients_splits_the_message(self):
        """Without a retry, and on the same connection: the rest goes in the next transaction."""
        answers = {f"r{i}@far.example": ["452 4.5.3 too many", "250 2.1.5 ok"] for i in range(10, 20)}
        with NextHop(0, answers) as hop:
            gateway = self.start(hop)
            gateway.send(*(f"r{i}@far.example" for i in range(20)))
            wait_until(lambda: len(hop.messages) == 2, 10, gateway.log)
            self.assertEqual([len(m.recipients) for m in hop.messages], [10, 10])
            self.assertEqual(hop.connection_count, 1)
            self.assertEqual(hop.messages[0].body, hop.messages[1].body)
            wait_until(lambda: not gateway.queued())

    def test_452_to_the_first_one_waits(self):
        with NextHop(0, {"a@far.example": "452 4.2.2 full"}) as hop:
            gateway = self.start(hop)
            gateway.send("a@far.example")
            (message,) = wait_until(lambda: [m for m in gateway.queued() if m["recipients"][0]["state"] == "deferred"])
            self.assertIn("4.2.2 full", message["recipients"][0]["text"])
            self.assertEqual(sum(c.startswith("RCPT") for c in hop.commands), 1)

    def test_what_the_peer_says_it_takes(self):
        with NextHop(0, extensions=("PIPELINING", "LIMITS RCPTMAX=7")) as hop:
            gateway = self.start(hop)
            gateway.send(*(f"r{i}@far.example" for i in range(20)))
            wait_until(lambda: len(hop.messages) == 3, 10, gateway.log)
            self.assertEqual([len(m.recipients) for m in hop.messages], [7, 7, 6])

    def test_what_the_route_says(self):
        with NextHop(0) as hop:
            gateway = self.start(hop, route=next_hop_route(hop.port, recipients_per_transaction_max=5))
            gateway.send(*(f"r{i}@far.example" for i in range(12)))
            wait_until(lambda: sum(len(m.recipients) for m in hop.messages) == 12, 10, gateway.log)
            self.assertEqual([len(m.recipients) for m in hop.messages], [5, 5, 2])

    def test_503_to_a_second_message(self):
        """imc.md, Q202765: from then on each has a connection of its own, and nothing waits or comes back."""
        with NextHop(0, messages_per_connection_max=1) as hop:
            gateway = self.start(hop, route=next_hop_route(hop.port, connections_max=1))
            for i in range(6):
                gateway.send(f"r{i}@far.example")
            wait_until(lambda: len(hop.messages) == 6, 10, gateway.log)
            self.assertEqual(len({m.connection for m in hop.messages}), 6)
            self.assertLessEqual(sum(c.startswith("MAIL") for c in hop.commands), 8)
            wait_until(lambda: not gateway.queued())

    def test_messages_per_connection(self):
        with NextHop(0) as hop:
            gateway = self.start(hop, route=next_hop_route(hop.port, connections_max=1, messages_per_connection_max=3))
            for i in range(7):
                gateway.send(f"r{i}@far.example")
            wait_until(lambda: len(hop.messages) == 7, 10, gateway.log)
            self.assertEqual([m.connection for m in hop.messages], [1, 1, 1, 2, 2, 2, 3])

    def test_a_message_over_the_limit_of_the_peer_or_of_the_route_comes_back(self):
        large = b"Subject: large\r\n\r\n" + b"x" * 70 * 1000 + b"\r\n"
        for extensions, more in ((("SIZE 50000",), {}), ((), {"message_size_max": 50_000})):
            with self.subTest(extensions=extensions, **more), NextHop(0, extensions=extensions) as hop:
                gateway = self.start(hop, route=next_hop_route(hop.port, **more))
                gateway.send("a@far.example", message=large)
                self.assertEqual(self.report(gateway).recipient("a@far.example")["Status"], "5.3.4")
                self.assertFalse([c for c in hop.commands if c.startswith(("DATA", "BDAT"))])

    def test_several_next_hops_share(self):
        # So slow that each message needs a connection of its own: one that is kept would take most of them.
        with NextHop(0, delay=0.1) as a, NextHop(0, delay=0.1) as b:
            gateway = self.start(None, route=next_hop_route(a.port, free_port(), b.port))
            for i in range(20):
                gateway.send(f"r{i}@far.example")
            wait_until(lambda: len(a.messages) + len(b.messages) == 20, 10, gateway.log)
            self.assertGreater(min(len(a.messages), len(b.messages)), 3)


class Bodies(Delivery):
    BODIES = (
        b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n\r\n.\r\n",
        b"Subject: empty\r\n\r\n",
        b"\r\n.",
        b"Subject: \xc3\xbc\r\n\r\n8bit \xfc\xff\x00\x01\r\n",
        b"Subject: long\r\n\r\n" + b"y" * 200_000 + b"\r\n",
    )

    def send_all(self, gateway):
        with gateway.client() as client:
            for body in self.BODIES:
                client.start("a@far.example", parameters=" BODY=8BITMIME")
                client.send(b"BDAT %d LAST\r\n" % len(body) + body)
                self.assertEqual(client.reply().code, 250)

    def test_bdat_where_the_peer_offers_it(self):
        for extensions in (ALL, ("CHUNKING",)):
            with self.subTest(extensions), NextHop(0, extensions=extensions) as hop:
                gateway = self.start(hop, route=next_hop_route(hop.port, connections_max=1))
                self.send_all(gateway)
                wait_until(lambda: len(hop.messages) == len(self.BODIES), 10, gateway.log)
                self.assertEqual({m.verb for m in hop.messages}, {"BDAT"})
                bodies = sorted(split_message(m.body)[1] for m in hop.messages)
                # What lacks its last CR LF gets one, also in BDAT: the next host may not take BDAT.
                self.assertEqual(bodies, sorted(b if b.endswith(b"\r\n") else b + b"\r\n" for b in self.BODIES))

    def test_data_where_it_does_not(self):
        for extensions in (ALL[:3], ()):
            with self.subTest(extensions), NextHop(0, extensions=extensions) as hop:
                gateway = self.start(hop, route=next_hop_route(hop.port, connections_max=1))
                self.send_all(gateway)
                wait_until(lambda: len(hop.messages) == len(self.BODIES), 10, gateway.log)
                self.assertEqual({m.verb for m in hop.messages}, {"DATA"})
                bodies = sorted(split_message(m.body)[1] for m in hop.messages)
                self.assertEqual(bodies, sorted(b if b.endswith(b"\r\n") else b + b"\r\n" for b in self.BODIES))

    def test_a_large_message_costs_no_memory_and_arrives_whole(self):
        line = random.Random(50).randbytes(570).hex().encode()[:998] + b"\r\n"
        large = b"Subject: large\r\n\r\n" + line * (49 * MIB // len(line))
        for extensions in (ALL, ALL[:3]):
            with self.subTest(extensions), NextHop(0, {"a@far.example": "451 4.7.1 not yet"}, extensions=extensions) as hop:
                gateway = self.start(hop)
                gateway.send("a@far.example", message=large)
                wait_until(lambda: gateway.queued()[0]["recipients"][0]["state"] == "deferred", 10, gateway.log)
                before = gateway.status("VmRSS")
                hop.answers.clear()
                gateway.queue("retry", "--all")
                peak = before
                while not hop.messages:
                    peak = max(peak, gateway.status("VmRSS"))
                    time.sleep(0.01)
                self.assertLess(peak - before, 10 * 1024, "KiB more than before")
                self.assertEqual(split_message(hop.messages[0].body)[1], large)

    def test_a_refusal_in_the_middle_ends_it_at_once(self):
        large = b"Subject: large\r\n\r\n" + (b"z" * 998 + b"\r\n") * 20_000
        for reply, action in (("552 5.3.4 too large for us", "failed"), ("421 4.3.2 going down", None)):
            with self.subTest(reply), NextHop(0, {"BODY": reply}, extensions=ALL[:3]) as hop:
                gateway = self.start(hop)
                gateway.send("a@far.example", message=large)
                if action:
                    fields = self.report(gateway).recipient("a@far.example")
                    self.assertEqual((fields["Action"], fields["Status"]), (action, "5.3.4"))
                    self.assertIn("too large for us", fields["Diagnostic-Code"])
                else:
                    (message,) = wait_until(lambda: [m for m in gateway.queued() if m["recipients"][0]["state"] == "deferred"])
                    self.assertIn("going down", message["recipients"][0]["text"])
                wait_until(lambda: hop.body_size_seen, 10, gateway.log)
                self.assertLess(hop.body_size_seen, 15 * MIB, "it did not send on to the end")
                self.assertEqual(hop.messages, [])


class Offers(Delivery):
    def test_an_address_that_needs_smtputf8_comes_back_where_it_is_not_offered(self):
        with NextHop(0, extensions=ALL[:2]) as hop:
            gateway = self.start(hop)
            gateway.send("grüße@far.example", parameters=" SMTPUTF8")
            (stored,) = gateway.wait_delivered(1, "sender@client.example")
            self.assertIn(b"5.6.7", stored)
            self.assertNotIn("DATA", hop.commands)

    def test_one_that_does_not_need_it_goes(self):
        with NextHop(0, extensions=ALL[:2]) as hop:
            gateway = self.start(hop)
            gateway.send("a@far.example", parameters=" SMTPUTF8")
            wait_until(lambda: hop.messages, 10, gateway.log)
            self.assertFalse([c for c in hop.commands if "SMTPUTF8" in c])

    def test_eight_bits_pass_or_bounce_as_the_route_says(self):
        body = "Subject: ü\r\n\r\nGrüße\r\n".encode()
        for eight_bit in ("pass", "bounce"):
            with self.subTest(eight_bit), NextHop(0, extensions=()) as hop:
                gateway = self.start(hop, route=next_hop_route(hop.port, eight_bit=eight_bit))
                gateway.send("a@far.example", message=body, parameters=" BODY=8BITMIME")
                if eight_bit == "pass":
                    wait_until(lambda: hop.messages, 10, gateway.log)
                    self.assertEqual(split_message(hop.messages[0].body)[1], body)
                else:
                    self.assertEqual(self.report(gateway).recipient("a@far.example")["Status"], "5.6.3")
                    self.assertEqual(hop.messages, [])

    def test_helo_where_ehlo_is_not_known(self):
        with NextHop(0, {"EHLO": "500 5.5.2 what"}) as hop:
            gateway = self.start(hop)
            gateway.send("a@far.example")
            wait_until(lambda: hop.messages, 10, gateway.log)
            self.assertIn("HELO gateway.example", hop.commands)


class Lmtp(Delivery):
    def test_a_result_for_each_recipient_after_the_data(self):
        answers = {"END b@store.example": "550 5.2.1 disabled", "END c@store.example": "452 4.2.2 full"}
        with NextHop(0, answers, lmtp=True) as store:
            gateway = self.start(store, route=lmtp_route(store.port))
            gateway.send("a@store.example", "b@store.example", "c@store.example")
            wait_until(lambda: store.messages, 10, gateway.log)
            self.assertEqual(store.messages[0].recipients, ("a@store.example",))
            report = self.report(gateway)
            self.assertEqual([r["Final-Recipient"] for r in report.recipients], ["rfc822;b@store.example"])
            self.assertEqual(report.recipients[0]["Status"], "5.2.1")
            (message,) = wait_until(lambda: [m for m in gateway.queued() if not m["report"]])
            states = {r["address"]: r["state"] for r in message["recipients"]}
            self.assertEqual(states["c@store.example"], "deferred")
            # Only who waits is tried again.
            store.answers.clear()
            gateway.queue("retry", message["id"])
            wait_until(lambda: len(store.messages) == 2, 10, lambda: f"{gateway.queued()}\n{gateway.log()}\n{store.commands}")
            self.assertEqual(store.messages[1].recipients, ("c@store.example",))


if __name__ == "__main__":
    unittest.main()
