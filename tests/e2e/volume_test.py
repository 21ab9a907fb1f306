"""Postfix's smtp-source: 50 sessions, 10,000 messages, every one found byte for byte where it should be."""

import re
import unittest

from gateway import Gateway, next_hop_route, split_message, wait_until
from postfix import Sink, source

COUNT = 10_000


def key_and_rest(message):
    """A message's id, and the message without what differs from one to the next."""
    message = message.replace(b"\r\n", b"\n")
    message_id = re.search(rb"^Message-Id: <(.*)>$", message, re.M)[1]
    return message_id, re.sub(rb"^Date: .*$", b"Date:", message.replace(message_id, b"ID"), flags=re.M)


class Volume(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """What smtp-source sends, by its own twin."""
        with Sink() as sink:
            wait_until(lambda: source(sink.port, 1, "to@here.example", sessions=1).returncode == 0)
            cls.expected = key_and_rest(wait_until(lambda: list(sink.messages()))[0])[1].rstrip(b"\n")

    def check(self, messages):
        found = set()
        for stored in messages:
            key, rest = key_and_rest(split_message(stored)[1])
            self.assertEqual(rest.rstrip(b"\n"), self.expected)
            found.add(key)
        self.assertEqual(len(found), COUNT)

    def test_into_a_maildir(self):
        with Gateway() as gateway:
            done = source(gateway.port, COUNT, "to@here.example", "-d")
            self.assertEqual(done.returncode, 0, done.stderr + gateway.log()[-2000:])
            self.check(gateway.wait_delivered(COUNT, "to@here.example", seconds=60))
            self.assertEqual(len(gateway.delivered()), COUNT)
            self.assertEqual(gateway.queued(), [])

    def test_through_a_next_hop(self):
        with Sink() as sink, Gateway({"route": [next_hop_route(sink.port)]}) as gateway:
            done = source(gateway.port, COUNT, "to@here.example", "-d")
            self.assertEqual(done.returncode, 0, done.stderr + gateway.log()[-2000:])
            wait_until(lambda: len(list(sink.folder.glob("m.*"))) >= COUNT, 90,
                       lambda: f"{len(list(sink.folder.glob('m.*')))} relayed\n{gateway.log()[-2000:]}")
            wait_until(lambda: not gateway.queued(), 10)
            self.check([re.sub(rb"(?<!\r)\n", b"\r\n", m) for m in sink.messages()])
            self.assertEqual(len(list(sink.folder.glob("m.*"))), COUNT)


if __name__ == "__main__":
    unittest.main()
