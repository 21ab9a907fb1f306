"""postern.exe takes mail from Linux and hands it to a Maildir and to a next hop, byte for byte, and loses none when it is
killed."""

import collections
import random
import re
import time
import unittest

from wine_gateway import WineGateway

# Those of tests/e2e, which wine_gateway has put on the path.
from gateway import maildir_route, next_hop_route, split_message, wait_until
from load import Load, name_of
from next_hop import NextHop
from postfix import Sink, source
from volume_test import key_and_rest

COUNT = 10_000
ROUNDS = 5


class Volume(unittest.TestCase):
    """smtp-source -d -s 50, half of the messages for a mailbox and half for a next hop."""

    def test_ten_thousand_messages(self):
        with Sink() as sink:
            wait_until(lambda: source(sink.port, 1, "to@here.example", sessions=1).returncode == 0)
            expected = key_and_rest(wait_until(lambda: list(sink.messages()))[0])[1].rstrip(b"\n")
        with Sink() as sink:
            routes = [next_hop_route(sink.port, domain="there.example"), maildir_route("mail")]
            with WineGateway({"route": routes}) as gateway:
                begin = time.monotonic()
                for recipient in ("to@here.example", "to@there.example"):
                    done = source(gateway.port, COUNT // 2, recipient, "-d")
                    self.assertEqual(done.returncode, 0, done.stderr + gateway.log()[-2000:])
                seconds = time.monotonic() - begin
                wait_until(lambda: len(list(sink.folder.glob("m.*"))) >= COUNT // 2, 180, lambda: gateway.log()[-2000:])
                mailbox = gateway.wait_delivered(COUNT // 2, "to@here.example", seconds=180)
                wait_until(lambda: not gateway.queued(), 30)
                relayed = [re.sub(rb"(?<!\r)\n", b"\r\n", m) for m in sink.messages()]
                self.assertEqual(len(gateway.delivered()), COUNT // 2)
                self.assertEqual(gateway.stop(), 0, gateway.log()[-2000:])
        found = set()
        for stored in [*mailbox, *relayed]:
            key, rest = key_and_rest(split_message(stored)[1])
            self.assertEqual(rest.rstrip(b"\n").replace(b"<to@there.example>", b"<to@here.example>"), expected)
            found.add(key)
        self.assertEqual((len(mailbox), len(relayed), len(found)), (COUNT // 2, COUNT // 2, COUNT))
        print(f"{COUNT} messages taken in {seconds:.0f} s")


class Killed(unittest.TestCase):
    def check(self, config, stored):
        chance = random.Random(4)
        acknowledged = []
        with WineGateway(config) as gateway:
            for i in range(ROUNDS):
                load = Load(gateway, f"round{i}")
                wait_until(lambda: load.acknowledged, 30, gateway.log)
                time.sleep(chance.uniform(0.1, 1.0))
                gateway.kill()
                load.end()
                self.assertEqual(load.refused, [])
                acknowledged += load.acknowledged
                gateway.start()
            wait_until(lambda: not gateway.queued(), 120, lambda: gateway.log()[-2000:])
            counts = collections.Counter(name_of(split_message(message)[1]) for message in stored(gateway))
            self.assertEqual(set(acknowledged) - set(counts), set(), "lost")
            self.assertFalse(gateway.events(3013), "nothing is corrupt")
        print(f"{len(acknowledged)} acknowledged through {ROUNDS} kills, {sum(counts.values()) - len(counts)} twice")

    def test_into_a_maildir(self):
        self.check({}, lambda gateway: (path.read_bytes() for path in gateway.delivered()))

    def test_through_a_next_hop(self):
        with NextHop(0) as hop:
            self.check({"relay": {"retry": ["1s"]}, "route": [next_hop_route(hop.port)]},
                       lambda _: (message.body for message in hop.messages))


if __name__ == "__main__":
    unittest.main()
