"""The queue commands, with a gateway that runs and with one that does not; and a queue that outlives its process."""

import time
import unittest

from gateway import Gateway, free_port, maildir_route, next_hop_route, split_message, wait_until
from next_hop import NextHop
from postfix import source
from report import Report

MESSAGE = b"Subject: queue\r\n\r\nqueued\r\n"


class Queue(unittest.TestCase):
    def setUp(self):
        self.port, self.other = free_port(), free_port()
        self.gateway = Gateway()
        self.gateway.configure({"route": [maildir_route(self.gateway.mail, "client.example"), next_hop_route(self.port),
                                          next_hop_route(self.other, domain="other.example")]})
        self.enterContext(self.gateway)
        with self.gateway.client() as client:
            replies = [client.message(MESSAGE, f"r{i}@far.example").text for i in range(5)]
            replies.append(client.message(MESSAGE, "r5@other.example").text)
        self.ids = [text.split()[-1] for text in replies]
        wait_until(lambda: self.count("deferred") == 6, 10, self.gateway.log)

    def recipients(self):
        return {r["address"]: r for m in self.gateway.queued() for r in m["recipients"]}

    def count(self, state):
        """Recipients in a state; of a destination that is down only the first ones are tried."""
        wanted = ("deferred", "waiting") if state == "deferred" else (state,)
        return sum(r["state"] in wanted for r in self.recipients().values())

    def listed(self):
        return {m["id"] for m in self.gateway.queued()}

    def each_way(self, look):
        """The same on the running gateway and on the store alone."""
        look()
        self.assertEqual(self.gateway.stop(), 0)
        look()

    def refused(self, *arguments):
        done = self.gateway.run("queue", *arguments, "--config", str(self.gateway.file))
        self.assertNotEqual(done.returncode, 0, done)
        return done.stderr

    def test_the_id_of_the_reply_is_that_of_the_queue(self):
        self.assertEqual(self.listed(), set(self.ids))

    def test_list_by_destination(self):
        def look():
            destinations = self.gateway.destinations()
            self.assertEqual(set(destinations), {"*", "other.example"})
            total = destinations["*"]
            self.assertEqual(total["waiting"] + total["deferred"] + (total["active"] or 0), 5)
            self.assertIn("connect", total["last_error"])
            self.assertTrue(total["oldest"])
            text = self.gateway.run("queue", "list", "--config", str(self.gateway.file)).stdout
            self.assertIn("other.example", text)
            self.assertIn("6 messages", text)
            listed = self.gateway.queue("list", "other.example")["messages"]
            self.assertEqual([m["id"] for m in listed], [self.ids[5]])
            messages = self.gateway.run("queue", "list", "--messages", "--config", str(self.gateway.file)).stdout
            for queue_id in self.ids:
                self.assertIn(queue_id, messages)

        self.assertEqual(self.gateway.destinations()["*"]["state"], "down")
        self.each_way(look)

    def test_show(self):
        def look():
            shown = str(self.gateway.queue("show", self.ids[0]))
            for part in (self.ids[0], "sender@client.example", "r0@far.example"):
                self.assertIn(part, shown)

        self.each_way(look)

    def test_export(self):
        def look():
            done = self.gateway.run("queue", "export", self.ids[0], "--config", str(self.gateway.file))
            self.assertEqual(done.returncode, 0, done)
            self.gateway.run("queue", "export", self.ids[0], "--output", "exported.eml", "--config", str(self.gateway.file))
            self.assertEqual(split_message((self.gateway.folder / "exported.eml").read_bytes())[1], MESSAGE)
            self.refused("export", "0000000000000", "--output", "none.eml")
            self.assertFalse((self.gateway.folder / "none.eml").exists(), "there is no such message")
            self.refused("export", "0000000000000", "--output", "exported.eml")
            self.assertEqual(split_message((self.gateway.folder / "exported.eml").read_bytes())[1], MESSAGE, "it is as it was")
            self.assertTrue(done.stdout.endswith("queued\n"), done.stdout)

        self.each_way(look)

    def test_delete(self):
        def look():
            gone = self.ids.pop(0)
            self.gateway.queue("delete", gone)
            self.assertEqual(self.listed(), set(self.ids))
            self.assertIn(gone, self.refused("delete", gone))

        self.each_way(look)
        self.gateway.start()
        self.assertEqual(self.listed(), set(self.ids), "what was deleted stays so")
        self.assertEqual(self.gateway.delivered(), [], "nobody is told")

    def test_delete_a_destination(self):
        self.gateway.queue("delete", "*")
        wait_until(lambda: self.listed() == {self.ids[5]}, 10, self.gateway.log)

    def test_rubbish(self):
        for arguments in (("show", "../rubbish"), ("show", "0000000000000"), ("retry",), ("retry", "nowhere.example"), ("hold", "--all", "x")):
            self.refused(*arguments)

    def test_retry_running(self):
        """One that goes out proves its destination alive, and takes along what waits only for that; the tried ones have their times."""
        with NextHop(self.port) as hop:
            self.gateway.queue("retry", self.ids[0])
            wait_until(lambda: hop.messages, 10, self.gateway.log)
            self.assertEqual(hop.messages[0].recipients, ("r0@far.example",))
            self.gateway.queue("retry", "*")
            wait_until(lambda: len(hop.messages) == 5, 10, self.gateway.log)
            wait_until(lambda: self.listed() == {self.ids[5]})

    def test_retry_stopped(self):
        self.assertEqual(self.gateway.stop(), 0)
        self.gateway.queue("retry", "--all")
        with NextHop(self.port) as hop:
            self.gateway.start()
            wait_until(lambda: len(hop.messages) == 5, 10, self.gateway.log)

    def test_hold_and_release(self):
        held = self.ids[0]
        self.gateway.queue("hold", held)
        wait_until(lambda: self.count("held") == 1)
        self.check_held(held)

    def test_hold_and_release_stopped(self):
        held = self.ids[0]
        self.assertEqual(self.gateway.stop(), 0)
        self.gateway.queue("hold", held)
        self.assertEqual(self.count("held"), 1)
        self.gateway.start()
        self.check_held(held)

    def check_held(self, held):
        """It stays when all others go, also when it is to be tried, until it is released."""
        with NextHop(self.port) as hop:
            self.gateway.queue("retry", held)
            self.gateway.queue("retry", "*")
            wait_until(lambda: self.listed() == {held, self.ids[5]}, 10, self.gateway.log)
            self.assertEqual(self.gateway.destinations()["*"]["held"], 1)
            self.assertEqual(len(hop.messages), 4)
            self.gateway.queue("release", held)
            wait_until(lambda: len(hop.messages) == 5, 10, self.gateway.log)
            wait_until(lambda: self.listed() == {self.ids[5]})

    def test_bounce(self):
        self.gateway.queue("bounce", self.ids[0])
        report = Report(*self.gateway.wait_delivered(1, "sender@client.example"))
        self.assertEqual([r["Final-Recipient"] for r in report.recipients], ["rfc822;r0@far.example"])
        self.assertIn("operator", report.recipients[0]["Diagnostic-Code"])
        wait_until(lambda: self.ids[0] not in self.listed())

    def test_bounce_stopped(self):
        self.assertEqual(self.gateway.stop(), 0)
        self.gateway.queue("bounce", "other.example")
        self.assertEqual(self.recipients()["r5@other.example"]["state"], "failed")
        self.gateway.start()
        Report(*self.gateway.wait_delivered(1, "sender@client.example"))
        wait_until(lambda: self.ids[5] not in self.listed())

    def test_stop_and_kill_keep_the_queue(self):
        for end in (self.gateway.stop, self.gateway.kill, self.gateway.kill):
            end()
            self.assertEqual(self.listed(), set(self.ids))
            self.gateway.start()
            self.assertEqual(self.listed(), set(self.ids))


class LongQueue(unittest.TestCase):
    def test_more_than_ten_thousand(self):
        """imc.md: the view stopped at 10,000 items (Q147051)."""
        with Gateway({"route": [next_hop_route(free_port())]}) as gateway:
            self.assertEqual(source(gateway.port, 10_500, "to@far.example", "-d").returncode, 0)
            self.assertEqual(len(gateway.queued()), 10_500)
            gateway.kill()
            gateway.start()
            self.assertEqual(len(gateway.queued()), 10_500)
            start = time.monotonic()
            (destination,) = gateway.destinations().values()
            self.assertLess(time.monotonic() - start, 1)
            self.assertEqual(destination["waiting"] + destination["deferred"] + destination["active"], 10_500)


if __name__ == "__main__":
    unittest.main()
