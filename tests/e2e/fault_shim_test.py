"""The fault shim does what its rules say: each effect, and who is meant, met by a program of a few lines."""

import errno
import os
import select
import subprocess
import sys
import tempfile
import time
import unittest

from faults import Faults
from gateway import wait_until

# Makes each call by the C library's name, as the gateway does, and prints its result: -1 becomes the name of the error.
CALLER = """
import ctypes, errno, os, socket, sys, time
c = ctypes.CDLL(None, use_errno=True)
c.pwritev.restype = c.pwrite.restype = c.send.restype = c.pread.restype = ctypes.c_ssize_t
c.malloc.restype = ctypes.c_void_p
fd = os.open("file", os.O_RDWR | os.O_CREAT, 0o600)
near, far = socket.socketpair()

class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("size", ctypes.c_size_t)]

class Timespec(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]

def clock(which):
    now = Timespec()
    c.clock_gettime(which, ctypes.byref(now))
    assert 0 <= now.nsec < 10**9
    return now.sec + now.nsec / 1e9

def told(result):
    return errno.errorcode[ctypes.get_errno()] if result == -1 else result

for line in sys.stdin:
    print(told(eval(line)), flush=True)
"""

FAILING_CALLS = {
    "write": "c.pwrite(fd, b'abc', 3, 0)",
    "read": "c.pread(fd, b'abc', 3, 0)",
    "sync": "c.fsync(fd)",
    "start_sync": "c.sync_file_range(fd, 0, 0, 0)",
    "open": "c.open(b'new', 66, 384)",
    "rename": "c.renameat(-100, b'file', -100, b'elif')",
    "remove": "c.unlinkat(-100, b'file', 0)",
    "accept": "c.accept4(near.fileno(), None, None, 0)",
    "socket": "c.socket(1, 1, 0)",
    "connect": "c.connect(near.fileno(), b'', 0)",
    "send": "c.send(near.fileno(), b'x', 1, 0)",
    "receive": "c.recv(far.fileno(), bytes(9), 9, 0)",
}


