"""Postfix: its smtp-source and smtp-sink, and the whole of it."""

import pathlib
import re
import shutil
import subprocess
import tempfile

import unpacked
from gateway import free_port, tool, wait_until


class Sink:
    """smtp-sink, which writes each message into a file of its own. More switches may make it fail: see smtp-sink(1)."""

    def __init__(self, *switches, dump=True, port=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-sink-"))
        self.folder.chmod(0o777)  # smtp-sink will not run as root
        self.port = port or free_port()
        switches = [*switches, *(["-d", f"{self.folder}/m."] if dump else [])]
        self.process = subprocess.Popen([tool("smtp-sink"), "-u", "nobody", *switches, f"127.0.0.1:{self.port}", "1000"],
                                        stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def messages(self):
        """What came, without the lines that smtp-sink puts before."""
        for path in self.folder.glob("m.*"):
            text = path.read_bytes()
            yield re.sub(rb"\A(?:X-[^\n]*\n)+Received: [^\n]*\n(?:\t[^\n]*\n)+", b"", text)


def source(port, count, recipient, *arguments, sessions=50, size=1024):
    return subprocess.run([tool("smtp-source"), "-s", str(sessions), "-m", str(count), "-l", str(size), *arguments,
                           "-f", "sender@client.example", "-t", recipient, f"127.0.0.1:{port}"],
                          capture_output=True, text=True, timeout=240)


class Postfix:
    """A whole Postfix with folders of its own. With `relay_port` it sends everything on to there; else it has a mailbox for everybody.
    `settings` are more of its main.cf."""

    def __init__(self, relay_port=None, folder=None, settings=None):
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-postfix-", dir=folder))
        self.folder.chmod(0o755)
        self.log_file = self.folder / "log"
        self._write_configuration(relay_port, settings or {})
        self._make_folders()
        self.process = unpacked.spawn(self.folder / "stderr", "/usr/lib/postfix/sbin/master", "-d", "-c", self.folder / "etc")

    def __enter__(self):
        try:
            wait_until(lambda: "daemon started" in self.log() or self.process.poll() is not None, 30, self.log)
            if self.process.poll() is not None:
                raise AssertionError(f"Postfix does not start:\n{self.log()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        unpacked.end(self.process)  # its master takes the others along
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return "".join(p.read_text(errors="replace") for p in (self.folder / "stderr", self.log_file) if p.exists())

    def delivered(self):
        return [path.read_bytes() for path in (self.folder / "mail").glob("box/new/*")]

    def _write_configuration(self, relay_port, settings):
        (self.folder / "etc").mkdir()
        (self.folder / "etc/main.cf").write_text(f"""
compatibility_level = 3.6
myhostname = postfix.example
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
maillog_file = {self.log_file}
maillog_file_prefixes = {self.folder}
mail_owner = daemon
setgid_group = games
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_dns_support_level = disabled
""" + (f"relayhost = [127.0.0.1]:{relay_port}\n" if relay_port else f"""
virtual_mailbox_domains = static:all
virtual_mailbox_base = {self.folder}/mail
virtual_mailbox_maps = static:box/
virtual_minimum_uid = 1
virtual_uid_maps = static:8
virtual_gid_maps = static:8
""") + "".join(f"{name} = {value}\n" for name, value in settings.items()))
        (self.folder / "etc/master.cf").write_text(f"""
127.0.0.1:{self.port} inet n - n - - smtpd
cleanup  unix       n - n - 0   cleanup
qmgr     unix       n - n 300 1 qmgr
rewrite  unix       - - n - -   trivial-rewrite
bounce   unix       - - n - 0   bounce
defer    unix       - - n - 0   bounce
trace    unix       - - n - 0   bounce
smtp     unix       - - n - -   smtp
relay    unix       - - n - -   smtp
error    unix       - - n - -   error
retry    unix       - - n - -   error
virtual  unix       - n n - -   virtual
discard  unix       - - n - -   discard
anvil    unix       - - n - 1   anvil
scache   unix       - - n - 1   scache
postlog  unix-dgram n - n - 1   postlogd
""")

    def _make_folders(self):
        """What `postfix start` makes, which would also look at the machine's own."""
        for name, owner in {"queue": "root", "queue/pid": "root", "data": "daemon", "mail": "mail"}.items():
            (self.folder / name).mkdir()
            shutil.chown(self.folder / name, owner)
        for name in ("incoming", "active", "deferred", "defer", "bounce", "trace", "corrupt", "hold", "saved", "flush", "private"):
            (self.folder / "queue" / name).mkdir(mode=0o700)
            shutil.chown(self.folder / "queue" / name, "daemon")
        for name in ("public", "maildrop"):
            (self.folder / "queue" / name).mkdir(mode=0o730)
            shutil.chown(self.folder / "queue" / name, "daemon", "games")
