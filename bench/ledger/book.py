"""The book: what was promised, what arrived, and the difference.

Clients write down a message before they send it, and again when its last reply was 250; readers of sinks and mailboxes write down what
they found. What is counted is an obligation: one message for one recipient whose RCPT was taken. Every thread may write.

A message carries its name in its first line (`X-Ledger: NAME`), so that it is known wherever it comes out; the digest of its bytes is kept
here, by whom sent it, and compared with that of the bytes that came.
"""

import dataclasses
import hashlib
import re
import threading

TRACE_SIZE_MAX = 64 * 1024  # what a gateway may put before a message, and more
EXAMPLES_MAX = 10  # of each kind of trouble, in a verdict's text


def digest(data):
    return hashlib.blake2b(data, digest_size=16).digest()


def original(stored):
    """(name, the bytes from X-Ledger: on) of a message with its trace before it; None for a message of somebody else."""
    head = stored[:TRACE_SIZE_MAX]
    # A report quotes the message it is about behind an empty line; there the search ends.
    found = re.search(rb"^X-Ledger: (\S+)\r?$|^\r?$", head, re.M)
    if not found or found[1] is None:
        return None
    return found[1].decode(), stored[found.start():]


@dataclasses.dataclass(slots=True)
class Entry:
    digest: bytes
    offered: tuple  # the recipients for whom it may arrive
    promised: tuple = ()  # those for whom it must, since there was a 250
    reply: str = ""  # that 250, with the id by which the server knows the message
    arrived: dict = dataclasses.field(default_factory=dict)  # recipient: how often


@dataclasses.dataclass
class Verdict:
    """Lists hold (name, recipient). Duplicates are no fault: a crash between a host's 250 and our note of it makes one."""

    offered: int = 0  # obligations that clients entered into, with whatever reply but a 5xx
    acknowledged: int = 0  # of those, with a 250
    arrived: int = 0  # acknowledged, and found at least once
    unanswered: int = 0  # arrived although the 250 was cut off: the message was kept and its reply never read
    duplicates: int = 0  # copies too many, of all that arrived
    lost: list = dataclasses.field(default_factory=list)  # acknowledged and not found
    damaged: list = dataclasses.field(default_factory=list)  # found, but with other bytes than were sent
    unknown: list = dataclasses.field(default_factory=list)  # found, and nobody had offered it (to this recipient)

    @property
    def good(self):
        return not (self.lost or self.damaged or self.unknown)

    def __str__(self):
        lines = [f"{self.acknowledged} acknowledged - {self.arrived} delivered = {len(self.lost)} lost, {len(self.damaged)} damaged, "
                 f"{len(self.unknown)} that nobody sent; {self.duplicates} came twice, {self.unanswered} whose 250 was cut off"]
        for kind in ("lost", "damaged", "unknown"):
            found = getattr(self, kind)
            lines += [f"  {kind}: {name} for {recipient}" for name, recipient in found[:EXAMPLES_MAX]]
            if len(found) > EXAMPLES_MAX:
                lines.append(f"  {kind}: {len(found) - EXAMPLES_MAX} more")
        return "\n".join(lines)


class Book:
    def __init__(self):
        self._lock = threading.Lock()
        self._entries = {}
        self._damaged = []
        self._unknown = []
        self._owed = 0  # obligations acknowledged and not arrived
        self.acknowledged_count = 0

    # Clients.

    def offer(self, name, message, recipients):
        """Before the message is sent: from now on it may arrive."""
        with self._lock:
            self._entries[name] = Entry(digest(message), tuple(recipients))

    def acknowledge(self, name, recipients, reply=""):
        """Its last reply was 250: from now on it must arrive, at those whose RCPT was taken, and at no other."""
        with self._lock:
            entry = self._entries[name]
            entry.offered = entry.promised = tuple(recipients)
            entry.reply = reply
            self.acknowledged_count += len(entry.promised)
            self._owed += sum(r not in entry.arrived for r in entry.promised)

    def refuse(self, name):
        """It was refused for good (5xx): it must not arrive. After a 451 it may: a failed sync says nothing about what is on the disk."""
        with self._lock:
            self._entries[name].offered = ()

    # Sinks and mailboxes.

    def arrive(self, stored, recipient):
        """A message came out, its trace before it. Returns its name; None for one that is not from this book's clients."""
        found = original(stored)
        if found is None:
            return None
        self.arrive_digest(found[0], digest(found[1]), recipient)
        return found[0]

    def arrive_digest(self, name, its_digest, recipient):
        """The same, from a process that has looked at the bytes itself."""
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or recipient not in entry.offered:
                self._unknown.append((name, recipient))
            elif entry.digest != its_digest:
                self._damaged.append((name, recipient))
            else:
                self._owed -= recipient in entry.promised and recipient not in entry.arrived
                entry.arrived[recipient] = entry.arrived.get(recipient, 0) + 1

    # The difference.

    @property
    def owed(self):
        """How many acknowledged obligations have not arrived yet."""
        with self._lock:
            return self._owed

    def verdict(self):
        verdict = Verdict()
        with self._lock:
            verdict.damaged, verdict.unknown = list(self._damaged), list(self._unknown)
            for name, entry in self._entries.items():
                verdict.offered += len(entry.offered)
                verdict.acknowledged += len(entry.promised)
                missing = [r for r in entry.promised if r not in entry.arrived]
                verdict.lost += [(name, f"{r} ({entry.reply})" if entry.reply else r) for r in missing]
                verdict.arrived += sum(r in entry.arrived for r in entry.promised)
                verdict.unanswered += sum(r not in entry.promised for r in entry.arrived)
                verdict.duplicates += sum(entry.arrived.values()) - len(entry.arrived)
        return verdict
