"""Descriptors and memory stay flat: over 100,000 messages, 20,000 connections, and many large messages at once."""

import os
import threading
import unittest

from gateway import Gateway, next_hop_route, wait_until
from postfix import Sink, source

MIB = 1024 * 1024


class Flat(unittest.TestCase):
    def test_messages_and_connections(self):
        """Five rounds of 16,000 messages over kept connections, and 4,000 connections with a message each."""
        with Sink(dump=False) as sink, Gateway({"route": [next_hop_route(sink.port, messages_per_connection_max=0)]}) as gateway:
            samples = []
            for _ in range(5):
                for count, *arguments in ((16_000, "-d"), (4_000,)):
                    done = source(gateway.port, count, "to@far.example", *arguments, sessions=20, size=500)
                    self.assertEqual(done.returncode, 0, done.stderr + gateway.log()[-1000:])
                wait_until(lambda: not gateway.queued(), 60, lambda: f"{len(gateway.queued())} queued")
                # What is kept for the next hop is closed in its own time.
                samples.append((gateway.status("VmRSS"), gateway.descriptors()))
            print(f"resident KiB and descriptors: {samples}")
            first, last = samples[0], samples[-1]
            self.assertLess(last[0], first[0] * 1.1 + 8 * 1024)
            self.assertLessEqual(last[1], first[1] + 10)

    def check_large(self, connections, size):
        """All are open and have sent nearly all when the first may end. The bound is 512 MiB for a thousand."""
        with Sink(dump=False) as sink, Gateway({"route": [next_hop_route(sink.port)]}) as gateway:
            before = gateway.status("VmRSS")
            all_sent = threading.Barrier(connections)
            codes = []
            piece = (b"x" * 76 + b"\r\n") * 840

            def send():
                try:
                    with gateway.client() as client:
                        client.socket.settimeout(300)
                        client.start("large@far.example")
                        if client.ask("DATA").code == 354:
                            client.send(b"Subject: large\r\n\r\n")
                            for _ in range(size // len(piece) - 1):
                                client.send(piece)
                            all_sent.wait(300)
                            client.send(b"end\r\n.\r\n")
                            codes.append(client.reply().code)
                except BaseException:
                    all_sent.abort()
                    raise

            threading.stack_size(256 * 1024)
            threads = [threading.Thread(target=send) for _ in range(connections)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            peak = gateway.status("VmHWM")
            print(f"{connections} x {size // MIB} MiB: {before} KiB resident before, {peak} KiB at most")
            self.assertEqual(codes, [250] * connections)
            self.assertLess(peak, before + 512 * 1024 * connections / 1000)
            return peak

    def test_a_thousand_large_messages_at_once(self):
        """What they cost in memory hangs on their number, not on their size."""
        self.check_large(1000, 2 * MIB)

    @unittest.skipUnless(os.environ.get("POSTERN_E2E_FULL"), "50 GiB through the disk: set POSTERN_E2E_FULL")
    def test_a_thousand_of_fifty_mib(self):
        self.assertLess(self.check_large(1000, 50 * MIB - 65536), 512 * 1024)


if __name__ == "__main__":
    unittest.main()
