"""A delivery status notification, read with Python's email package, which has never heard of the gateway."""

import email
import email.policy


class Report:
    """`fields` are those about the message, `recipients` those about each recipient, `returned` the part with the message or its header."""

    def __init__(self, stored):
        self.message = email.message_from_bytes(stored, policy=email.policy.default)
        if self.message.get_content_type() != "multipart/report" or self.message.defects:
            raise AssertionError(f"not a report: {self.message.defects} {stored[:2000]!r}")
        parts = list(self.message.iter_parts())
        for part in parts:
            if part.defects:
                raise AssertionError(f"{part.get_content_type()}: {part.defects}")
        self.readable = parts[0].get_content()
        self.types = [part.get_content_type() for part in parts]
        blocks = [dict(block.items()) for block in parts[1].get_payload() if block.keys()]
        self.fields, self.recipients = blocks[0], blocks[1:]
        self.returned = parts[2] if len(parts) > 2 else None

    def recipient(self, address):
        """The fields about one recipient."""
        found = [r for r in self.recipients if r["Final-Recipient"].partition(";")[2].strip() == address]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} blocks about {address}: {self.recipients}")
        return found[0]
