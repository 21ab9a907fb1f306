"""The load of one turn: so many messages that it takes about the wanted time, and what the server spent on them."""

import subprocess
import time

import gateway
import process_tree

SESSIONS = 50
WARM_UP_COUNT = 1000
SMALLEST_COUNT = 500
# {name: (bytes of a message, whether a connection serves for many)}
SCENARIOS = {
    "1 KB": (1024, True),
    "10 KB": (10 * 1024, True),
    "64 KB": (64 * 1024, True),
    "1 KB, connection each": (1024, False),
}


class Turn:
    def __init__(self, count, seconds, cpu_seconds):
        self.rate = count / seconds
        self.cpu_us = cpu_seconds / count * 1e6


class Load:
    """One scenario on one server."""

    def __init__(self, server, scenario, seconds):
        self._server = server
        self._size, self._kept = SCENARIOS[scenario]
        self._seconds = seconds
        self._count = WARM_UP_COUNT

    def warm_up(self):
        """Learns how many messages fill a turn."""
        self._count = max(SMALLEST_COUNT, int(self.run().rate * self._seconds))

    def run(self):
        time.sleep(0.5)  # what the turn before has left to tidy up is not ours
        cpu = process_tree.processor_seconds(self._server.process.pid)
        start = time.monotonic()
        done = subprocess.run([gateway.tool("smtp-source"), *(["-d"] if self._kept else []), "-s", str(SESSIONS), "-m", str(self._count),
                               "-l", str(self._size), "-f", "sender@client.example", "-t", "to@far.example", f"127.0.0.1:{self._server.port}"],
                              capture_output=True, text=True, timeout=240)
        seconds = time.monotonic() - start
        if done.returncode != 0:
            raise SystemExit(f"smtp-source and {self._server.name}: {done.stderr}")
        # What a server does with a message behind its 250 belongs to the message.
        self._settle()
        return Turn(self._count, seconds, process_tree.processor_seconds(self._server.process.pid) - cpu)

    def _settle(self, seconds_max=60):
        """Until the server is idle."""
        end = time.monotonic() + seconds_max
        before = process_tree.processor_seconds(self._server.process.pid)
        while time.monotonic() < end:
            time.sleep(0.3)
            after = process_tree.processor_seconds(self._server.process.pid)
            if after - before < 0.015:
                return
            before = after
