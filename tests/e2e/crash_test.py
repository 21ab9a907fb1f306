"""Kill -9 during load, twenty times: every 250 that a client saw is delivered, and none is torn."""

import collections
import random
import time
import unittest

from gateway import Gateway, free_port, next_hop_route, split_message, wait_until
from load import Load, message, name_of
from next_hop import NextHop
from postfix import Sink

ROUNDS = 20


class Crash(unittest.TestCase):
    def check(self, gateway, count, stored):
        chance = random.Random(20)
        acknowledged = []
        gateway.start()
        for i in range(ROUNDS):
            load = Load(gateway, f"round{i}")
            wait_until(lambda: load.acknowledged, 10, gateway.log)
            time.sleep(chance.uniform(0.0, 0.6))
            gateway.kill()
            load.end()
            self.assertEqual(load.refused, [])
            acknowledged += load.acknowledged
            gateway.start()
        # Counting is cheap; to list a long queue again and again would slow down what empties it.
        wait_until(lambda: count() >= len(acknowledged), 240, gateway.log)
        wait_until(lambda: not gateway.queued(), 60, lambda: f"{len(gateway.queued())} still queued\n{gateway.log()[-2000:]}")
        counts = collections.Counter(name_of(split_message(message)[1]) for message in stored())
        missing = set(acknowledged) - set(counts)
        self.assertEqual(missing, set(), f"{len(missing)} of {len(acknowledged)} lost")
        print(f"{len(acknowledged)} acknowledged, {sum(counts.values()) - len(counts)} twice, "
              f"{len(set(counts) - set(acknowledged))} delivered whose 250 was cut off")
        self.assertFalse(gateway.events(3013), "nothing is corrupt")

    def test_into_a_maildir(self):
        with Gateway() as gateway:
            gateway.kill()
            self.check(gateway, lambda: len(gateway.delivered()), lambda: (p.read_bytes() for p in gateway.delivered()))
            self.assertEqual([p for p in gateway.mail.rglob("tmp/*")], [])

    def test_through_a_next_hop(self):
        with NextHop(0) as hop:
            gateway = Gateway({"relay": {"retry": ["1s"]}, "route": [next_hop_route(hop.port)]})
            self.addCleanup(gateway.__exit__)
            self.check(gateway, lambda: len(hop.messages), lambda: (m.body for m in hop.messages))


class Relaying(unittest.TestCase):
    """Killed while it sends: nothing is lost, and twice comes only what was acknowledged and not noted yet."""

    def test_into_a_sink(self):
        count, kills, attempts = 2_000, 8, 20
        chance = random.Random(9)
        config = {"relay": {"retry": ["500ms"], "attempts": attempts}, "route": [next_hop_route(port := free_port())]}
        with Gateway(config) as gateway:
            with gateway.client() as client:
                client.ask("EHLO client.example")
                for i in range(count):
                    client.send(b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@far.example>\r\nBDAT %d LAST\r\n%s"
                                % (len(body := message(f"m{i}")), body))
                    self.assertEqual([client.reply().code for _ in range(3)], [250] * 3)
            gateway.kill()
            with Sink(port=port) as sink:
                in_the_middle = 0
                for _ in range(kills):
                    before = sum(1 for _ in sink.folder.glob("m.*"))
                    gateway.start()
                    wait_until(lambda: sum(1 for _ in sink.folder.glob("m.*")) > before, 10, gateway.log)
                    time.sleep(chance.uniform(0.0, 0.05))
                    gateway.kill()
                    in_the_middle += sum(1 for _ in sink.folder.glob("m.*")) < count
                gateway.start()
                wait_until(lambda: not gateway.queued(), 60, gateway.log)
                counts = collections.Counter(name_of(split_message(m.replace(b"\n", b"\r\n"))[1].removesuffix(b"\r\n"))
                                             for m in sink.messages())
        twice = sum(counts.values()) - len(counts)
        print(f"{count} relayed through {kills} kills, {in_the_middle} of them in the middle: {twice} twice")
        self.assertEqual(len(counts), count, "lost")
        self.assertGreater(in_the_middle, 2)
        self.assertLessEqual(twice, kills * attempts, "an attempt lasts until its outcome is in the log")


class Torn(unittest.TestCase):
    """What a crash or a disk may leave at the end of the log, or in its middle."""

    def fill(self, gateway):
        with gateway.client() as client:
            for i in range(20):
                client.message(b"Subject: %d\r\n\r\n%s\r\n" % (i, b"x" * 1000), f"r{i}@far.example")
        wait_until(lambda: len(gateway.queued()) == 20)
        gateway.kill()
        segments = sorted(p for p in (gateway.data / "store").rglob("*") if p.is_file() and p.stat().st_size > 4096)
        return next(p for p in segments if b"x" * 1000 in p.read_bytes())

    def test_a_bad_record_in_the_middle_is_quarantined_and_told(self):
        with Gateway({"route": [next_hop_route(free_port())]}) as gateway:
            segment = self.fill(gateway)
            with open(segment, "r+b") as file:
                at = file.read().index(b"x" * 1000)
                file.seek(at + 500)
                file.write(b"y")
            gateway.start()
            self.assertEqual(len(gateway.queued()), 19)
            wait_until(lambda: gateway.events(3013))


if __name__ == "__main__":
    unittest.main()
