"""bench/load, against servers on real sockets that know what they got: do its counts agree with theirs, and its clocks with ours?"""

import asyncio
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from gateway import REPOSITORY, Gateway, free_port

LOAD = os.environ.get("POSTERN_LOAD", str(REPOSITORY / "bazel-bin/bench/load/load"))


class Server:
    """A small SMTP server on a thread of its own, which notes what it gets. `stall` is (from, seconds) after the first message."""

    def __init__(self, offers=("PIPELINING", "CHUNKING"), refuse_every=0, stall=None):
        self.offers, self.refuse_every, self.stall = offers, refuse_every, stall
        self.messages, self.arrivals, self.recipients, self.peers, self.verbs = [], [], [], [], []
        self.open_count = 0
        self._ready = threading.Event()
        self._first = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _run(self):
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20, backlog=1000)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _serve(self, reader, writer):
        self.peers.append(writer.get_extra_info("peername")[0])
        self.open_count += 1
        try:
            writer.write(b"220 e2e ESMTP\r\n")
            while line := await reader.readline():
                await self._stalled()
                reply = await self._answer(line.decode().strip(), reader, writer)
                writer.write(reply.encode() + b"\r\n")
                if reply.startswith("221"):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_count -= 1
            writer.close()

    async def _stalled(self):
        """Nobody is answered during the stall: everybody sleeps to its end."""
        if self.stall and self._first:
            start, seconds = self.stall
            now = time.monotonic() - self._first
            if start <= now < start + seconds:
                await asyncio.sleep(start + seconds - now)

    async def _answer(self, line, reader, writer):
        verb = line.split(" ")[0].upper()
        self.verbs.append(verb)
        if verb == "EHLO":
            return "\r\n".join(["250-e2e", *(f"250-{offer}" for offer in self.offers), "250 HELP"])
        if verb == "MAIL":
            self._first = self._first or time.monotonic()
            self.arrivals.append(time.monotonic())
        if verb == "RCPT":
            self.recipients.append(re.search("<(.*)>", line)[1])
            if self.refuse_every and len(self.recipients) % self.refuse_every == 0:
                return "452 4.3.1 no room"
        if verb == "BDAT":
            self.messages.append(await reader.readexactly(int(line.split(" ")[1])))
            assert line.endswith("LAST"), "small messages are one chunk"
        if verb == "DATA":
            writer.write(b"354 go\r\n")
            self.messages.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
        return "221 bye" if verb == "QUIT" else "250 2.0.0 ok"


