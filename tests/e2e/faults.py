"""Faults in the real program: rules that a test arms and lifts while the gateway runs, under the shim of tests/faults.

    with Faults() as faults, Gateway(environment=faults.environment()) as gateway:
        with faults.fail("sync", errno.EIO, path="/store/0/segment-") as rule:
            ...
        self.assertGreater(rule.hits, 0)

`calls` is one group or several: "open accept socket". Which calls of them are meant:

    path       a part of the file's path (of the folder's and the name, where it is made), or of its kind, as "socket:"
    contains   bytes in one of the buffers that are written, sent, read or received
    size_min, size_max   only calls about so many bytes, or more, or fewer (memory: what is asked for)
    skip, every, times   so many pass first, then one in `every` is hit, `times` times (0: until it is lifted)

POSTERN_FAULTS_SHIM names the library.
"""

import mmap
import os
import pathlib
import struct
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
SHIM = os.environ.get("POSTERN_FAULTS_SHIM", str(REPOSITORY / ".cache/bazel-bin/tests/faults/libfault_shim.so"))

# As in tests/faults/fault_table.h.
CALLS = ("write", "read", "sync", "start_sync", "allocate", "open", "rename", "remove", "accept", "socket", "connect",
         "send", "receive", "memory", "map", "wall_clock", "monotonic_clock")
FAIL, SHORTEN, DELAY, STALL, ABORT, SHIFT = range(6)
MAGIC = int.from_bytes(b"FAULT1", "little")
HEADER = struct.Struct("<QQQ")
RULE = struct.Struct("<IIIiQQQQQqQQ128sQ120s")
COUNTS = struct.Struct("<QQ")
COUNTS_OFFSET = struct.calcsize("<IIIiQQQQQq")
RULE_COUNT = 64


class Rule:
    """A rule that is armed, until it is lifted. It counts on when it has been lifted: what was under way may still end."""

    def __init__(self, faults, index, mask):
        self.mask = mask
        self._faults = faults
        self._offset = HEADER.size + index * RULE.size

    @property
    def seen(self):
        """How many calls matched."""
        return COUNTS.unpack_from(self._faults.table, self._offset + COUNTS_OFFSET)[0]

    @property
    def hits(self):
        """How many of those the fault has met; one that stalls is counted when it begins."""
        return COUNTS.unpack_from(self._faults.table, self._offset + COUNTS_OFFSET)[1]

    def lift(self):
        struct.pack_into("<I", self._faults.table, self._offset, 0)
        self._faults.forget(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lift()


class Faults:
    """The table that a program maps, and the rules in it."""

    def __init__(self):
        if not os.path.exists(SHIM):
            raise AssertionError(f"{SHIM} is not there: bazel build //tests/faults:libfault_shim.so, or set POSTERN_FAULTS_SHIM")
        with tempfile.NamedTemporaryFile(prefix="postern-faults-", delete=False) as file:
            self.file = file.name
            os.fchmod(file.fileno(), 0o666)  # a gateway that becomes another user maps it before, its children after
            file.truncate(HEADER.size + RULE_COUNT * RULE.size)
            self.table = mmap.mmap(file.fileno(), 0)
        self._armed = []
        self._next = 0
        self._tell()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lift()
        os.unlink(self.file)

    def environment(self):
        """What a program that is to meet the faults is started with."""
        return {"LD_PRELOAD": SHIM, "POSTERN_FAULTS": self.file}

    # The effects.

    def fail(self, calls, error, **which):
        """The call is not made, and its errno is `error`."""
        return self._arm(calls, FAIL, error=error, **which)

    def shorten(self, calls, size_max, **which):
        """A write, send, read or receive is of so many bytes at most."""
        return self._arm(calls, SHORTEN, value=size_max, **which)

    def delay(self, calls, seconds, **which):
        return self._arm(calls, DELAY, value=round(seconds * 1e9), **which)

    def stall(self, calls, **which):
        """The call waits until the rule is lifted, and is made then."""
        return self._arm(calls, STALL, **which)

    def abort(self, calls, **which):
        """The program dies in the call, before it is made; of a read or receive, when the bytes have come."""
        return self._arm(calls, ABORT, **which)

    def shift(self, clock, seconds):
        """The clock, "wall_clock" or "monotonic_clock", is so much ahead of the machine's (or behind it)."""
        return self._arm(clock, SHIFT, value=round(seconds * 1e9))

    def lift(self):
        """All rules."""
        for rule in list(self._armed):
            rule.lift()

    # The table.

    def _arm(self, calls, effect, *, error=0, value=0, path="", contains=b"", size_min=0, size_max=0, skip=0, every=1, times=0):
        if len(path.encode()) >= 128 or len(contains) > 120:
            raise AssertionError("a rule has room for a path of 127 bytes and for 120 bytes of contents")
        mask = sum(1 << CALLS.index(call) for call in calls.split())
        # Round the table: what stalls in a rule that was lifted sees that before the rule has another meaning.
        if len(self._armed) == RULE_COUNT:
            raise AssertionError("too many rules")
        taken = {rule._offset for rule in self._armed}
        while HEADER.size + self._next % RULE_COUNT * RULE.size in taken:
            self._next += 1
        rule = Rule(self, self._next % RULE_COUNT, mask)
        self._next += 1
        RULE.pack_into(self.table, rule._offset, 0, mask, effect, error, skip, every, times, size_min, size_max, value, 0, 0,
                       path.encode(), len(contains), contains)
        struct.pack_into("<I", self.table, rule._offset, 1)
        self._armed.append(rule)
        self._tell()
        return rule

    def forget(self, rule):
        if rule in self._armed:
            self._armed.remove(rule)
            self._tell()

    def _tell(self):
        mask = 0
        for rule in self._armed:
            mask |= rule.mask
        HEADER.pack_into(self.table, 0, MAGIC, RULE.size, mask)
