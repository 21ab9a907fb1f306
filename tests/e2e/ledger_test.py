"""The ledger sees what it is there to see: its verdict on losses, damage, inventions and leaks that are made here on purpose."""

import random
import socket
import sys
import unittest

from gateway import REPOSITORY, free_port, wait_until

sys.path.insert(0, str(REPOSITORY / "bench/ledger"))
import book as ledger  # noqa: E402
import clients  # noqa: E402
import flatness  # noqa: E402
import sink as sinks  # noqa: E402

TRACE = b"Received: from a by b\r\n\twith ESMTP\r\n"


class Books(unittest.TestCase):
    def setUp(self):
        self.book = ledger.Book()
        self.message = clients.message("m", 2_000, random.Random(1))
        self.book.offer("m", self.message, ["a@x.example", "b@x.example"])

    def verdict(self):
        found = self.book.verdict()
        return found.good, len(found.lost), len(found.damaged), len(found.unknown), found.duplicates, found.unanswered

    def test_all_is_well(self):
        self.book.acknowledge("m", ["a@x.example"])
        self.assertEqual(self.book.owed, 1)
        self.assertEqual(self.book.arrive(TRACE + self.message, "a@x.example"), "m")
        self.assertEqual(self.book.owed, 0)
        self.assertEqual(self.verdict(), (True, 0, 0, 0, 0, 0))

    def test_a_loss(self):
        self.book.acknowledge("m", ["a@x.example", "b@x.example"])
        self.book.arrive(TRACE + self.message, "a@x.example")
        self.assertEqual(self.verdict(), (False, 1, 0, 0, 0, 0))
        self.assertIn("lost: m for b@x.example", str(self.book.verdict()))

    def test_one_bit(self):
        self.book.acknowledge("m", ["a@x.example"])
        torn = bytearray(TRACE + self.message)
        torn[-9] ^= 1
        self.book.arrive(bytes(torn), "a@x.example")
        self.assertEqual(self.verdict(), (False, 1, 1, 0, 0, 0))

    def test_one_byte_less(self):
        self.book.acknowledge("m", ["a@x.example"])
        self.book.arrive(TRACE + self.message[:-1], "a@x.example")
        self.assertEqual(self.verdict(), (False, 1, 1, 0, 0, 0))

    def test_to_whom_it_was_not_sent(self):
        self.book.acknowledge("m", ["a@x.example"])
        for recipient in ("a@x.example", "b@x.example"):
            self.book.arrive(TRACE + self.message, recipient)
        self.assertEqual(self.verdict(), (False, 0, 0, 1, 0, 0))

    def test_what_was_refused_or_never_sent(self):
        self.book.refuse("m")
        self.book.arrive(self.message, "a@x.example")
        self.book.arrive(clients.message("n", 10, random.Random(1)), "a@x.example")
        self.assertEqual(self.verdict(), (False, 0, 0, 2, 0, 0))

    def test_twice_and_unanswered_are_counted_and_no_fault(self):
        self.book.arrive(TRACE + self.message, "a@x.example")
        self.book.arrive(TRACE + self.message, "a@x.example")
        self.assertEqual(self.verdict(), (True, 0, 0, 0, 1, 1))

    def test_a_report_that_quotes_it_is_another_message(self):
        self.assertIsNone(self.book.arrive(TRACE + b"Subject: undelivered\r\n\r\n" + self.message, "a@x.example"))
        self.assertEqual(self.verdict(), (True, 0, 0, 0, 0, 0))


class Sinks(unittest.TestCase):
    """The sink's own server, met by the ledger's own clients."""

    def test_what_it_acknowledged_is_in_the_book_after_its_death(self):
        for lmtp in (False, True):
            with self.subTest(lmtp=lmtp):
                book = ledger.Book()
                sink = sinks.Sink(book, free_port(), lmtp=lmtp).start()
                # An SMTP client at an LMTP server: it takes EHLO for LHLO, and one recipient makes one reply of both.
                with clients.Clients(book, ("127.0.0.1", sink.port), 3, recipients=["a@x.example"]) as load:
                    wait_until(lambda: book.acknowledged_count >= 50)
                    sink.kill()
                    wait_until(lambda: load.replies["CONNECT refused"])
                    sink.start()
                    wait_until(lambda: book.acknowledged_count >= 100)
                sink.stop()
                verdict = book.verdict()
                self.assertTrue(verdict.good and verdict.acknowledged >= 100, verdict)
                self.assertEqual(load.wrong, [])

    def test_a_refusal_for_good_is_wrong(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            with clients.Clients(ledger.Book(), server.getsockname(), 1) as load:
                sock, _ = server.accept()
                sock.sendall(b"554 no\r\n")
                wait_until(lambda: load.wrong)
                server.close()
                sock.close()
        self.assertEqual(load.wrong[0], "GREETING: 554 no")


class Slopes(unittest.TestCase):
    def judge(self, memory, descriptors):
        watch = flatness.Watch("self")
        watch._samples = [(i * 0.5, memory(i), descriptors(i)) for i in range(200)]
        return watch.judge()[0]

    def test_flat_although_it_goes_up_and_down(self):
        chance = random.Random(1)
        self.assertTrue(self.judge(lambda i: 50_000 + chance.randrange(4_000), lambda i: 60 + chance.randrange(20)))

    def test_what_fills_once_is_no_leak(self):
        self.assertTrue(self.judge(lambda i: 50_000 if i > 60 else 10_000, lambda i: 60 if i > 60 else 10))

    def test_leaks(self):
        self.assertFalse(self.judge(lambda i: 50_000 + 100 * i, lambda i: 60), "of memory")
        self.assertFalse(self.judge(lambda i: 50_000, lambda i: 60 + i // 3), "of descriptors")

    def test_too_few_samples_are_no_proof(self):
        self.assertFalse(flatness.Watch(1).judge()[0])


if __name__ == "__main__":
    unittest.main()