def load(port, *arguments, exit_code=0):
    """Runs it; its result."""
    command = [LOAD, f"127.0.0.1:{port}", "--json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != exit_code:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


class LoadTool(unittest.TestCase):
    def test_counts_agree_with_the_server(self):
        with Server() as server:
            result = load(server.port, "-m", 300, "-c", 5, "-s", 2000, "-r", 3, "--to", "kim@here.example", "--threads", 2)
        self.assertEqual(len(server.messages), 300)
        self.assertEqual({len(message) for message in server.messages}, {2000})
        self.assertEqual(len({re.search(rb"\r\nMessage-ID: <(.*)>\r\n", m)[1] for m in server.messages}), 300)
        self.assertEqual(sorted(set(server.recipients)), [f"kim{i}@here.example" for i in (1, 2, 3)])
        self.assertEqual(len(server.recipients), 900)
        self.assertEqual(len(server.peers) - 1, 5)  # and the one that asked who is there
        self.assertEqual(result["messages"],
                         {"taken": 300, "failed": 0, "never_begun": 0, "bytes": 600_000, "recipients": 900})
        self.assertEqual(result["connections"], {"made": 5, "failed": 0})
        self.assertEqual(result["greeting"], "220 e2e ESMTP")
        self.assertEqual([result["latency_us"][row]["count"] for row in ("connect", "mail", "end_of_data", "message")],
                         [5, 300, 300, 300])

    def test_conversation_switches(self):
        for switches, verb in (((), "BDAT"), (("--no-bdat",), "DATA"), (("--no-bdat", "--no-pipelining"), "DATA")):
            with Server() as server:
                load(server.port, "-m", 20, *switches)
            self.assertEqual(server.verbs.count(verb), 20, switches)
            self.assertEqual(len(server.messages), 20)

    def test_a_connection_for_each_message_from_many_addresses(self):
        with Server() as server:
            result = load(server.port, "-m", 60, "-c", 4, "--messages-per-connection", 1, "--sources", 30)
        self.assertEqual(result["connections"]["made"], 60)
        self.assertEqual(len(server.peers), 61)
        self.assertEqual(set(server.peers), {f"127.0.0.{i}" for i in range(1, 31)})

    def test_refusals_are_told_by_reply(self):
        with Server(refuse_every=4) as server:
            result = load(server.port, "-m", 100, exit_code=1)
        self.assertEqual((result["messages"]["taken"], result["messages"]["failed"]), (75, 25))
        self.assertEqual(result["errors"], [{"reply": "452 4.3.1 no room", "count": 25}])

    def test_an_open_loop_keeps_its_rate(self):
        with Server() as server:
            result = load(server.port, "--rate", 200, "-d", 2, "-c", 20)
        self.assertEqual(result["messages"]["taken"], 400)
        gaps = [late - early for early, late in zip(sorted(server.arrivals), sorted(server.arrivals)[10:])]
        self.assertAlmostEqual(sorted(gaps)[len(gaps) // 2], 0.05, delta=0.01)
        self.assertAlmostEqual(max(server.arrivals) - min(server.arrivals), 399 / 200, delta=0.2)
        self.assertAlmostEqual(result["messages_per_second"], 200, delta=10)

    def test_a_stall_is_seen_in_an_open_loop(self):
        """Half a second in two: a quarter of what the world would have sent meets it, and only the open loop knows."""
        with Server(stall=(1, 0.5)) as server:
            opened = load(server.port, "--rate", 200, "-d", 2, "-c", 4)
        self.assertEqual(opened["messages"]["taken"], 400)
        for row in ("mail", "end_of_data", "message"):
            self.assertGreater(opened["latency_us"][row]["p99"], 400_000, row)
            self.assertGreater(opened["latency_us"][row]["p90"], 200_000, row)
        with Server(stall=(1, 0.5)) as server:
            closed = load(server.port, "-d", 2, "-c", 2)
        self.assertGreater(closed["latency_us"]["message"]["max"], 400_000, "it met the stall")
        self.assertLess(closed["latency_us"]["message"]["p99"], 200_000, "and hardly counts it")

    def test_idle_connections_are_held(self):
        with Server() as server:
            command = [LOAD, f"127.0.0.1:{server.port}", "--json", "--idle", "300", "--sources", "3", "-d", "60"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            while not server.messages:
                time.sleep(0.01)
            self.assertGreaterEqual(server.open_count, 300)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=20)
        result = json.loads(out)
        self.assertEqual(process.returncode, 0)
        self.assertTrue(result["interrupted"])
        self.assertEqual(result["idle"], {"held": 300, "lost": 0})
        self.assertEqual(result["messages"]["taken"], len(server.messages))

    def test_report_and_text(self):
        with Server() as server, tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder, "load.html")
            done = subprocess.run([LOAD, f"127.0.0.1:{server.port}", "-d", "1", "--report", page, "--pid", str(os.getpid())],
                                  capture_output=True, text=True, timeout=30)
            html = page.read_text()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "", "no progress line, for nobody watches")
        for words in ("messages/s", "end of data", "p99.9", "server        CPU", "generator     CPU"):
            self.assertIn(words, done.stdout)
            self.assertIn(words, html)
        self.assertEqual(html.count("<svg "), 2)
        self.assertNotRegex(html, r"https?:|src=|<script|@import")

    def test_nobody_answers(self):
        done = subprocess.run([LOAD, f"127.0.0.1:{free_port()}"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 69)
        self.assertIn("nobody answers", done.stderr)
        self.assertIn("refused", done.stderr.lower())

    def test_the_gateway_keeps_what_the_load_has_sent(self):
        with Gateway() as gateway:
            result = load(gateway.port, "-m", 500, "-c", 20, "--size", "1k:8,40k:2", "--to", "load@here.example",
                          "--messages-per-connection", 40, "--pid", gateway.process.pid)
            self.assertEqual(result["messages"]["taken"], 500)
            self.assertEqual(len(gateway.wait_delivered(500, "load@here.example", seconds=30)), 500)
            self.assertGreater(result["server"]["resident_bytes_max"], 1_000_000)


if __name__ == "__main__":
    unittest.main()
