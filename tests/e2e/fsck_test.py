"""postern fsck, and a gateway on a damaged store: what was hit is told and never sent, all the rest arrives."""

import json
import re
import shutil
import unittest

from gateway import Gateway, free_port, maildir_route, next_hop_route, split_message, wait_until
from next_hop import NextHop

EX_DATAERR, EX_NOINPUT, EX_TEMPFAIL = 65, 66, 75  # sysexits.h


def message(i, size=200):
    return b"Subject: m%03d\r\n\r\n" % i + b"line of m%03d, no matter which\r\n" % i * (size // 32) + b"end\r\n"


class Fsck(unittest.TestCase):
    def setUp(self):
        self.port = free_port()
        self.gateway = Gateway()
        self.configure()
        self.enterContext(self.gateway)
        self.size = 200

    def configure(self, **more):
        self.gateway.configure({"route": [maildir_route(self.gateway.mail, "here.example"), next_hop_route(self.port)],
                                "store": {"segment_size": "4MiB"}, "relay": {"retry": ["1s"]}, **more})

    def fsck(self, *arguments, code=0):
        done = self.gateway.run("fsck", *arguments, "--config", str(self.gateway.file))
        if code is not None:
            self.assertEqual(done.returncode, code, done)
        return done.stdout + done.stderr

    def found(self, *arguments, code=0, log=0):
        """What it says of one log."""
        return json.loads(self.fsck("--json", *arguments, code=code))["logs"][log]

    def segments(self, log=0):
        """Those that hold something, the oldest first."""
        return [path for path in sorted((self.gateway.data / f"store/{log}").glob("segment-*"))
                if path.read_bytes()[:64].strip(b"\0")]

    def contents(self):
        return {path: path.read_bytes() for path in (self.gateway.data / "store").rglob("*-*")}

    def fill(self, count):
        """Messages that wait, since nobody answers at their next hop; their ids, in the order of their numbers."""
        with self.gateway.client() as client:
            return [client.message(message(i, self.size), f"r{i}@far.example").text.split()[-1] for i in range(count)]

    def damage(self, i):
        """Turns over one bit near the end of message `i`."""
        for path in self.segments():
            at = path.read_bytes().rfind(b"line of m%03d" % i)
            if at < 0:
                continue
            with open(path, "r+b") as file:
                file.seek(at)
                file.write(b"L")
            return
        self.fail(f"no message {i} in the store")

    def expect_all_but(self, lost, count):
        """The next hop comes up: every other message arrives, once and whole; what is lost, in no part."""
        with NextHop(self.port) as hop:
            self.gateway.run("queue", "retry", "--all", "--config", str(self.gateway.file))
            wait_until(lambda: len(hop.messages) >= count - len(lost), 30, self.gateway.log)
            bodies = sorted(split_message(m.body)[1] for m in hop.messages)
        self.assertEqual(bodies, [message(i, self.size) for i in range(count) if i not in lost])

    def test_a_running_gateway_is_named(self):
        self.assertIn(f"process {self.gateway.process.pid}", self.fsck(code=EX_TEMPFAIL))

    def test_where_no_store_is_none_is_made(self):
        self.gateway.stop()
        shutil.rmtree(self.gateway.data)
        self.assertIn("no such folder", self.fsck(code=EX_NOINPUT))
        self.assertFalse(self.gateway.data.exists())

    def test_a_sound_store(self):
        self.fill(20)
        self.gateway.kill()
        before = self.contents()
        self.assertIn("20 messages in the queue", self.fsck())
        self.assertTrue(self.fsck("--repair").endswith("all is well\n"))
        self.assertEqual(self.contents(), before, "there was nothing to do")
        log = self.found()
        self.assertEqual((log["messages"], log["damage"], log["unfinished"]), (20, [], None))
        self.gateway.start()
        self.expect_all_but([], 20)

    def test_what_is_damaged_is_told_and_the_rest_is_delivered(self):
        ids = self.fill(20)
        self.gateway.stop()
        self.damage(7)
        before = self.contents()
        log = self.found(code=EX_DATAERR)
        self.assertEqual([(d["kind"], d["message"]) for d in log["damage"]], [("broken", ids[7])])
        self.assertIn(ids[7], self.fsck(code=EX_DATAERR))
        self.assertEqual(self.contents(), before, "to look is not to touch")
        self.gateway.start()
        [event] = wait_until(lambda: self.gateway.events(3013), 10, self.gateway.log)
        self.assertIn(f"id={ids[7]}", event)
        copy = re.search(r"copy=(\S+)", event)[1]
        self.assertIn(b"m007", open(copy, "rb").read())
        self.expect_all_but([7], 20)

    def test_what_was_set_aside_is_told_no_more(self):
        ids = self.fill(20)
        self.gateway.stop()
        self.damage(3)
        self.damage(11)
        log = self.found("--repair")
        self.assertEqual([d["message"] for d in log["mended"]["damage"]], [ids[3], ids[11]])
        self.assertIn(b"m003", open(log["mended"]["damage"][0]["copy"], "rb").read())
        self.assertTrue(self.fsck().endswith("all is well\n"))
        self.gateway.start()
        self.assertEqual(self.gateway.events(3013), [])
        self.expect_all_but([3, 11], 20)

    def test_a_lost_piece_costs_its_message_alone(self):
        self.size = 300_000
        ids = self.fill(5)
        self.gateway.stop()
        self.damage(2)
        log = self.found(code=EX_DATAERR)
        if log["incomplete"]:  # the bit was in a piece, and not in the record that makes the message
            self.assertEqual([m["message"] for m in log["incomplete"]], [ids[2]])
            self.fsck("--repair", code=EX_DATAERR)
        self.gateway.start()
        self.expect_all_but([2], 5)

    def test_damage_that_comes_after_the_250_is_never_sent(self):
        self.size = 300_000
        ids = self.fill(5)
        self.damage(2)
        self.expect_all_but([2], 5)
        self.assertTrue(any(ids[2] in event for event in self.gateway.events(3013)), self.gateway.log())
        self.assertEqual([m["id"] for m in self.gateway.queued()], [ids[2]], "it is kept for whoever can make sense of it")

    def test_files_with_each_others_names(self):
        self.size = 200_000
        self.fill(60)
        self.gateway.stop()
        first, second, *_ = self.segments()
        aside = first.with_name("aside")
        first.rename(aside), second.rename(first), aside.rename(second)
        log = self.found(code=EX_DATAERR)
        self.assertEqual((len(log["misplaced"]), log["damage"], log["messages"]), (2, [], 60))
        self.gateway.start()
        wait_until(lambda: len(self.gateway.events(3013)) == 2, 10, self.gateway.log)
        self.expect_all_but([], 60)

    def test_segments_that_are_cut_or_gone_are_missed(self):
        self.size = 200_000
        self.fill(60)
        self.gateway.stop()
        first, second, third, *_ = self.segments()
        with open(first, "r+b") as file:
            file.truncate(1 << 20)
        second.unlink()
        kinds = {d["kind"] for d in self.found(code=EX_DATAERR)["damage"]}
        self.assertTrue(kinds & {"broken", "cut-off"}, kinds)
        kept = self.found("--repair", code=None)  # whether a message has lost a piece with it, and not all, is chance
        self.assertEqual(kept["damage"], [])
        lost = {m["message"] for m in kept["incomplete"]}
        self.gateway.start()
        self.assertEqual(self.gateway.events(3013), [], "it was told, and is sealed")
        whole = [m for m in self.gateway.queued() if m["id"] not in lost]
        with NextHop(self.port) as hop:
            self.gateway.run("queue", "retry", "--all", "--config", str(self.gateway.file))
            wait_until(lambda: len(hop.messages) == len(whole), 30, self.gateway.log)

    def test_a_segment_in_two_logs(self):
        self.gateway.stop()
        self.configure(threads={"store_writers": 2})
        self.gateway.start()
        ids = self.fill(20)
        self.gateway.stop()
        for path in self.segments(0):
            shutil.copy(path, self.gateway.data / "store/1" / path.name)
        twice = json.loads(self.fsck("--json", code=EX_DATAERR))["twice"]
        self.assertTrue(twice and set(twice) <= set(ids), twice)
        # Both copies are tried at the same time, and put off.
        with NextHop(self.port, {"END": "451 4.3.2 not yet"}, delay=0.05) as hop:
            self.gateway.start()
            wait_until(lambda: sum("state=deferred" in event for event in self.gateway.events(2001)) >= 20, 30, self.gateway.log)
            hop.answers.clear()
            wait_until(lambda: not self.gateway.queued(), 30, self.gateway.log)
            self.assertLessEqual({message(i) for i in range(20) if ids[i] in twice},
                                 {split_message(m.body)[1] for m in hop.messages})
        self.assertIsNone(self.gateway.process.poll(), "it lives")


if __name__ == "__main__":
    unittest.main()
