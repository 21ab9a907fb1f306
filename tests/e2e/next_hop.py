"""A server that takes what the gateway relays, and answers as a test tells it."""

import collections
import socket
import threading
import time

Message = collections.namedtuple("Message", "sender recipients body connection verb")  # the verb is DATA or BDAT


class NextHop:
    """`answers` maps a recipient, or a verb such as MAIL or DATA or END (after the final dot), to a reply; or to a list of
    replies given one after the other, the last one for ever. Without an answer the reply is the usual one. BODY is what it says, without
    being asked, when it has seen a little of a body; after that it only looks on. With `lmtp` it speaks that, and "END a@b.example" is what
    it says of one recipient after the final dot."""

    def __init__(self, port, answers=None, delay=0.0, extensions=("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 99999999"), *,
                 address="127.0.0.1", lmtp=False, messages_per_connection_max=None):
        self.answers = {key: list(value) if isinstance(value, (list, tuple)) else [value]
                        for key, value in (answers or {}).items()}
        self.delay = delay  # seconds before the reply to the end of data
        self.extensions = extensions
        self.lmtp = lmtp
        self.messages_per_connection_max = messages_per_connection_max  # MAIL gets 503 from then on
        self.body_size_seen = 0  # of a body that BODY broke off
        self.messages = []
        self.commands = []
        self.connection_count = 0
        self.open = 0
        self.open_max = 0
        self._lock = threading.Lock()
        self._sockets = set()
        self._listener = socket.create_server((address, port), backlog=200)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for s in self._sockets:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self._thread.join()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            # Without it each small reply waits for the acknowledgement of the one before: 40 ms a message.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets.add(sock)
                self.connection_count += 1
                self.open += 1
                self.open_max = max(self.open_max, self.open)
                number = self.connection_count
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _answer(self, key, usual):
        with self._lock:
            replies = self.answers.get(key)
            if not replies:
                return usual
            return replies.pop(0) if len(replies) > 1 else replies[0]

    def _serve(self, sock, number):
        try:
            with sock, sock.makefile("rwb") as stream:
                self._converse(stream, number)
        except (OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._sockets.discard(sock)
                self.open -= 1

    def _converse(self, stream, number):
        def say(text):
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        say(self._answer("CONNECT", "220 nexthop.example ESMTP scripted"))
        sender, recipients, body, message_count = None, [], bytearray(), 0
        while line := stream.readline():
            command = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            verb = command.split(" ")[0].upper()
            path = command.split("<", 1)[-1].split(">", 1)[0]
            with self._lock:
                self.commands.append(command)
            if verb == ("LHLO" if self.lmtp else "EHLO"):
                lines = "\r\n".join(f"250{'-' if i < len(self.extensions) else ' '}{text}"
                                    for i, text in enumerate(("nexthop.example", *self.extensions)))
                say(self._answer(verb, lines))
            elif verb == "MAIL" and message_count == self.messages_per_connection_max:
                say("503 5.5.1 one more is one too many")
            elif verb == "MAIL":
                sender, recipients, body = path, [], bytearray()
                say(self._answer("MAIL", "250 2.1.0 ok"))
            elif verb == "RCPT":
                reply = self._answer(path, "250 2.1.5 ok")
                if reply.startswith("2"):
                    recipients.append(path)
                say(reply)
            elif verb in ("DATA", "BDAT"):
                if verb == "DATA":
                    reply = self._answer("DATA", "354 go on" if recipients else "554 5.5.1 no recipients")
                    say(reply)
                    if not reply.startswith("3"):
                        continue
                    body = self._read_body(stream, say)
                    if body is None:
                        return
                else:
                    size = int(command.split(" ")[1])
                    chunk = stream.read(size)
                    if len(chunk) < size:
                        return
                    body += chunk
                    if not command.upper().endswith(" LAST"):
                        say(self._answer("CHUNK", "250 2.0.0 go on" if recipients else "503 5.5.1 no recipients"))
                        continue
                time.sleep(self.delay)
                self._end(say, Message(sender, tuple(recipients), bytes(body), number, verb))
                message_count += 1
            elif verb == "QUIT":
                say("221 2.0.0 bye")
                return
            elif verb in ("HELO", "RSET", "NOOP"):
                say(self._answer(verb, "250 2.0.0 ok"))
            else:
                say("502 5.5.1 no")

    def _read_body(self, stream, say):
        """A body up to its dot; nothing when the peer went away, or when there was no more to be said."""
        body = bytearray()
        while (line := stream.readline()) != b".\r\n":
            if not line:
                return None
            body += line[1:] if line.startswith(b".") else line
            if len(body) > 50_000 and "BODY" in self.answers:
                say(self._answer("BODY", ""))
                while more := stream.read1(65536):
                    body += more
                self.body_size_seen = len(body)
                return None
        return body

    def _end(self, say, message):
        """What it says after the data, for each recipient where it speaks LMTP; it keeps the message for those whom it took."""
        asked = [f"END {r}" for r in message.recipients] if self.lmtp else ["END"]
        replies = [self._answer(key, "250 2.0.0 ok") for key in asked]
        taken = tuple(r for r, reply in zip(message.recipients, replies * (1 if self.lmtp else len(message.recipients)))
                      if reply.startswith("2"))
        if taken:
            with self._lock:
                self.messages.append(message._replace(recipients=taken))
        for reply in replies:
            say(reply)
