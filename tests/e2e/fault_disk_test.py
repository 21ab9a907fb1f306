"""A disk that fails in the ways disks do, under load: a correct reply, nothing acknowledged lost, and service again."""

import errno
import unittest

from fault_scene import LOG, Scene

NO_ROOM, FAILED = 452, 451
LOW_DISK, CORRUPT, ATTEMPTED = 3018, 3013, 2001


class NoRoom(unittest.TestCase):
    """ENOSPC: 452 while it lasts, service when it ends, and no restart."""

    def meets(self, calls, path, **which):
        with Scene() as scene:
            with scene.faults.fail(calls, errno.ENOSPC, path=path, **which) as rule:
                scene.refuses(NO_ROOM)
                scene.talks()
                scene.tells(LOW_DISK, "the log finds no room")
                self.assertGreater(rule.hits, 0)
            scene.tells(LOW_DISK, "the log has room again")
            scene.flows(30)
            scene.settle(self)
            self.assertEqual(scene.senders.codes[FAILED], 0)

    def test_for_a_new_segment(self):
        self.meets("allocate open", "/store/0/spare-")

    def test_for_a_record_in_a_segment_that_had_room(self):
        self.meets("write", LOG)

    def test_in_a_mailbox(self):
        """The message waits in the queue, and comes when there is room."""
        with Scene() as scene:
            with scene.faults.fail("write", errno.ENOSPC, path="/mail/") as rule:
                scene.tells(ATTEMPTED, "state=deferred")
                scene.flows(30)
                self.assertGreater(rule.hits, 0)
            scene.settle(self)


class Failed(unittest.TestCase):
    """EIO in the log: nothing is believed any more. 451 until a restart, which finds all that was promised."""

    def meets(self, calls, path=LOG, error=errno.EIO, **which):
        with Scene() as scene:
            rule = scene.faults.fail(calls, error, path=path, **which)
            scene.refuses(FAILED)
            scene.talks()
            scene.tells(CORRUPT, "look at the disk, then restart")
            self.assertGreater(rule.hits, 0)
            rule.lift()  # it does not heal by itself: what the system has dropped does not come back
            scene.refuses(FAILED)
            # What was sent and could not be noted comes again: no more than was under way.
            self.assertNotEqual(scene.gateway.stop(), 0, "its exit code says that the log had failed")
            scene.gateway.start()
            scene.flows(30)
            scene.settle(self, closes=1000, duplicates=256)

    def test_a_sync(self):
        self.meets("sync", times=1)

    def test_a_write(self):
        self.meets("write", times=1)

    def test_a_write_of_which_a_part_is_on_the_disk(self):
        with Scene() as scene:
            with scene.faults.shorten("write", 100, path=LOG), scene.faults.fail("write", errno.EIO, path=LOG, skip=7):
                scene.refuses(FAILED)
                scene.tells(CORRUPT, "look at the disk, then restart")
            scene.gateway.kill()
            scene.gateway.start()
            scene.flows(30)
            scene.settle(self, closes=1000, duplicates=256)

    def test_a_rename(self):
        self.meets("rename", path="/store/0/spare-")

    def test_in_a_mailbox(self):
        """A sync of a mailbox that fails is an attempt that failed: the file is taken back, and written anew."""
        with Scene() as scene:
            with scene.faults.fail("sync", errno.EIO, path="/mail/") as rule:
                scene.tells(ATTEMPTED, "state=deferred")
                scene.flows(30)
                self.assertGreater(rule.hits, 0)
            scene.settle(self)


class ShortWrites(unittest.TestCase):
    def test_everywhere(self):
        with Scene() as scene:
            with scene.faults.shorten("write", 1000, path=LOG) as log, scene.faults.shorten("write", 333, path="/mail/") as mail:
                scene.flows(60)
                self.assertGreater(log.hits, 60)
                self.assertGreater(mail.hits, 10)
            scene.settle(self)
            self.assertEqual(set(scene.senders.codes), {250})


if __name__ == "__main__":
    unittest.main()
