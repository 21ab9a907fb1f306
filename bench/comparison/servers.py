"""The servers that are compared: each takes mail on a loopback port, in a folder of its own, and keeps it or throws it away.

A server is a name, what it promises with its 250, and how to start it; the processes are its own, and end with it.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import gateway
import measured
import postfix
import unpacked

MODULES = measured.ROOT / ".cache/compare/node_modules"
PATIENCE_SECONDS = 30


class Server:
    name = ""
    durable = False  # whether its 250 means that the message is on stable storage
    keeps = ""       # what becomes of a message

    def __init__(self):
        self.port = gateway.free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-compare-"))
        self.folder.chmod(0o755)
        self.process = None

    def command(self):
        """Its command line; writes its configuration into the folder before."""
        raise NotImplementedError

    def version(self):
        raise NotImplementedError

    def __enter__(self):
        try:
            with open(self.folder / "log", "ab") as log:
                self.process = subprocess.Popen(self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=subprocess.STDOUT, start_new_session=True)
            self._await_greeting()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _await_greeting(self):
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    if s.recv(3) == b"220":
                        return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{self.name} does not greet on port {self.port}:\n"
                         + (self.folder / "log").read_text(errors="replace")[-2000:])


class Postern(Server):
    name, durable = "Postern", True
    keeps = "delivers into nothing (a discard route)"
    settings = {"route": [{"domain": "*", "discard": True}]}

    def command(self):
        (self.folder / "postern.toml").write_text(gateway.toml({
            "hostname": "gateway.example", "listen": [f"127.0.0.1:{self.port}"], "data_dir": str(self.folder / "var"),
            **self.settings}))
        return [os.environ["POSTERN"], "serve", "--config", str(self.folder / "postern.toml")]

    def version(self):
        return measured.first_line(os.environ["POSTERN"], "version")


class SmtpSink(Server):
    name, keeps = "smtp-sink", "throws it away"

    def command(self):
        return [gateway.tool("smtp-sink"), "-u", "nobody", f"127.0.0.1:{self.port}", "1000"]

    def version(self):
        return f"smtp-sink of Postfix {Postfix.mail_version()}"


class Postfix(Server):
    name, durable = "Postfix", True
    keeps = "its queue, then the discard transport"

    def __init__(self):
        # As its own documents tune it for throughput: no brake on what comes in, room for all connections.
        self._postfix = postfix.Postfix(settings={
            "in_flow_delay": 0, "smtpd_client_connection_count_limit": 0, "virtual_transport": "discard"})
        self.port, self.process = self._postfix.port, self._postfix.process

    def __enter__(self):
        self._postfix.__enter__()
        return self

    def __exit__(self, *_):
        self._postfix.__exit__()

    @staticmethod
    def mail_version():
        return measured.first_line(*unpacked.command("postconf", "-d", "-h", "mail_version"))

    def version(self):
        return f"Postfix {self.mail_version()}"


class Exim(Server):
    name, durable, keeps = "Exim", True, "its queue (queue_only)"

    def command(self):
        (self.folder / "exim.conf").write_text(f"""
exim_user = mail
exim_group = mail
primary_hostname = exim.example
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/%slog
queue_only
split_spool_directory
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
hosts_connection_nolog = *
recipient_unqualified_hosts = *
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin acl
accept:
  accept
begin routers
all:
  driver = accept
  transport = nowhere
begin transports
nowhere:
  driver = appendfile
  file = /dev/null
  user = mail
""")
        (self.folder / "spool").mkdir()
        for folder in (self.folder, self.folder / "spool"):
            shutil.chown(folder, "mail", "mail")
        return self._run("-C", self.folder / "exim.conf", "-bdf", "-oX", f"127.0.0.1.{self.port}", "-oP", self.folder / "pid")

    def version(self):
        return measured.first_line(*self._run("-C", "/dev/null", "-bV")).split(" #")[0]

    def _run(self, *arguments):
        """The command line, in a namespace whose list of users has the one that Debian's Exim was built for."""
        for name, line in {"passwd": "Debian-exim:x:8:8::/:/bin/false\n", "group": "Debian-exim:x:8:\n"}.items():
            (self.folder / name).write_text(pathlib.Path("/etc", name).read_text() + line)
        script = 'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, str(self.folder), *unpacked.command("/usr/sbin/exim4", *arguments)]


class SmtpServer(Server):
    name, keeps = "npm smtp-server", "throws it away"

    def command(self):
        (self.folder / "server.js").write_text(f"""
const {{ SMTPServer }} = require({str(MODULES / "smtp-server")!r});
new SMTPServer({{ authOptional: true, disabledCommands: ["AUTH", "STARTTLS"], logger: false, disableReverseLookup: true,
  onData(stream, session, callback) {{ stream.resume(); stream.on("end", () => callback(null, "accepted")); }},
}}).listen({self.port}, "127.0.0.1");
""")
        return ["node", str(self.folder / "server.js")]

    def version(self):
        return f"smtp-server {module_version('smtp-server')}, Node {measured.first_line('node', '--version')}"


class Haraka(Server):
    name, keeps = "Haraka", "throws it away (queue/discard), two workers"

    def command(self):
        config = self.folder / "config"
        shutil.copytree(MODULES / "Haraka/config", config)
        (config / "smtp.ini").write_text(f"listen=127.0.0.1:{self.port}\nnodes=2\n")
        (config / "plugins").write_text("access_all\nqueue/discard\n")
        (config / "me").write_text("haraka.example\n")
        (config / "log.ini").write_text("level=error\n")
        (config / "host_list").write_text("far.example\n")
        plugins = self.folder / "plugins"
        plugins.mkdir()
        (plugins / "access_all.js").write_text("exports.hook_rcpt = (next) => next(OK);\n")
        return ["env", "YES_REALLY_DO_DISCARD=1", "node", str(MODULES / "Haraka/bin/haraka"), "-c", str(self.folder)]

    def version(self):
        return f"Haraka {module_version('Haraka')}"


def module_version(name):
    return json.loads((MODULES / name / "package.json").read_text())["version"]


ALL = [Postern, SmtpSink, Postfix, Exim, SmtpServer, Haraka]
