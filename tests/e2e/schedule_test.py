"""When mail is tried again and when it is given up; a destination that is down, and one that is slow."""

import time
import unittest

from gateway import Gateway, free_port, maildir_route, next_hop_route, wait_until
from next_hop import NextHop
from postfix import source
from report import Report

MESSAGE = b"Subject: schedule\r\n\r\nscheduled\r\n"


class Schedule(unittest.TestCase):
    def start(self, *routes, **relay):
        gateway = Gateway()
        gateway.configure({"relay": relay, "route": [maildir_route(gateway.mail, "client.example"), *routes]})
        return self.enterContext(gateway)

    def test_the_waits_grow_and_the_last_one_repeats(self):
        with NextHop(0, {"a@far.example": "451 4.2.1 later"}) as hop:
            times = []
            answer = hop._answer
            hop._answer = lambda key, usual: (times.append(time.monotonic()) if key == "a@far.example" else None, answer(key, usual))[1]
            gateway = self.start(next_hop_route(hop.port), retry=["300ms", "1s"], expiry="1h")
            gateway.send("a@far.example")
            wait_until(lambda: len(times) >= 4, 10, gateway.log)
            waits = [b - a for a, b in zip(times, times[1:])]
            for wait, wanted in zip(waits, (0.3, 1.0, 1.0)):
                self.assertGreater(wait, wanted * 0.9)
                self.assertLess(wait, wanted * 1.1 + 0.4)

    def test_expiry_by_priority(self):
        """Each comes back after its time, with the last reason, and not before."""
        lines = {"urgent": b"Priority: urgent\r\n", "normal": b"", "late": b"X-Priority: 5\r\n"}
        with NextHop(0, {"a@far.example": "451 4.2.1 not today"}) as hop:
            gateway = self.start(next_hop_route(hop.port), retry=["300ms"], expiry="2s", expiry_urgent="1s", expiry_non_urgent="3s")
            for name, line in lines.items():
                gateway.send("a@far.example", message=line + MESSAGE, sender=f"{name}@client.example")
            start = time.monotonic()
            for name, seconds in (("urgent", 1), ("normal", 2), ("late", 3)):
                report = Report(*gateway.wait_delivered(1, f"{name}@client.example"))
                self.assertGreater(time.monotonic() - start, seconds - 0.4)
                self.assertLess(time.monotonic() - start, seconds + 1.5)
                self.assertEqual(report.recipients[0]["Status"], "4.4.7")
                self.assertIn("not today", report.recipients[0]["Diagnostic-Code"])
            wait_until(lambda: not gateway.queued())

    def test_a_route_has_a_schedule_of_its_own(self):
        dead = free_port()
        gateway = self.start(next_hop_route(dead, domain="short.example", expiry="1s"), next_hop_route(dead), retry=["200ms"], expiry="1h")
        gateway.send("a@short.example", "b@far.example")
        report = Report(*gateway.wait_delivered(1, "sender@client.example"))
        self.assertEqual([r["Final-Recipient"] for r in report.recipients], ["rfc822;a@short.example"])
        (message,) = [m for m in gateway.queued() if not m["report"]]
        self.assertIn("b@far.example", [r["address"] for r in message["recipients"] if r["state"] == "deferred"])

    def test_a_delay_is_told_once(self):
        with NextHop(0, {"a@far.example": "451 4.7.1 greylisted"}) as hop:
            gateway = self.start(next_hop_route(hop.port), retry=["300ms"], expiry="1h", delay_notice="1s")
            gateway.send("a@far.example")
            report = Report(*gateway.wait_delivered(1, "sender@client.example"))
            fields = report.recipient("a@far.example")
            self.assertEqual((fields["Action"], fields["Status"]), ("delayed", "4.7.1"))
            self.assertIn("Will-Retry-Until", fields)
            tried = len(hop.commands)
            wait_until(lambda: len(hop.commands) > tried + 6, 10, gateway.log)
            self.assertEqual(len(gateway.delivered("sender@client.example")), 1)
            hop.answers.clear()
            wait_until(lambda: hop.messages and not gateway.queued(), 10, gateway.log)

    def test_a_destination_that_is_down_is_probed_by_one_and_then_flows(self):
        with NextHop(0, {"CONNECT": "421 4.3.2 down"}) as hop:
            gateway = self.start(next_hop_route(hop.port, connections_max=5), retry=["1s"], expiry="1h")
            with gateway.client() as client:
                for i in range(40):
                    client.message(MESSAGE, f"r{i}@far.example")
            wait_until(lambda: gateway.destinations()["*"]["state"] == "down", 10, gateway.log)
            time.sleep(0.2)
            before = hop.connection_count
            time.sleep(3)
            self.assertIn(hop.connection_count - before, (2, 3, 4), "one a second")
            hop.delay, hop.open_max = 0.1, 0
            hop.answers.clear()
            wait_until(lambda: len(hop.messages) == 40, 10, gateway.log)
            self.assertGreaterEqual(hop.open_max, 4)

    def test_what_waits_for_a_dead_host_costs_nothing(self):
        gateway = self.start(next_hop_route(free_port()), retry=["15m"])
        self.assertEqual(source(gateway.port, 10_000, "to@far.example", "-d").returncode, 0)
        wait_until(lambda: gateway.destinations()["*"]["state"] == "down", 10, gateway.log)
        time.sleep(1)
        before = gateway.cpu_seconds()
        time.sleep(2)
        self.assertLess(gateway.cpu_seconds() - before, 0.05, "seconds of two")

    def test_a_slow_destination_holds_back_no_other(self):
        with NextHop(0) as slow, NextHop(0) as quick:
            gateway = self.start(next_hop_route(slow.port, domain="slow.example"), next_hop_route(quick.port), attempts=16)
            with gateway.client() as client:
                for i in range(20):  # while it is quick it earns more and more attempts at once
                    client.message(MESSAGE, f"r{i}@slow.example")
                wait_until(lambda: len(slow.messages) == 20, 10, gateway.log)
                slow.delay = 60
                for i in range(50):
                    client.message(MESSAGE, f"r{i}@slow.example")
                wait_until(lambda: slow.commands.count("DATA") >= 28, 10, gateway.log)  # half of all attempts, and never more
                start = time.monotonic()
                for i in range(50):
                    client.message(MESSAGE, f"r{i}@quick.example")
            wait_until(lambda: len(quick.messages) == 50, 5, gateway.log)
            self.assertLess(time.monotonic() - start, 5)
            self.assertEqual(len(slow.messages), 20)


if __name__ == "__main__":
    unittest.main()
