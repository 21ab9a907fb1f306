"""The queue commands, with a gateway that runs and with one that does not; and a queue that outlives its process."""

import unittest

from gateway import Gateway, free_port, next_hop_route, wait_until
from next_hop import NextHop
from postfix import source

MESSAGE = b"Subject: queue\r\n\r\nqueued\r\n"


class Queue(unittest.TestCase):
    def setUp(self):
        self.port = free_port()
        self.gateway = self.enterContext(Gateway({"route": [next_hop_route(self.port)]}))
        with self.gateway.client() as client:
            self.ids = [client.message(MESSAGE, f"r{i}@far.example").text.split()[-1] for i in range(5)]
        wait_until(lambda: len(self.gateway.queued()) == 5)

    def listed(self):
        return {m["id"] for m in self.gateway.queued()}

    def test_the_id_of_the_reply_is_that_of_the_queue(self):
        for queue_id in self.listed():
            self.assertTrue(any(queue_id in text for text in self.ids), (queue_id, self.ids))

    def commands(self):
        ids = sorted(self.listed())
        shown = self.gateway.queue("show", ids[0])
        for part in (ids[0], "sender@client.example", "@far.example"):
            self.assertIn(part, str(shown))
        self.assertIn(ids[0], self.gateway.run("queue", "list", "--config", str(self.gateway.file)).stdout)
        self.gateway.queue("delete", ids[0])
        self.assertEqual(self.listed(), set(ids[1:]))
        unknown = self.gateway.run("queue", "delete", ids[0], "--config", str(self.gateway.file))
        self.assertNotEqual(unknown.returncode, 0)
        self.assertIn(ids[0], unknown.stderr)
        rubbish = self.gateway.run("queue", "show", "../rubbish", "--config", str(self.gateway.file))
        self.assertNotEqual(rubbish.returncode, 0)
        return ids[1:]

    def test_running(self):
        ids = self.commands()
        with NextHop(self.port) as hop:
            self.gateway.queue("retry", ids[0])
            wait_until(lambda: hop.messages, 10, self.gateway.log)

    def test_stopped(self):
        self.assertEqual(self.gateway.stop(), 0)
        ids = self.commands()
        self.gateway.queue("retry", ids[0])
        with NextHop(self.port) as hop:
            self.gateway.start()
            wait_until(lambda: hop.messages, 10, self.gateway.log)
            self.assertEqual(self.listed() - set(ids), set(), "what was deleted stays so")

    def test_stop_and_kill_keep_the_queue(self):
        ids = self.listed()
        for end in (self.gateway.stop, self.gateway.kill, self.gateway.kill):
            end()
            self.assertEqual(self.listed(), ids)
            self.gateway.start()
            self.assertEqual(self.listed(), ids)

    def test_all_at_once(self):
        with NextHop(self.port) as hop:
            for queue_id in self.listed():  # one that goes out takes the others along: they may be gone already
                self.gateway.run("queue", "retry", queue_id, "--config", str(self.gateway.file))
            wait_until(lambda: len(hop.messages) == 5, 10, self.gateway.log)
            wait_until(lambda: not self.listed())


class LongQueue(unittest.TestCase):
    def test_more_than_ten_thousand(self):
        """imc.md: the view stopped at 10,000 items (Q147051)."""
        with Gateway({"route": [next_hop_route(free_port())]}) as gateway:
            self.assertEqual(source(gateway.port, 10_500, "to@far.example", "-d").returncode, 0)
            self.assertEqual(len(gateway.queued()), 10_500)
            gateway.kill()
            gateway.start()
            self.assertEqual(len(gateway.queued()), 10_500)


if __name__ == "__main__":
    unittest.main()
