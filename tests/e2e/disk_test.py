"""A full disk: 452, nothing lost, and service again when there is room."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from gateway import Gateway, wait_until, split_message
from load import Load, name_of

BALLAST = 24 * 1024 * 1024


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.assertEqual(os.geteuid(), 0, "a file system is mounted: this test needs root")
        self.disk = pathlib.Path(tempfile.mkdtemp(prefix="postern-disk-"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(self.disk)], check=True)
        self.addCleanup(self.disk.rmdir)
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.disk)], check=True)

    def test_full_and_back(self):
        config = {"data_dir": str(self.disk / "data"), "store": {"segment_size": 4 * 1024 * 1024}}
        ballast = self.disk / "ballast"
        with Gateway(config) as gateway:
            self.assertIn("tmpfs", gateway.log(), "it warns of a store that does not survive the machine")
            acknowledged = []
            for i in range(2):
                with open(ballast, "wb", buffering=0) as file:  # until nothing is left
                    try:
                        while True:
                            file.write(b"\0" * 65536)
                    except OSError:
                        pass
                load = Load(gateway, f"full{i}", threads=4)
                wait_until(lambda: len(load.refused) > 20, 60, gateway.log)
                load.end()
                acknowledged += load.acknowledged
                self.assertTrue(all(set(codes) <= {250, 354, 452, 503, 554} and 452 in codes for codes in load.refused),
                                load.refused[:5])
                wait_until(lambda: gateway.events(3018))
                with gateway.client() as client:  # what needs no room is still served
                    self.assertEqual(client.ask("EHLO client.example").code, 250)
                ballast.unlink()
                wait_until(lambda: self.taken(gateway), 15, gateway.log)
            self.check(gateway, acknowledged)
            gateway.kill()
            gateway.start()
            self.check(gateway, acknowledged)

    def taken(self, gateway):
        with gateway.client() as client:
            client.ask("EHLO client.example")
            for command in ("MAIL FROM:<a@client.example>", "RCPT TO:<room@here.example>"):
                if client.ask(command).code == 452:
                    return False
            return client.data(b"Subject: room\r\n\r\nroom\r\n").code == 250

    def check(self, gateway, acknowledged):
        wait_until(lambda: not gateway.queued(), 20, gateway.log)
        names = {name_of(split_message(p.read_bytes())[1]) for p in gateway.delivered("load@here.example")}
        self.assertEqual(set(acknowledged) - names, set())


if __name__ == "__main__":
    unittest.main()
