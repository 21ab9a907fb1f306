"""An SMTP client that does what it is told, also what no client should do."""

import socket
import typing


class Reply(typing.NamedTuple):
    code: int
    text: str


class Closed(Exception):
    """The server closed or reset the connection."""


class Client:
    def __init__(self, sock, greet=True):
        self.socket = sock
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if greet:
            try:
                self.greeting = self.reply()
            except BaseException:
                sock.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed from e

    def _line(self):
        while b"\r\n" not in self.buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError as e:
                raise Closed from e
            if not data:
                raise Closed(self.buffer)
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def reply(self):
        lines = []
        while True:
            line = self._line()
            if not line[:3].isdigit() or line[3:4] not in (b" ", b"-", b"") or len(line) > 510:
                raise AssertionError(f"not a reply line: {line!r}")
            lines.append(line[4:].decode())
            if line[3:4] != b"-":
                return Reply(int(line[:3]), "\n".join(lines))

    def ask(self, command):
        self.send((command.encode() if isinstance(command, str) else command) + b"\r\n")
        return self.reply()

    def rest(self):
        """Every reply up to the close. A reset after the replies is a close too."""
        replies = []
        try:
            while True:
                replies.append(self.reply())
        except Closed:
            return replies

    def start(self, *recipients, sender="sender@client.example", parameters=""):
        """EHLO, MAIL and RCPT, which must be taken."""
        for command in ("EHLO client.example", f"MAIL FROM:<{sender}>{parameters}", *(f"RCPT TO:<{r}>" for r in recipients)):
            reply = self.ask(command)
            if reply.code != 250:
                raise AssertionError(f"{command}: {reply}")

    def data(self, message):
        """DATA with the bytes as they are; the reply after the final dot, or the one to DATA."""
        reply = self.ask("DATA")
        if reply.code != 354:
            return reply
        self.send(message + b".\r\n")
        return self.reply()

    def message(self, message, *recipients, **more):
        self.start(*recipients, **more)
        return self.data(message)

    def reset(self):
        """Ends the connection by RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()
