"""The gateway under test: the real program, started in a temporary folder on free loopback ports.

    with Gateway({"local_domains": ["here.example"]}) as gateway:
        with gateway.client() as client: ...

The environment may name the program (POSTERN) and where the test programs are (PATH, POSTERN_TOOLS, SMTP_SOURCE, SMTP_SINK, NODE_PATH). A
missing program is a failure, never a skip.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import smtp

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = pathlib.Path(os.environ.get("POSTERN_TOOLS", REPOSITORY / ".cache"))  # tools/setup --test fills it
POSTERN = os.environ.get("POSTERN", str(REPOSITORY / ".cache/bazel-bin/gateway/postern"))

EX_USAGE, EX_UNAVAILABLE, EX_CONFIG = 64, 69, 78  # sysexits.h


def tool(name):
    named = os.environ.get(name.upper().replace("-", "_"))
    found = named or shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin:{TOOLS}/bin")
    if found is None:
        raise AssertionError(f"{name} is not installed: run tools/setup --test")
    return found


_ports_given = set()


def free_port():
    """A port that nobody has, below the ephemeral range, so that no outgoing connection takes it before we do."""
    start = 10000 + os.getpid() * 37 % 15000
    for port in range(start, start + 7000):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _ports_given:
            _ports_given.add(port)
            return port
    raise AssertionError("no free port")


def wait_until(condition, seconds=10, what=None):
    """The first true value of `condition`; failure when there is none in time."""
    end = time.monotonic() + seconds
    pause = 0.01
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what or condition}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def toml(config):
    """A dictionary as TOML: values first, then [tables], then [[arrays of tables]]."""
    values, tables = [], []
    for key, value in config.items():
        if isinstance(value, dict):
            tables.append(f"[{key}]\n{toml(value)}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            tables += [f"[[{key}]]\n{toml(v)}" for v in value]
        else:
            values.append(f"{key} = {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(values) + "\n".join(tables)


def maildir_route(path, domain="*"):
    return {"domain": domain, "maildir": f"{path}/{{domain}}/{{local}}"}


def next_hop_route(*ports, domain="*", **more):
    return {"domain": domain, "next_hop": [f"127.0.0.1:{p}" for p in ports], **more}


def lmtp_route(where, domain="*", **more):
    """To a UNIX socket, or to a port."""
    return {"domain": domain, "lmtp": f"127.0.0.1:{where}" if isinstance(where, int) else f"unix:{where}", **more}


def mx_route(port, domain="*", **more):
    return {"domain": domain, "mx": True, "port": port, **more}


class Gateway:
    """One configuration and its folder; the process comes and goes (start, stop, kill)."""

    def __init__(self, config=None, *, prefix=(), address="127.0.0.1", port=None, connect=None,
                 environment=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-e2e-"))
        self.folder.chmod(0o755)
        self.address = address
        self.port = port or free_port()
        self.data = self.folder / "var"
        self.mail = self.folder / "mail"
        self.file = self.folder / "postern.toml"
        self.prefix = list(prefix)  # what the program is started under, such as `ip netns exec NAME`
        self.environment = environment or {}  # beside our own, such as what Faults wants
        self.process = None
        self.log_file = self.folder / "log"
        self._connect = connect or socket.create_connection
        self.configure(config or {})

    def configure(self, config):
        """Writes the configuration; the next start reads it. None as a value leaves out a default of these tests."""
        defaults = {
            "hostname": "gateway.example",
            "listen": [f"{self.address}:{self.port}"],
            "data_dir": str(self.data),
            "route": [maildir_route(self.mail)],
        }
        merged = {key: value for key, value in {**defaults, **config}.items() if value is not None}
        self.file.write_text(toml(merged))

    # Its life.

    def spawn(self, *arguments):
        """Starts the program and waits for nothing."""
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, POSTERN, *(arguments or ("serve", "--config", str(self.file)))],
                cwd=self.folder, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT)
        return self

    def start(self, *arguments, seconds=15):
        before = len(self.events(1000)) if self.log_file.exists() else 0
        self.spawn(*arguments)
        wait_until(self._greets, seconds, self.log)
        # It greets before its lines are out.
        wait_until(lambda: len(self.events(1000)) > before, seconds, self.log)
        return self

    def _greets(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.log()}")
        try:
            with self.client():
                return True
        except (OSError, smtp.Closed):
            return False

    def stop(self, sig=signal.SIGTERM, seconds=20):
        """Asks it to end; its exit code."""
        self.process.send_signal(sig)
        return self.wait(seconds)

    def wait(self, seconds=20):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the gateway does not end:\n{self.log()}") from None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        if self.process is None:
            try:
                self.start()
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What it says.

    def log(self):
        return self.log_file.read_text(errors="replace")

    def events(self, number):
        """The lines of one event."""
        return [line for line in self.log().splitlines() if re.search(rf"(?:^|\s|event=){number}(?:\s|$)", line)]

    def client(self, source=None, **more):
        sock = self._connect((self.address, self.port), timeout=10, source_address=(source, 0) if source else None)
        return smtp.Client(sock, **more)

    def send(self, *recipients, message=b"Subject: test\r\n\r\ntest\r\n", **more):
        """Hands over a message, byte for byte, which must be taken; its id."""
        with self.client() as client:
            client.start(*recipients, **more)
            client.send(b"BDAT %d LAST\r\n" % len(message) + message)
            reply = client.reply()
        if reply.code != 250:
            raise AssertionError(f"the message was not taken: {reply}")
        return reply.text.split()[-1]

    # What it keeps.

    def run(self, *arguments, seconds=20):
        """Runs another command of the program, such as run("queue", "list")."""
        return subprocess.run([*self.prefix, POSTERN, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=seconds)

    def queue(self, *arguments):
        """A queue command's JSON."""
        done = self.run("queue", *arguments, "--config", str(self.file), "--json")
        if done.returncode != 0:
            raise AssertionError(f"queue {arguments} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    def queued(self):
        """The messages in the queue."""
        return self.queue("list", "--messages")["messages"]

    def destinations(self):
        """What waits for whom, by the names of destinations."""
        return {d["name"]: d for d in self.queue("list")["destinations"]}

    def delivered(self, recipient="*@*", folder=None):
        """The files in the mailboxes of a recipient (or a pattern)."""
        local, _, domain = recipient.rpartition("@")
        return sorted((folder or self.mail).glob(f"{domain}/{local}/new/*"))

    def wait_delivered(self, count, recipient="*@*", seconds=20, folder=None):
        wait_until(lambda: len(self.delivered(recipient, folder)) >= count, seconds,
                   lambda: f"{len(self.delivered(recipient, folder))} of {count} in {recipient}\n{self.log()[-3000:]}")
        return [path.read_bytes() for path in self.delivered(recipient, folder)]

    def status(self, field):
        """A number of /proc/PID/status, such as VmRSS in KiB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+)", text, re.M)[1])

    def cpu_seconds(self):
        """What it has used of the machine's processors so far."""
        after_name = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def split_message(stored):
    """A stored message as (trace, original): what the gateway put before, and what the client sent."""
    trace = re.match(rb"(?:(?:Return-Path|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)*?"
                     rb"Received: from[^\n]*\n(?:[ \t][^\n]*\n)*", stored)
    if trace is None:
        raise AssertionError(f"no trace at the start of {stored[:300]!r}")
    return trace[0], stored[trace.end():]
