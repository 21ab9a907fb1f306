"""A disk whose power can be cut: ext4 on a loop device, shut down in the middle of its work.

EXT4_IOC_SHUTDOWN without a flush of its journal ends all input and output of a file system at once; what was written and not synced is
gone when it is mounted again. That is what a power cut leaves, apart from the caches of a disk. It needs root and loop devices. dm-flakey
would do it one level below; what it would add are writes that get lost although they were synced, which no program can survive.
"""

import fcntl
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

IMAGE_SIZE = 4 << 30  # sparse: only what is used takes room
SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
WITHOUT_FLUSH = 2  # EXT4_GOING_FLAGS_NOLOGFLUSH


def without_flakey():
    """Why dm-flakey is not among the blows."""
    has_one = "has a device mapper" if pathlib.Path("/dev/mapper/control").exists() else "has no device mapper"
    return f"not used; this kernel {has_one}, and the power cuts on a loop device stand for it"


def enter_namespace():
    """Starts this program again in a mount namespace of its own, so that nobody else's holds on to a disk that was cut."""
    if os.geteuid() == 0 and "LEDGER_NAMESPACE" not in os.environ:
        os.environ["LEDGER_NAMESPACE"] = "own"
        os.execvp("unshare", ["unshare", "--mount", "--propagation=private", sys.executable, *sys.argv])


class CutDisk:
    """Raises OSError or CalledProcessError where the machine does not let us."""

    def __init__(self):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="ledger-disk-"))
        self.root = self._folder / "disk"
        self.root.mkdir()
        self._image = self._folder / "image"
        try:
            with open(self._image, "wb") as file:
                file.truncate(IMAGE_SIZE)
            self._run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-m", "0", str(self._image))
            self._mount()
        except BaseException:
            self.close()
            raise

    def cut(self):
        """The power goes. Whoever has files here must be killed before restore()."""
        fd = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(fd)

    def restore(self):
        self._run("umount", str(self.root))
        self._mount()

    def close(self):
        if self.root.is_mount():
            self._run("umount", str(self.root))
        self._image.unlink(missing_ok=True)
        self.root.rmdir()
        self._folder.rmdir()

    def _mount(self):
        self._run("mount", "-o", "loop", str(self._image), str(self.root))

    @staticmethod
    def _run(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
