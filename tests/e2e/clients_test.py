"""Clients that are not ours: what people send mail with has to work as it is."""

import os
import smtplib
import subprocess
import unittest
from email.message import EmailMessage

from gateway import Gateway, TOOLS, split_message, tool
import pathlib


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = cls.enterClassContext(Gateway())
        cls.server = f"127.0.0.1:{cls.gateway.port}"

    def received(self, recipient):
        (stored,) = self.gateway.wait_delivered(1, recipient)
        return split_message(stored)[1]

    def test_curl(self):
        mail = self.gateway.folder / "mail.eml"
        mail.write_bytes(b"From: a@client.example\r\nSubject: curl\r\n\r\n.a dot\r\n..two dots\r\n\r\nend\r\n")
        run(tool("curl"), "-sS", "--url", f"smtp://{self.server}", "--mail-from", "a@client.example",
            "--mail-rcpt", "curl@here.example", "--upload-file", str(mail))
        self.assertEqual(self.received("curl@here.example"), mail.read_bytes())

    def test_swaks(self):
        log = run(tool("swaks"), "--server", "127.0.0.1", "--port", str(self.gateway.port), "--from", "a@client.example",
                  "--to", "swaks@here.example,swaks2@here.example", "--header", "Subject: swaks", "--body", "line\n.\n.dot\n",
                  "--pipeline")
        self.assertIn("250", log)
        for recipient in ("swaks@here.example", "swaks2@here.example"):
            self.assertIn(b"Subject: swaks\r\n", self.received(recipient))
            self.assertIn(b"line\r\n.\r\n.dot\r\n", self.received(recipient))

    def test_swaks_attachment(self):
        attachment = self.gateway.folder / "attachment.bin"
        attachment.write_bytes(bytes(range(256)) * 2000)
        run(tool("swaks"), "--server", "127.0.0.1", "--port", str(self.gateway.port), "--from", "a@client.example",
            "--to", "swaksatt@here.example", "--attach", f"@{attachment}")
        self.assertGreater(len(self.received("swaksatt@here.example")), 500_000)

    def test_smtplib(self):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "a@client.example", "py@here.example", "smtplib"
        message.set_content("Grüße\n.\nend\n")
        with smtplib.SMTP("127.0.0.1", self.gateway.port, timeout=10) as client:
            self.assertEqual(client.ehlo()[0], 250)
            for extension in ("pipelining", "size", "8bitmime", "smtputf8", "enhancedstatuscodes", "chunking", "dsn", "limits"):
                self.assertTrue(client.has_extn(extension), extension)
            self.assertFalse(client.has_extn("binarymime"))
            self.assertEqual(client.esmtp_features["size"], str(50 * 1024 * 1024))
            self.assertEqual(client.verify("py@here.example")[0], 252)
            self.assertEqual(client.expn("list")[0], 502)
            self.assertEqual(client.noop()[0], 250)
            self.assertEqual(client.docmd("HELP")[0], 214)
            client.send_message(message)
            client.send_message(message, to_addrs=["py2@here.example"])
        stored = self.received("py@here.example")
        self.assertIn("Grüße".encode(), stored)
        self.assertEqual(stored, self.received("py2@here.example"))

    def test_smtplib_helo(self):
        with smtplib.SMTP("127.0.0.1", self.gateway.port, timeout=10) as client:
            client.helo()
            client.sendmail("", ["helo@here.example"], "Subject: null sender\r\n\r\nbody\r\n")
        (stored,) = self.gateway.wait_delivered(1, "helo@here.example")
        self.assertIn(b"Return-Path: <>", stored)

    def test_nodemailer(self):
        modules = pathlib.Path(os.environ.get("NODE_PATH", TOOLS / "node_modules"))
        self.assertTrue((modules / "nodemailer").is_dir(), f"nodemailer is not in {modules}: run tools/setup --test")
        out = run(tool("node"), str(pathlib.Path(__file__).parent / "nodemailer_client.js"), str(self.gateway.port),
                  env={**os.environ, "NODE_PATH": str(modules)})
        self.assertIn("15 sent", out)
        self.assertIn(b"Subject: plain\r\n", self.received("plain@here.example"))
        self.assertIn(b'filename=zeros.bin', self.received("attachment@here.example"))
        self.assertGreater(len(self.received("attachment@here.example")), 1_400_000)
        self.assertEqual(len(self.gateway.wait_delivered(10, "pool@here.example")), 10)
        self.received("dsn@here.example")
        self.received("stream@here.example")
        utf8 = [p for p in self.gateway.delivered() if b"Subject: utf8" in p.read_bytes()]
        self.assertEqual(len(utf8), 1)
        self.assertIn("jürgen@client.example".encode(), utf8[0].read_bytes())


if __name__ == "__main__":
    unittest.main()
