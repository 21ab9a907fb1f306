"""A machine that runs out of what it has, or whose clocks jump, under load: others go on, and so does everything afterwards."""

import errno
import select
import signal
import socket
import subprocess
import time
import unittest

import smtp
from dns_server import DnsServer, resolver
from fault_scene import Scene
from gateway import free_port, maildir_route, mx_route, next_hop_route, wait_until
from namespace import Namespace
from next_hop import NextHop

ATTEMPTED, CONNECT_FAILED, LOW_MEMORY, TIMED_OUT = 2001, 3010, 3019, 4051


class Descriptors(unittest.TestCase):
    def test_none_to_accept_with(self):
        """Who is connected is served, who is not waits, and is served then."""
        with Scene() as scene:
            with scene.faults.fail("accept", errno.EMFILE) as rule:
                waiting = socket.create_connection((scene.gateway.address, scene.gateway.port), timeout=30)
                self.addCleanup(waiting.close)
                scene.tells(CONNECT_FAILED, "cannot accept")
                scene.flows(100)
                self.assertGreater(rule.hits, 0)
            with smtp.Client(waiting) as client:
                self.assertEqual(client.ask("NOOP").code, 250)
            scene.settle(self)
            self.assertEqual(set(scene.senders.codes), {250})

    def test_none_for_the_next_segment(self):
        """452 until there is one: nothing was written, so nothing is in doubt, and no restart is needed."""
        with Scene() as scene:
            with scene.faults.fail("open", errno.EMFILE, path="/store/0/spare-") as rule:
                scene.refuses(452)
                scene.talks()
                self.assertGreater(rule.hits, 0)
            scene.flows(30)
            scene.settle(self)
            self.assertEqual(set(scene.senders.codes), {250, 452})

    def test_none_for_mailboxes(self):
        with Scene() as scene:
            with scene.faults.fail("open", errno.EMFILE, path="/mail/") as rule:
                scene.tells(ATTEMPTED, "state=deferred")
                scene.flows(30)
                self.assertGreater(rule.hits, 0)
            scene.settle(self)
            self.assertEqual(set(scene.senders.codes), {250})

    def test_none_for_those_who_send(self):
        """A next hop that we have no socket for is one that cannot be reached now."""
        with NextHop(free_port()) as hop, \
                Scene({"route": [next_hop_route(hop.port, domain="hop.example"), maildir_route("mail")]}) as scene:
            with scene.faults.fail("socket", errno.EMFILE) as rule:
                scene.gateway.send("x@hop.example")
                scene.tells(CONNECT_FAILED, "dir=out")
                scene.flows(30)
                self.assertGreater(rule.hits, 0)
            wait_until(lambda: hop.messages, 20, scene.gateway.log)
            scene.settle(self)


class Memory(unittest.TestCase):
    BLOCK_SIZE = 32 * 1024

    def test_none_for_buffers(self):
        """Who has a buffer goes on, who has none waits for one; nobody is refused or closed, and nobody spins."""
        with Scene(senders=2) as scene:
            with scene.faults.fail("memory", errno.ENOMEM, size_min=self.BLOCK_SIZE, size_max=self.BLOCK_SIZE + 64) as rule:
                clients = [self.enterContext(scene.gateway.client(greet=False)) for _ in range(60)]
                for client in clients:  # each stays in the middle of a body: more of them than there are blocks
                    client.send(b"EHLO many.example\r\nMAIL FROM:<a@many.example>\r\nRCPT TO:<many@here.example>\r\nDATA\r\n")
                scene.tells(LOW_MEMORY, "no memory for another buffer")
                time.sleep(0.5)
                spent = scene.gateway.cpu_seconds()
                time.sleep(2)
                self.assertLess(scene.gateway.cpu_seconds() - spent, 0.5, "who waits for memory does not spin")
                self.assertGreater(rule.hits, 0)
                self.assertIsNone(scene.gateway.process.poll())
            for client in clients:
                self.assertEqual([client.reply().code for _ in range(5)], [220, 250, 250, 250, 354])
                client.send(b"Subject: many\r\n\r\nmany\r\n.\r\n")
                self.assertEqual(client.reply().code, 250)
            scene.flows(30)
            scene.settle(self)
            self.assertEqual(set(scene.senders.codes), {250})

    def test_none_for_anything(self):
        """That ends the process; the next start finds all that was promised."""
        with Scene() as scene:
            with scene.faults.fail("memory", errno.ENOMEM) as rule:
                self.assertLess(scene.gateway.wait(), 0)
                self.assertGreater(rule.hits, 0)
            scene.gateway.start()
            scene.flows(30)
            scene.settle(self, closes=1000, duplicates=256)


