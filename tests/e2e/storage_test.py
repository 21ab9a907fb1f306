"""What the store lies on: told at every start, and refused when the configuration is strict."""

import pathlib
import re
import subprocess
import tempfile
import unittest

from gateway import EX_CONFIG, Gateway, wait_until

MIB = 1024 * 1024


def fields(line):
    """The key=value pairs of an event line."""
    return {key: value.strip('"') for key, value in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line)}


class Storage(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="postern-storage-"))
        self.addCleanup(self.place.rmdir)

    def mount(self, where, *arguments):
        """Mounts something for the time of this test; where the machine does not let us, the test is skipped, and says so."""
        done = subprocess.run(["mount", *arguments, str(where)], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"mount {' '.join(arguments)}: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(where)], check=True)

    def mount_disk(self, options):
        """A disk of its own: an ext4 in a file."""
        folder = tempfile.TemporaryDirectory(prefix="postern-disk-")
        self.addCleanup(folder.cleanup)
        image = pathlib.Path(folder.name) / "disk.img"
        with open(image, "wb") as file:
            file.truncate(96 * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
        self.mount(self.place, "-t", "ext4", "-o", f"loop,{options}", str(image))
        return image

    def gateway(self, durability="warn"):
        gateway = Gateway({"data_dir": str(self.place / "data"),
                           "store": {"segment_size": 4 * MIB, "durability": durability}})
        self.addCleanup(gateway.__exit__)
        return gateway

    def told(self, gateway):
        """What the start says of the storage; the message that follows says the same."""
        gateway.start()
        [line] = gateway.events(1002)
        storage = fields(line)
        self.assertEqual(storage["dir"], str(self.place / "data/store"))
        self.assertEqual(storage["durable"] == "yes", not gateway.events(3018), gateway.log())
        id = gateway.send("kim@here.example")
        [line] = wait_until(lambda: gateway.events(2002))
        received = fields(line)
        self.assertEqual((received["id"], received["durable"]), (id, storage["durable"]))
        self.assertGreater(float(received["commit_ms"]), 0)
        self.assertEqual(gateway.stop(), 0)
        return storage

    def refused(self, why):
        """A strict gateway does not serve here, nor do its commands approve."""
        gateway = self.gateway("strict")
        self.assertEqual(gateway.spawn().wait(10), EX_CONFIG, gateway.log())
        self.assertFalse(gateway.events(1000))
        self.assertRegex(gateway.log(), r'(?m)^postern: store\.durability = "strict"')
        self.assertIn(f"\n  {self.place / 'data/store'}{why}", gateway.log())
        check = gateway.run("check", "--config", str(gateway.file))
        self.assertEqual(check.returncode, EX_CONFIG, check)
        self.assertIn(why, check.stderr)
        doctor = gateway.run("doctor", "--config", str(gateway.file))
        self.assertEqual(doctor.returncode, EX_CONFIG, doctor)
        self.assertIn(why, doctor.stdout)

    def test_memory(self):
        self.mount(self.place, "-t", "tmpfs", "-o", "size=64m", "none")
        storage = self.told(self.gateway())
        self.assertEqual((storage["file_system"], storage["durable"]), ("tmpfs", "doubtful"))
        self.refused(" lies on tmpfs: it is memory")

    def test_a_containers_layer(self):
        layers = pathlib.Path(tempfile.mkdtemp(prefix="postern-layers-"))
        self.addCleanup(layers.rmdir)
        self.mount(layers, "-t", "tmpfs", "-o", "size=64m", "none")
        for name in ("lower", "upper", "work"):
            (layers / name).mkdir()
        self.mount(self.place, "-t", "overlay", "-o",
                   f"lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work", "none")
        storage = self.told(self.gateway())
        self.assertEqual((storage["file_system"], storage["durable"]), ("overlay", "doubtful"))
        self.refused(" lies on overlay: the mail is gone with the container")

    def test_a_disk_without_barriers(self):
        image = self.mount_disk("barrier=0")
        storage = self.told(self.gateway())
        self.assertEqual((storage["file_system"], storage["barriers"]), ("ext4", "off"))
        self.assertIn(str(image), storage["device"])
        if storage["write_cache"] == "off":
            self.skipTest("the loop device has no cache, so it needs no barriers")
        self.assertEqual(storage["durable"], "doubtful")
        self.refused(": barriers are off on ")

    def test_a_good_disk(self):
        self.mount_disk("barrier=1")
        gateway = self.gateway("strict")
        check = gateway.run("check", "--config", str(gateway.file))
        if " lies on " in check.stderr:
            self.skipTest(f"temporary files are on no disk here: {check.stderr}")
        self.assertEqual(check.returncode, 0, check)
        self.assertIn("barriers on", check.stdout)
        self.assertFalse((self.place / "data").exists(), "check makes nothing")
        storage = self.told(gateway)
        self.assertEqual((storage["file_system"], storage["barriers"], storage["durable"]), ("ext4", "on", "yes"))
        self.assertGreater(int(storage["sync_us"]), 15)
        doctor = gateway.run("doctor", "--config", str(gateway.file))
        self.assertEqual(doctor.returncode, 0, doctor)
        self.assertRegex(doctor.stdout, r"/data/store: ext4 on /dev/loop\d+ .*a sync takes \d+ us")
        self.assertNotIn("doubtful", doctor.stdout)


if __name__ == "__main__":
    unittest.main()
