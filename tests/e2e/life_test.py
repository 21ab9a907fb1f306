"""Start, stop, signals, users, locks."""

import os
import pathlib
import pwd
import signal
import socket
import time
import unittest

from gateway import Gateway, free_port, next_hop_route, wait_until
from namespace import Namespace
from smtp import Closed

MESSAGE = b"Subject: life\r\n\r\nlife\r\n"


class Life(unittest.TestCase):
    def test_term_drains(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(sig), Gateway() as gateway:
                idle = self.enterContext(gateway.client())
                idle.ask("EHLO client.example")
                busy = self.enterContext(gateway.client())
                busy.start("busy@here.example")
                busy.ask("DATA")
                busy.send(b"Subject: busy\r\n\r\nhalf of ")
                gateway.process.send_signal(sig)
                self.assertEqual([r.code for r in idle.rest()], [421])
                with self.assertRaises((OSError, Closed)):
                    gateway.client()
                busy.send(b"it\r\n.\r\n")
                self.assertEqual(busy.reply().code, 250)
                self.assertEqual(gateway.wait(10), 0)
                wait_until(lambda: gateway.events(1001))
                gateway.start()
                gateway.wait_delivered(1, "busy@here.example")

    def test_term_does_not_wait_for_ever(self):
        with Gateway({"timeouts": {"shutdown": "1s"}}) as gateway:
            busy = self.enterContext(gateway.client())
            busy.start("busy@here.example")
            busy.ask("DATA")
            start = time.monotonic()
            self.assertEqual(gateway.stop(), 0)
            self.assertLess(time.monotonic() - start, 5)
            self.assertEqual([r.code for r in busy.rest()], [421])

    def test_hup_is_ignored(self):
        with Gateway() as gateway:
            gateway.process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            with gateway.client() as client:
                self.assertEqual(client.message(MESSAGE, "hup@here.example").code, 250)

    def test_events(self):
        with Gateway() as gateway:
            with gateway.client() as client:
                client.message(MESSAGE, "secret-free@here.example")
            gateway.wait_delivered(1)
            self.assertEqual(gateway.stop(), 0)
            for number in (1000, 1001, 2002, 2003):
                wait_until(lambda: gateway.events(number))
            self.assertRegex(gateway.events(2002)[0], r"\bid=\S+.*\bsize=\d+|\bsize=\d+.*\bid=\S+")
            self.assertNotIn("life", gateway.log(), "no body is logged")

    def test_a_second_one_on_the_same_data(self):
        with Gateway() as gateway:
            second = Gateway({"data_dir": str(gateway.data)})
            self.addCleanup(second.__exit__)
            self.assertNotEqual(second.spawn().wait(5), 0)
            self.assertIn(str(gateway.process.pid), second.log())
            self.assertIn(str(gateway.data), second.log())
            with gateway.client() as client:
                self.assertEqual(client.message(MESSAGE, "a@here.example").code, 250)

    def test_a_socket_left_by_a_crash_does_not_hinder(self):
        with Gateway({"route": [next_hop_route(free_port())]}) as gateway:
            gateway.kill()
            self.assertTrue(list(gateway.data.rglob("control.sock")))
            gateway.start()
            self.assertEqual(gateway.queued(), [])

    def test_it_drops_root(self):
        self.assertEqual(os.geteuid(), 0, "this test needs root")
        nobody = pwd.getpwnam("nobody")
        with Namespace() as namespace:
            gateway = Gateway({"user": "nobody"}, port=25, prefix=namespace.prefix, connect=namespace.connect)
            self.addCleanup(gateway.__exit__)
            for folder in (gateway.data, gateway.mail):
                folder.mkdir()
                os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            gateway.start()
            status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
            ids = {line.split()[0]: line.split()[1:] for line in status.splitlines() if line}
            self.assertEqual(ids["Uid:"], [str(nobody.pw_uid)] * 4)
            self.assertEqual(ids["Gid:"], [str(nobody.pw_gid)] * 4)
            self.assertLessEqual(set(ids["Groups:"]), {str(nobody.pw_gid)})
            self.assertEqual(int(ids["CapEff:"][0], 16), 0)
            with gateway.client() as client:
                self.assertEqual(client.message(MESSAGE, "a@here.example").code, 250)
            gateway.wait_delivered(1)
            self.assertEqual(gateway.delivered()[0].stat().st_uid, nobody.pw_uid)
            gateway.stop()

    def test_several_addresses(self):
        ports = [free_port(), free_port()]
        gateway = Gateway({"listen": [f"127.0.0.1:{ports[0]}", f"[::1]:{ports[1]}"]}, port=ports[0])
        with gateway:
            with socket.create_connection(("::1", ports[1]), timeout=5) as s:
                self.assertTrue(s.recv(100).startswith(b"220 "))

    def test_greeting(self):
        with Gateway({"greeting": "{host} service ready"}) as gateway, gateway.client() as client:
            self.assertEqual(client.greeting.text, "gateway.example service ready")

    def test_start_is_quick_and_told(self):
        start = time.monotonic()
        with Gateway() as gateway:
            self.assertLess(time.monotonic() - start, 2)
            self.assertIn(f"127.0.0.1:{gateway.port}", gateway.log())
            self.assertEqual(len(gateway.events(1000)), 1)


if __name__ == "__main__":
    unittest.main()
