"""Dovecot as a store: LMTP on a UNIX socket, Maildirs, and doveadm to look into them."""

import pathlib
import shutil
import subprocess
import tempfile

import unpacked
from gateway import wait_until


class Dovecot:
    """Mailboxes for the given addresses; all others are unknown to it."""

    def __init__(self, *addresses):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-dovecot-"))
        self.folder.chmod(0o755)
        self.socket = self.folder / "run/lmtp"
        self.log_file = self.folder / "log"
        self._file = self.folder / "dovecot.conf"
        mail = self.folder / "mail"
        mail.mkdir()
        shutil.chown(mail, "mail", "mail")
        (self.folder / "state").mkdir()
        users = self.folder / "users"
        users.write_text("".join(f"{address}:{{PLAIN}}x:8:8::{mail}/{address}::\n" for address in addresses))  # mail is 8
        self._file.write_text(f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.log_file}
instance_name = {self.folder.name}
protocols = lmtp
listen = 127.0.0.1
ssl = no
default_internal_user = daemon
default_internal_group = daemon
default_login_user = nobody
first_valid_uid = 8
mail_location = maildir:~/Maildir
passdb {{
  driver = passwd-file
  args = {users}
}}
userdb {{
  driver = passwd-file
  args = {users}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
""")
        self.process = unpacked.spawn(self.folder / "stderr", "dovecot", "-F", "-c", self._file)

    def __enter__(self):
        try:
            wait_until(lambda: self.socket.exists() or self.process.poll() is not None, 10, self.log)
            if self.process.poll() is not None:
                raise AssertionError(f"dovecot does not start:\n{self.log()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        unpacked.end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return "".join(p.read_text() for p in (self.folder / "stderr", self.log_file) if p.exists())

    def fetch(self, address):
        """The messages in the inbox of an address, with LF as doveadm prints them."""
        done = subprocess.run(unpacked.command("doveadm", "-c", self._file, "fetch", "-u", address, "text", "mailbox", "INBOX"),
                              capture_output=True, timeout=20)
        if done.returncode != 0:
            raise AssertionError(f"doveadm: {done.stderr.decode()}{self.log()}")
        return [text.removesuffix(b"\n\f\n") for text in done.stdout.split(b"text:\n")[1:]]
