"""Owning the port: nobody else can join; a holder is named; the port is taken when it is free. In a namespace, on port 25."""

import os
import pathlib
import pwd
import socket
import subprocess
import sys
import time
import unittest

from gateway import EX_UNAVAILABLE, Gateway, next_hop_route, free_port, wait_until
from namespace import Namespace
from next_hop import NextHop

HOLDER = str(pathlib.Path(__file__).parent / "holder.py")
MESSAGE = b"Subject: port\r\n\r\nport\r\n"


class Port(unittest.TestCase):
    def setUp(self):
        self.namespace = self.enterContext(Namespace())

    def hold(self, address="127.0.0.1", *more):
        process = subprocess.Popen([*self.namespace.prefix, sys.executable, HOLDER, address, "25", *more],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def gateway(self, config=None, address="127.0.0.1"):
        gateway = Gateway(config, prefix=self.namespace.prefix, address=address, port=25, connect=self.namespace.connect)
        if address == "0.0.0.0":
            gateway.address = "127.0.0.1"
        self.addCleanup(gateway.__exit__)
        return gateway

    def check_told(self, text, holder, greeting=True):
        for part in (str(holder.pid), "python3", "holder.py", "root", f"kill {holder.pid}"):
            self.assertIn(part, text)
        if greeting:
            self.assertIn("squatter.example ESMTP Squatter", text)

    def test_fail(self):
        for held, claimed in (("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0")):
            with self.subTest(held=held, claimed=claimed):
                holder = self.hold(held)
                gateway = self.gateway(address=claimed)
                start = time.monotonic()
                self.assertEqual(gateway.spawn().wait(5), EX_UNAVAILABLE, gateway.log())
                self.assertLess(time.monotonic() - start, 1.5)  # a second, and the start of two programs
                self.check_told(gateway.log(), holder)
                self.assertIn(f"{claimed}:25", gateway.log())
                self.assertEqual(len(gateway.events(4007)), 1)
                holder.kill()
                holder.wait()

    def test_fail_on_ipv6(self):
        for held in ("::1", "::"):
            with self.subTest(held):
                holder = self.hold(held)
                gateway = self.gateway({"listen": ["[::1]:25"]})
                self.assertEqual(gateway.spawn().wait(5), EX_UNAVAILABLE, gateway.log())
                self.check_told(gateway.log(), holder)
                holder.kill()
                holder.wait()

    def test_a_silent_holder_does_not_delay(self):
        holder = self.hold("127.0.0.1", "silent")
        gateway = self.gateway()
        start = time.monotonic()
        self.assertEqual(gateway.spawn().wait(5), EX_UNAVAILABLE)
        self.assertLess(time.monotonic() - start, 1.5)
        self.check_told(gateway.log(), holder, greeting=False)

    def test_nobody_can_join(self):
        self.gateway().start()

        def join(address, *options):
            with socket.socket() as s:
                for option in options:
                    s.setsockopt(socket.SOL_SOCKET, option, 1)
                s.bind((address, 25))
                s.listen()

        for address in ("127.0.0.1", "0.0.0.0"):
            for options in ((), (socket.SO_REUSEADDR,), (socket.SO_REUSEPORT,), (socket.SO_REUSEADDR, socket.SO_REUSEPORT)):
                with self.subTest(address=address, options=options), self.assertRaises(OSError):
                    self.namespace.inside(lambda: join(address, *options))

    def check_take_over(self, mode):
        holder = self.hold()
        gateway = self.gateway({"on_port_conflict": mode}).spawn()
        wait_until(lambda: gateway.events(4007), 5, gateway.log)
        self.check_told(gateway.log(), holder)
        self.assertIsNone(gateway.process.poll())
        holder.kill()
        holder.wait()
        wait_until(gateway._greets, 5, gateway.log)
        with gateway.client() as client:
            self.assertIn("Postern", client.greeting.text)
            self.assertEqual(client.message(MESSAGE, "a@here.example").code, 250)
        gateway.wait_delivered(1)
        self.assertEqual(gateway.stop(), 0)

    def test_wait(self):
        self.check_take_over("wait")

    def test_outbound_only(self):
        self.check_take_over("outbound-only")

    def test_wait_as_another_user(self):
        """Of root's rights one is kept, by one thread, until the port is ours."""
        nobody = pwd.getpwnam("nobody")
        holder = self.hold()
        gateway = self.gateway({"on_port_conflict": "wait", "user": "nobody"})
        for folder in (gateway.data, gateway.mail):
            folder.mkdir(exist_ok=True)
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        gateway.spawn()

        def rights():
            texts = [task.read_text() for task in pathlib.Path(f"/proc/{gateway.process.pid}/task").glob("*/status")]
            return sorted({int(line.split()[1], 16) for text in texts for line in text.splitlines() if line.startswith("CapPrm")})

        bind_right = 1 << 10  # CAP_NET_BIND_SERVICE
        wait_until(lambda: rights() == [0, bind_right], 5, gateway.log)
        holder.kill()
        holder.wait()
        wait_until(gateway._greets, 5, gateway.log)
        wait_until(lambda: rights() == [0], 5, gateway.log)
        self.assertEqual(gateway.stop(), 0)

    def test_the_queue_goes_out_meanwhile(self):
        for mode in ("wait", "outbound-only"):
            with self.subTest(mode):
                port = free_port()
                gateway = self.gateway({"on_port_conflict": mode, "relay": {"retry": ["1s"]}, "route": [next_hop_route(port)]}).start()
                with gateway.client() as client:
                    client.message(MESSAGE, "a@far.example")
                self.assertEqual(gateway.stop(), 0)
                holder = self.hold()
                with self.namespace.inside(lambda: NextHop(port)) as hop:
                    gateway.spawn()
                    wait_until(lambda: hop.messages, 10, gateway.log)
                gateway.stop()
                holder.kill()
                holder.wait()

    def test_doctor(self):
        gateway = self.gateway()
        free = gateway.run("doctor", "127.0.0.1:25")
        self.assertEqual(free.returncode, 0, free)
        holder = self.hold()
        held = gateway.run("doctor", "127.0.0.1:25")
        self.assertEqual(held.returncode, EX_UNAVAILABLE, held)
        self.check_told(held.stdout + held.stderr, holder)

    def test_doctor_of_itself(self):
        gateway = self.gateway().start()
        own = gateway.run("doctor", "127.0.0.1:25")
        self.assertIn(str(gateway.process.pid), own.stdout + own.stderr)
        self.assertIn("postern", own.stdout + own.stderr)

    def test_probe(self):
        gateway = self.gateway()
        self.assertEqual(gateway.run("probe", "127.0.0.1:25").returncode, EX_UNAVAILABLE)
        gateway.start()
        own = gateway.run("probe", "127.0.0.1:25", "--config", str(gateway.file))
        self.assertEqual(own.returncode, 0, own)
        for part in ("220 gateway.example ESMTP Postern service ready", "PIPELINING", "Postern"):
            self.assertIn(part, own.stdout)
        self.assertRegex(own.stdout, r"(?i)this (gateway|one|very)|its own|local gateway")
        gateway.stop()

    def test_probe_of_another(self):
        self.hold()
        other = self.gateway().run("probe", "127.0.0.1")
        self.assertIn("Squatter", other.stdout + other.stderr)


if __name__ == "__main__":
    unittest.main()
