"""Real servers as next hops: the whole of Postfix, Dovecot's LMTP, and smtp-sink with its switches for failures."""

import unittest

from dovecot import Dovecot
from gateway import Gateway, lmtp_route, maildir_route, next_hop_route, wait_until
from postfix import Postfix, Sink, source
from report import Report

BODY = b"Subject: real\r\nFrom: <sender@client.example>\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@client.example>\r\n\r\n"


class Servers(unittest.TestCase):
    def start(self, route, **relay):
        gateway = Gateway()
        gateway.configure({"relay": {"retry": ["300ms"], **relay}, "route": [maildir_route(gateway.mail, "client.example"), route]})
        return self.enterContext(gateway)


class ToPostfix(Servers):
    def test_mail_lands_whole(self):
        """Postfix offers CHUNKING, DSN, SMTPUTF8 and SIZE; it refuses a recipient, and what is too large."""
        with Postfix() as postfix:
            gateway = self.start(next_hop_route(postfix.port), idle_close="100ms")
            texts = [b"%d\r\n" % i + b"x" * 70 * i + b"\r\n.\r\n..end\r\n" for i in range(20)]
            for text in texts:
                gateway.send("box@far.example", message=BODY + text)
            texts.append("Grüße\r\n".encode())
            gateway.send("box@far.example", message=BODY + texts[-1], parameters=" BODY=8BITMIME")
            wait_until(lambda: len(postfix.delivered()) == 21, 20, lambda: gateway.log() + postfix.log())
            stored = [s.replace(b"\n", b"\r\n").partition(BODY)[2] for s in postfix.delivered()]
            self.assertEqual(sorted(stored), sorted(texts))
            wait_until(lambda: " bdat=" in postfix.log(), 10, postfix.log)  # it tells what it has heard when a connection ends
            wait_until(lambda: not gateway.queued())

            gateway.send("box@far.example", message=BODY + (b"y" * 998 + b"\r\n") * 10_500)  # over its 10,240,000 bytes
            report = Report(*gateway.wait_delivered(1, "sender@client.example"))
            self.assertEqual(report.recipients[0]["Status"], "5.3.4")


class ToDovecot(Servers):
    def test_mailboxes(self):
        with Dovecot("a@store.example", "b@store.example") as dovecot:
            gateway = self.start(lmtp_route(dovecot.socket))
            gateway.send("a@store.example", "unknown@store.example", "b@store.example", message=BODY + b"for both\r\n.\r\n")
            for address in ("a@store.example", "b@store.example"):
                (stored,) = wait_until(lambda: dovecot.fetch(address), 10, lambda: gateway.log() + dovecot.log())
                self.assertIn(b"Return-Path: <sender@client.example>\n", stored)
                self.assertTrue(stored.endswith((BODY + b"for both\r\n.\r\n").replace(b"\r\n", b"\n")), stored)
            report = Report(*gateway.wait_delivered(1, "sender@client.example"))
            self.assertEqual([r["Final-Recipient"] for r in report.recipients], ["rfc822;unknown@store.example"])
            self.assertEqual(report.recipients[0]["Status"], "5.1.1")
            wait_until(lambda: not gateway.queued())
            self.assertEqual(gateway.run("check", "--config", str(gateway.file)).returncode, 0)

    def test_many(self):
        with Dovecot("a@store.example") as dovecot:
            gateway = self.start(lmtp_route(dovecot.socket))
            self.assertEqual(source(gateway.port, 200, "a@store.example", "-d", sessions=10).returncode, 0)
            wait_until(lambda: not gateway.queued(), 20, gateway.log)
            self.assertEqual(len(dovecot.fetch("a@store.example")), 200)


class ToASink(Servers):
    """-r: 4xx, -f: 5xx, -q: the connection is closed; -h: another name. Each at one command of the conversation."""

    def outcome(self, *switches):
        """The state that a recipient comes to, and the text with it; or "returned" and its status."""
        with Sink(*switches) as sink:
            gateway = self.start(next_hop_route(sink.port), retry=["1h"])
            gateway.send("a@far.example")

            def seen():
                queued = gateway.queued()
                if not queued:
                    reports = [Report(p.read_bytes()) for p in gateway.delivered("sender@client.example")]
                    return ("returned", reports[0].recipients[0]["Status"]) if reports else ("delivered", "")
                return next(((r["state"], r["text"]) for m in queued for r in m["recipients"] if r["state"] == "deferred"), None)

            found = wait_until(seen, 10, gateway.log)
            gateway.kill()
            return found

    def test_refusals(self):
        for stage in ("mail", "rcpt", "data", "."):
            with self.subTest(stage):
                state, status = self.outcome("-f", stage)
                self.assertEqual(state, "returned")
                self.assertRegex(status, "^5")
                state, text = self.outcome("-r", stage)
                self.assertEqual(state, "deferred")
                self.assertRegex(text, "^4")

    def test_what_is_refused_before_a_message_is_no_fault_of_it(self):
        for switch in ("-f", "-r", "-q"):
            with self.subTest(switch):
                self.assertEqual(self.outcome(switch, "connect")[0], "deferred")

    def test_connections_that_break(self):
        for stage in ("ehlo", "mail", "rcpt", "data", "."):
            with self.subTest(stage):
                self.assertEqual(self.outcome("-q", stage)[0], "deferred")

    def test_what_does_no_harm(self):
        """Another name, no pipelining, no EHLO."""
        for switches in (("-h", "sink.example", "-p"), ("-f", "ehlo"), ("-e",)):
            with self.subTest(switches):
                self.assertEqual(self.outcome(*switches)[0], "delivered")


if __name__ == "__main__":
    unittest.main()