class Clocks(unittest.TestCase):
    def test_the_wall_clock_jumps(self):
        """An hour back, then forth, then back: ids stay unique, nothing expires, and what waits is tried in time."""
        with Scene() as scene:
            for hours in (-1, 1, -1):
                with scene.faults.shift("wall_clock", 3600 * hours) as rule:
                    scene.flows(60)
                    with scene.faults.fail("open", errno.EACCES, path="/mail/", times=8):
                        scene.tells(ATTEMPTED, "state=deferred")
                    scene.flows(30)
                    self.assertGreater(rule.hits, 0)
            scene.settle(self, seconds=30)
            self.assertEqual(set(scene.senders.codes), {250})

    def test_the_machine_slept(self):
        """Both clocks a day further at once: who was silent for that long gets 421, everybody else is served."""
        with Scene() as scene:
            with scene.gateway.client() as silent:
                silent.start("silent@here.example")
                with scene.faults.shift("wall_clock", 86_400), scene.faults.shift("monotonic_clock", 86_400):
                    self.assertEqual([r.code for r in silent.rest()], [421])
                    scene.tells(TIMED_OUT, "dir=in")
                    scene.flows(60)
                    scene.settle(self, closes=12)


class AcceptQueue(unittest.TestCase):
    def test_full(self):
        """Nobody accepts, and the system's queue is full: who stands in it and who does not even get there are served when it ends."""
        with Namespace() as namespace:
            subprocess.run([*namespace.prefix, "sysctl", "-qw", "net.core.somaxconn=4"], check=True)
            with Scene(prefix=namespace.prefix, connect=namespace.connect) as scene:
                address = (scene.gateway.address, scene.gateway.port)
                with scene.faults.fail("accept", errno.EMFILE) as rule:
                    queued = []
                    with self.assertRaises(TimeoutError):  # the queue takes a few, and then the system drops what comes
                        for _ in range(20):
                            queued.append(namespace.connect(address, timeout=1))
                    late = namespace.inside(lambda: socket.socket())
                    late.setblocking(False)
                    late.connect_ex(address)  # goes on trying, as clients do
                    scene.tells(CONNECT_FAILED, "cannot accept")
                    scene.flows(100)
                    self.assertGreater(rule.hits, 0)
                self.assertGreaterEqual(len(queued), 4)
                late.settimeout(20)
                for sock in (*queued, late):
                    wait_writable(sock)
                    with smtp.Client(sock) as client:
                        self.assertEqual(client.ask("NOOP").code, 250)
                scene.settle(self)
                self.assertEqual(set(scene.senders.codes), {250})


def wait_writable(sock):
    """A connection that is being made stands."""
    if not select.select([], [sock], [], 20)[1]:
        raise AssertionError("a client could not connect")


class Resolver(unittest.TestCase):
    def test_silence(self):
        """A name server that says nothing holds up the mail that needs it, and none else."""
        hop_port = free_port()
        with NextHop(hop_port) as hop, DnsServer("far MX 10 mail\nmail A 127.0.0.1\n") as dns:
            config = {"dns": resolver(dns), "relay": {"retry": ["500ms"]},
                      "route": [mx_route(hop_port, domain="far.test"), maildir_route("mail")]}
            with Scene(config) as scene:
                dns.process.send_signal(signal.SIGSTOP)
                self.addCleanup(dns.process.send_signal, signal.SIGCONT)
                scene.gateway.send("x@far.test")
                scene.tells(ATTEMPTED, "state=deferred")
                scene.flows(100)
                scene.talks()
                self.assertEqual(hop.messages, [])
                dns.process.send_signal(signal.SIGCONT)
                wait_until(lambda: hop.messages, 20, scene.gateway.log)
                scene.settle(self)


if __name__ == "__main__":
    unittest.main()