class Shim(unittest.TestCase):
    def setUp(self):
        self.faults = self.enterContext(Faults())
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="postern-shim-"))
        self.process = subprocess.Popen([sys.executable, "-c", CALLER], cwd=self.folder, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env={**os.environ, **self.faults.environment()})
        self.addCleanup(self.end)

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()

    def call(self, expression):
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def test_without_a_rule_nothing_changes(self):
        self.assertEqual(self.call("c.pwrite(fd, b'abc', 3, 0)"), "3")
        self.assertEqual(self.call("c.fdatasync(fd)"), "0")
        self.assertAlmostEqual(float(self.call("clock(0)")), time.time(), delta=5)

    def test_an_error_while_the_rule_is_armed(self):
        for calls, expression in FAILING_CALLS.items():
            path = "/file" if calls in ("write", "read") else ""  # the program itself reads and writes its pipes
            with self.subTest(calls), self.faults.fail(calls, errno.EIO, path=path) as rule:
                self.assertEqual(self.call(expression), "EIO")
                self.assertEqual(rule.hits, 1)
        self.assertEqual(self.call("c.fsync(fd)"), "0")
        with self.faults.fail("allocate", errno.ENOSPC):
            self.assertEqual(self.call("c.posix_fallocate(fd, 0, 4096)"), str(errno.ENOSPC))

    def test_the_path_chooses(self):
        with self.faults.fail("write sync", errno.EIO, path="/fil"):
            self.assertEqual(self.call("c.fdatasync(fd)"), "EIO")
            self.assertEqual(self.call("c.fdatasync(os.open('other', 65))"), "0")
        with self.faults.fail("send", errno.ECONNRESET, path="socket:"):
            self.assertEqual(self.call("c.send(near.fileno(), b'x', 1, 0)"), "ECONNRESET")
        with self.faults.fail("open", errno.EMFILE, path="store/seg"):
            self.assertEqual(self.call("c.open(b'store/segment-1', 0)"), "EMFILE")
            self.assertEqual(self.call("c.open(b'store/spare-1', 0)"), "ENOENT")

    def test_the_bytes_choose(self):
        with self.faults.fail("send write receive", errno.EIO, contains=b"poi\0son") as rule:
            self.assertEqual(self.call("c.send(near.fileno(), b'...poi', 6, 0)"), "6")
            self.assertEqual(self.call("c.pwritev(fd, (Iovec * 2)(Iovec(b'a', 1), Iovec(b'-poi\\0son-', 9)), 2, 0)"), "EIO")
            self.assertEqual(rule.seen, 1)
        with self.faults.fail("receive", errno.ECONNRESET, contains=b"poi"):
            self.assertEqual(self.call("c.recv(far.fileno(), bytes(10), 10, 0)"), "ECONNRESET")

    def test_the_turn_chooses(self):
        with self.faults.fail("sync", errno.EIO, skip=2, every=2, times=2) as rule:
            self.assertEqual([self.call("c.fsync(fd)") for _ in range(8)], ["0", "0", "EIO", "0", "EIO", "0", "0", "0"])
            self.assertEqual((rule.seen, rule.hits), (8, 2))

    def test_the_size_chooses(self):
        with self.faults.fail("memory", errno.ENOMEM, size_min=12_345_678, size_max=12_345_679):
            self.assertEqual(self.call("c.malloc(12345678)"), "None")
            self.assertNotEqual(self.call("c.malloc(12345677)"), "None")
            self.assertNotEqual(self.call("c.malloc(12345680)"), "None")

    def test_short(self):
        with self.faults.shorten("write read", 4):
            self.assertEqual(self.call("c.pwrite(fd, b'abcdef', 6, 0)"), "4")
            self.assertEqual(self.call("c.pwritev(fd, (Iovec * 3)(Iovec(b'ab', 2), Iovec(b'c', 1), Iovec(b'def', 3)), 3, 0)"), "3")
            self.assertEqual(self.call("c.pwritev(fd, (Iovec * 1)(Iovec(b'abcdef', 6)), 1, 0)"), "4")
            self.assertEqual(self.call("c.pread(fd, bytes(6), 6, 0)"), "4")
        self.assertEqual(self.call("c.pwrite(fd, b'abcdef', 6, 0)"), "6")

    def test_late(self):
        with self.faults.delay("sync", 0.2):
            start = time.monotonic()
            self.assertEqual(self.call("c.fsync(fd)"), "0")
            self.assertGreaterEqual(time.monotonic() - start, 0.2)

    def test_stalled_until_it_is_lifted(self):
        rule = self.faults.stall("sync")
        self.process.stdin.write("c.fsync(fd)\n")
        self.process.stdin.flush()
        wait_until(lambda: rule.hits == 1)
        time.sleep(0.1)
        self.assertEqual(select.select([self.process.stdout], [], [], 0), ([], [], []), "the call has not come back")
        rule.lift()
        self.assertEqual(self.process.stdout.readline(), "0\n")

    def test_abort(self):
        with self.faults.abort("send", contains=b"poison") as rule:
            self.assertEqual(self.call("c.send(near.fileno(), b'harmless', 8, 0)"), "8")
            self.assertEqual(self.call("c.send(near.fileno(), b'poison', 6, 0)"), "")
            self.assertEqual(self.process.wait(), -6)
            self.assertEqual(rule.hits, 1)

    def test_clocks(self):
        before = float(self.call("clock(1)"))
        with self.faults.shift("wall_clock", -3600.25), self.faults.shift("monotonic_clock", 86_400):
            self.assertAlmostEqual(float(self.call("clock(0)")), time.time() - 3600.25, delta=5)
            self.assertAlmostEqual(float(self.call("clock(1)")), before + 86_400, delta=5)
        self.assertAlmostEqual(float(self.call("clock(1)")), before, delta=5)


if __name__ == "__main__":
    unittest.main()
