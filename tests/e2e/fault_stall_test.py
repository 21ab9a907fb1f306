"""A disk that does not answer, for half a minute, under load: who needs it waits, everybody else is served, and it is told."""

import time
import unittest

from fault_scene import LOG, Scene
from gateway import wait_until

LOW_DISK = 3018


class Stalled(unittest.TestCase):
    SECONDS = 30

    def test_the_log(self):
        """Half a minute without an answer: who waits for it waits, who does not is served, and it is told."""
        with Scene() as scene:
            with scene.faults.stall("sync", path=LOG) as rule:
                start = time.monotonic()
                wait_until(lambda: rule.hits > 0)
                time.sleep(0.5)  # what the sync before has made durable is acknowledged
                acknowledged = scene.book.acknowledged_count
                scene.tells(LOW_DISK, "has not answered", seconds=20)
                while time.monotonic() < start + self.SECONDS:
                    scene.talks()
                    time.sleep(0.5)
                self.assertEqual(scene.book.acknowledged_count, acknowledged, "nothing is promised meanwhile")
            scene.tells(LOW_DISK, "answers again")
            scene.flows(30)
            scene.settle(self)
            self.assertEqual(set(scene.senders.codes), {250})

    def test_a_mailbox(self):
        with Scene() as scene:
            with scene.faults.stall("sync", path="/mail/") as rule:
                scene.flows(200)  # mail is taken in meanwhile
                scene.tells(LOW_DISK, "mail for them waits in the queue", seconds=20)
                scene.talks()
                self.assertGreater(rule.hits, 0)
            scene.settle(self)
            self.assertEqual(set(scene.senders.codes), {250})


if __name__ == "__main__":
    unittest.main()
