"""A message of which the gateway dies is parked after two crashes, with a bundle for a bug report, and all other mail flows on."""

import pathlib
import re
import signal
import tempfile
import unittest

from faults import Faults
from gateway import Gateway, maildir_route, next_hop_route, wait_until
from next_hop import NextHop

LINE = b"a line that no gateway survives"
POISON = b"Subject: poison\r\n\r\n%s\r\n" % LINE
INNOCENT = b"Subject: innocent\r\n\r\nbread\r\n"


class Poison(unittest.TestCase):
    def setUp(self):
        self.faults = self.enterContext(Faults())
        self.gateway = Gateway(prefix=["env", *(f"{key}={value}" for key, value in self.faults.environment().items())])
        self.addCleanup(self.gateway.__exit__)

    def dies(self):
        self.assertEqual(self.gateway.wait(), -signal.SIGABRT, self.gateway.log()[-3000:])

    def send_poison(self):
        """The 250 may be cut off with the gateway; the message is in the log."""
        try:
            self.gateway.send("a@far.example", message=POISON)
        except (OSError, AssertionError, EOFError):
            pass

    def field(self, line, key):
        found = re.search(rf'\b{key}=("[^"]*"|\S*)', line)
        return found[1].strip('"') if found else None

    def crash_twice(self, rule):
        """To the third start, which lives; the event that tells what was parked."""
        self.gateway.start()
        with rule:
            self.send_poison()
            self.dies()
            self.gateway.spawn()
            self.dies()
            self.gateway.start()
            parked = wait_until(lambda: self.gateway.events(3015), 10, self.gateway.log)
            self.assertEqual(len(parked), 1)
            self.assertEqual(self.field(parked[0], "crashes"), "2")
            return parked[0]

    def check_parked(self, event, stage):
        self.assertEqual(self.field(event, "stage"), stage)
        message = self.field(event, "id")
        shown = wait_until(lambda: [m for m in self.gateway.queued() if m["recipients"][0]["state"] == "held"])
        self.assertEqual([m["id"] for m in shown], [message])
        self.assertIn("parked: in work", shown[0]["recipients"][0]["text"])
        folder = self.gateway.data / "crashes" / message
        self.assertEqual(self.field(event, "bundle"), str(folder))
        self.assertIn(LINE, (folder / "message.eml").read_bytes())
        self.assertIn("recipient a@far.example", (folder / "envelope.txt").read_text())
        [report] = folder.glob("crash-*.txt")
        self.assertIn("SIGABRT", report.read_text())
        self.assertIn(stage, report.read_text())
        died = self.gateway.events(1003)
        self.assertEqual(sum("SIGABRT" in line for line in died), 2)
        self.assertTrue(any(f"id={message}" in line and "crashed=yes" in line for line in died), died)
        return message

    def test_relayed(self):
        with NextHop(0) as hop:
            self.gateway.configure({"route": [next_hop_route(hop.port)]})
            event = self.crash_twice(self.faults.abort("send", contains=LINE))
            self.gateway.send("b@far.example", message=INNOCENT)
            wait_until(lambda: len(hop.messages) == 1, 10, self.gateway.log)
            message = self.check_parked(event, "talking to a next hop")
            # A version without the bug has come, or so the operator thinks.
            self.assertEqual(self.gateway.run("queue", "release", message, "--config", str(self.gateway.file)).returncode, 0)
            wait_until(lambda: len(hop.messages) == 2, 10, self.gateway.log)
            self.assertIn(LINE, hop.messages[-1].body)
        self.assertEqual(self.gateway.stop(), 0)

    def test_with_the_black_box_in_memory(self):
        """An operator may put it where no disk holds anybody up."""
        memory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(dir="/dev/shm")))
        self.gateway.data.mkdir()
        (self.gateway.data / "crashes").symlink_to(memory)
        self.gateway.configure({"route": [maildir_route(self.gateway.mail)]})
        event = self.crash_twice(self.faults.abort("write", contains=LINE, path="/mail/"))
        message = self.check_parked(event, "writing into a mailbox")
        self.assertTrue((memory / "black-box").is_file())
        self.assertTrue((memory / message / "message.eml").is_file())
        self.assertEqual(self.gateway.stop(), 0)

    def test_into_a_mailbox(self):
        self.gateway.configure({"route": [maildir_route(self.gateway.mail)]})
        event = self.crash_twice(self.faults.abort("write", contains=LINE, path="/mail/"))
        self.gateway.send("b@far.example", message=INNOCENT)
        self.gateway.wait_delivered(1, "b@far.example")
        message = self.check_parked(event, "writing into a mailbox")
        self.assertEqual(self.gateway.stop(), 0)
        self.assertEqual(self.gateway.queue("delete", message)["target"], message)
        self.assertEqual(self.gateway.queued(), [])

    def test_released_too_early_it_is_parked_again(self):
        with NextHop(0) as hop:
            self.gateway.configure({"route": [next_hop_route(hop.port)]})
            rule = self.faults.abort("send", contains=LINE)
            message = self.field(self.crash_twice(rule), "id")
            with self.faults.abort("send", contains=LINE):
                self.gateway.run("queue", "release", message, "--config", str(self.gateway.file))
                self.dies()
                self.gateway.spawn()
                self.dies()
                self.gateway.start()
                wait_until(lambda: len(self.gateway.events(3015)) == 2, 10, self.gateway.log)
            self.assertEqual(len(list((self.gateway.data / "crashes" / message).glob("crash-*.txt"))), 2)

    def test_a_clients_input(self):
        self.gateway.start()
        with self.faults.abort("send", contains=b"500 5.5"):
            for _ in range(2):
                with self.gateway.client() as client:
                    client.send(b"POISON\r\n")
                    self.dies()
                self.gateway.start()
        died = [line for line in self.gateway.events(1003) if "stage=receiving" in line]
        self.assertEqual([self.field(line, "crashes") for line in died], ["1", "2"])
        self.assertEqual({self.field(line, "peer") for line in died}, {"127.0.0.1"})
        self.assertFalse(self.gateway.events(3015))


class Killed(unittest.TestCase):
    """A kill finds the threads at work, not the messages under way: however many those are, nobody is parked."""

    def test_with_many_attempts_under_way(self):
        domains, kills = 100, 6  # each a destination of its own, which begins with two attempts
        with NextHop(0, delay=600) as hop:
            routes = [next_hop_route(hop.port, domain=f"d{i}.example", connections_max=400) for i in range(domains)]
            with Gateway({"route": routes, "relay": {"attempts": 400}}) as gateway:
                for i in range(2 * domains):
                    gateway.send(f"r@d{i // 2}.example")
                before = 0
                for _ in range(kills):
                    wait_until(lambda: hop.connection_count >= before + 2 * domains, 60,
                               lambda: f"{hop.connection_count - before} attempts under way")
                    gateway.kill()
                    before = hop.connection_count
                    gateway.start()
                self.assertEqual(len(gateway.queued()), 2 * domains)
                self.assertFalse(gateway.events(3015))
                died = [line for line in gateway.events(1003) if "thread=" in line]
                print(f"{kills} kills with {2 * domains} attempts under way: {len(died)} threads were at work")
                self.assertLess(len(died), kills * 4)

    def test_an_end_in_order_is_no_death(self):
        with Gateway() as gateway:
            gateway.send("a@far.example")
            self.assertEqual(gateway.stop(), 0)
            gateway.start()
            self.assertFalse(gateway.events(1003))


if __name__ == "__main__":
    unittest.main()
