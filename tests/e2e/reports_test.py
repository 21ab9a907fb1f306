"""What senders are told, field by field (RFC 3461, 3464, 6522), and what nobody is told."""

import datetime
import email.utils
import unittest

from gateway import Gateway, free_port, maildir_route, next_hop_route, wait_until
from next_hop import NextHop
from report import Report

MESSAGE = b"From: <sender@client.example>\r\nSubject: report\r\nMessage-ID: <1@client.example>\r\n\r\nthe text of it\r\n"


class Reports(unittest.TestCase):
    def start(self, hop, relay=None, reports=None, extensions=()):
        gateway = Gateway()
        gateway.configure({"relay": {"retry": ["200ms"], "expiry": "1h", **(relay or {})}, "reports": reports or {},
                           "route": [maildir_route(gateway.mail, "client.example"), maildir_route(gateway.mail, "gateway.example"),
                                     next_hop_route(hop.port if hop else free_port())]})
        return self.enterContext(gateway)

    def send(self, gateway, *recipients, sender="sender@client.example", parameters="", message=MESSAGE):
        """Recipients with their parameters: "a@far.example NOTIFY=NEVER"."""
        with gateway.client() as client:
            client.ask("EHLO client.example")
            self.assertEqual(client.ask(f"MAIL FROM:<{sender}>{parameters}").code, 250)
            for recipient in recipients:
                address, _, more = recipient.partition(" ")
                self.assertEqual(client.ask(f"RCPT TO:<{address}> {more}".rstrip()).code, 250)
            reply = client.data(message)
            self.assertEqual(reply.code, 250)
            return reply.text.split()[-1]

    def report(self, gateway, recipient="sender@client.example"):
        return Report(*gateway.wait_delivered(1, recipient))

    def settled(self, gateway):
        wait_until(lambda: not gateway.queued(), 10, lambda: f"{gateway.queued()}\n{gateway.log()}")


class Failure(Reports):
    def test_field_by_field(self):
        with NextHop(0, {"bad@far.example": "550 5.1.1 no such user", "odd@far.example": "554-what a\r\n554 name"}) as hop:
            gateway = self.start(hop)
            queue_id = self.send(gateway, "bad@far.example ORCPT=rfc822;first+2Blast@old.example", "good@far.example", "odd@far.example",
                                 parameters=" ENVID=QQ+2B314")
            report = self.report(gateway)
            (stored,) = gateway.wait_delivered(1, "sender@client.example")
            self.assertTrue(stored.startswith(b"Return-Path: <>"), stored[:200])

            message = report.message
            self.assertEqual(message["From"].addresses[0].addr_spec, "postmaster@gateway.example")
            self.assertEqual(message["To"].addresses[0].addr_spec, "sender@client.example")
            self.assertTrue(message["Subject"])
            self.assertRegex(message["Message-ID"], r"<[^@\s]+@gateway\.example>")
            self.assertEqual(message["Auto-Submitted"], "auto-replied")
            self.assertEqual(message["MIME-Version"], "1.0")
            self.assertEqual(message.get_param("report-type"), "delivery-status")
            now = datetime.datetime.now(datetime.timezone.utc)
            self.assertLess(abs((message["Date"].datetime - now).total_seconds()), 60)

            self.assertEqual(report.types, ["text/plain", "message/delivery-status", "message/rfc822"])
            for part in ("bad@far.example", "no such user", "odd@far.example"):
                self.assertIn(part, report.readable)
            self.assertNotIn("good@far.example", report.readable)

            self.assertEqual(report.fields["Reporting-MTA"], "dns; gateway.example")
            self.assertEqual(report.fields["Original-Envelope-Id"], "QQ+314")
            self.assertIn("client.example", report.fields["Received-From-MTA"])
            self.assertLess(abs((email.utils.parsedate_to_datetime(report.fields["Arrival-Date"]) - now).total_seconds()), 60)
            self.assertIn(queue_id, report.fields.values())

            self.assertEqual(len(report.recipients), 2, "one report for those that failed together")
            bad = report.recipient("bad@far.example")
            self.assertEqual(bad["Original-Recipient"], "rfc822;first+last@old.example")
            self.assertEqual(bad["Final-Recipient"], "rfc822;bad@far.example")
            self.assertEqual((bad["Action"], bad["Status"]), ("failed", "5.1.1"))
            self.assertEqual(bad["Diagnostic-Code"], "smtp; 550 5.1.1 no such user")
            self.assertIn("127.0.0.1", bad["Remote-MTA"])
            self.assertLess(abs((email.utils.parsedate_to_datetime(bad["Last-Attempt-Date"]) - now).total_seconds()), 60)
            odd = report.recipient("odd@far.example")
            self.assertEqual(odd["Status"], "5.0.0")
            self.assertNotIn("Original-Recipient", odd)
            self.assertEqual(" ".join(odd["Diagnostic-Code"].split()), "smtp; 554 what a name")

            returned = report.returned.get_content()
            self.assertEqual(returned["Message-ID"], "<1@client.example>")
            self.assertEqual(returned.get_content().strip(), "the text of it")
            self.settled(gateway)
            self.assertEqual(len(gateway.delivered()), 1)

    def test_a_bad_recipient_comes_back_though_another_waits(self):
        with NextHop(0, {"bad@far.example": "550 5.1.1 no", "later@far.example": "451 4.2.1 later"}) as hop:
            gateway = self.start(hop, {"retry": ["1h"]})
            self.send(gateway, "bad@far.example", "later@far.example", "good@far.example")
            report = self.report(gateway)
            self.assertEqual([r["Final-Recipient"] for r in report.recipients], ["rfc822;bad@far.example"])
            (message,) = [m for m in gateway.queued() if not m["report"]]
            self.assertEqual({r["address"]: r["state"] for r in message["recipients"]}["later@far.example"], "deferred")

    def test_what_is_returned(self):
        """The whole of a small message, the header of a large one, and what RET asks for."""
        large = MESSAGE + b"x" * 70_000 + b"\r\n"
        for message, parameters, kind in ((MESSAGE, " RET=FULL", "message/rfc822"), (MESSAGE, " RET=HDRS", "text/rfc822-headers"),
                                          (large, "", "text/rfc822-headers"), (MESSAGE, "", "message/rfc822")):
            with self.subTest(size=len(message), parameters=parameters), NextHop(0, {"a@far.example": "550 5.1.1 no"}) as hop:
                gateway = self.start(hop)
                self.send(gateway, "a@far.example", parameters=parameters, message=message)
                (stored,) = gateway.wait_delivered(1, "sender@client.example")
                report = Report(stored)
                self.assertEqual(report.types[2], kind)
                self.assertIn(b"Message-ID: <1@client.example>", stored)
                self.assertEqual(b"the text of it" in stored, kind == "message/rfc822")
                self.assertLess(len(stored), 10_000)

    def test_notify(self):
        with NextHop(0, {f"{i}@far.example": "550 5.1.1 no" for i in range(4)}) as hop:
            gateway = self.start(hop)
            self.send(gateway, "0@far.example NOTIFY=NEVER", "1@far.example NOTIFY=DELAY,SUCCESS", "2@far.example NOTIFY=FAILURE",
                      "3@far.example")
            report = self.report(gateway)
            self.assertEqual({r["Final-Recipient"] for r in report.recipients}, {"rfc822;2@far.example", "rfc822;3@far.example"})
            self.settled(gateway)
            self.assertEqual(len(gateway.delivered()), 1)

    def test_utf8(self):
        with NextHop(0, {"grüße@far.example": "550 5.1.1 nein"}) as hop:
            gateway = self.start(hop)
            self.send(gateway, "grüße@far.example", sender="jürgen@client.example", parameters=" SMTPUTF8")
            (stored,) = gateway.wait_delivered(1, "*@client.example")
            self.assertIn(b"Content-Type: message/global-delivery-status\r\n", stored)
            self.assertIn("Final-Recipient: utf-8;grüße@far.example\r\n".encode(), stored)


class OtherReports(Reports):
    def test_delay(self):
        gateway = self.start(None, {"delay_notice": "1s"})
        self.send(gateway, "a@far.example", "b@far.example NOTIFY=FAILURE", "c@far.example NOTIFY=DELAY ORCPT=rfc822;c@old.example",
                  parameters=" ENVID=7")
        report = self.report(gateway)
        self.assertEqual({r["Final-Recipient"] for r in report.recipients}, {"rfc822;a@far.example", "rfc822;c@far.example"})
        fields = report.recipient("c@far.example")
        self.assertEqual((fields["Action"], fields["Status"][0]), ("delayed", "4"))
        self.assertEqual(fields["Original-Recipient"], "rfc822;c@old.example")
        until = email.utils.parsedate_to_datetime(fields["Will-Retry-Until"])
        self.assertAlmostEqual((until - datetime.datetime.now(datetime.timezone.utc)).total_seconds(), 3600, delta=60)
        self.assertEqual(report.fields["Original-Envelope-Id"], "7")
        self.assertEqual(report.types[2], "text/rfc822-headers")

    def test_success_where_the_next_hop_tells_nobody(self):
        with NextHop(0) as hop:
            gateway = self.start(hop)
            self.send(gateway, "a@far.example NOTIFY=SUCCESS", "b@far.example", "m@client.example NOTIFY=SUCCESS,FAILURE")
            gateway.wait_delivered(1, "sender@client.example")
            self.settled(gateway)
            reports = [Report(p.read_bytes()) for p in gateway.delivered("sender@client.example")]
            actions = {r["Final-Recipient"]: (r["Action"], r["Status"][0]) for report in reports for r in report.recipients}
            self.assertEqual(actions, {"rfc822;a@far.example": ("relayed", "2"), "rfc822;m@client.example": ("delivered", "2")})
            self.assertEqual({report.types[2] for report in reports}, {"text/rfc822-headers"})

    def test_success_is_left_to_a_next_hop_that_tells(self):
        with NextHop(0, extensions=("PIPELINING", "DSN")) as hop:
            gateway = self.start(hop)
            self.send(gateway, "a@far.example NOTIFY=SUCCESS ORCPT=rfc822;a@old.example", parameters=" RET=HDRS ENVID=8")
            wait_until(lambda: hop.messages, 10, gateway.log)
            self.settled(gateway)
            self.assertEqual(gateway.delivered(), [])
            (command,) = [c for c in hop.commands if c.startswith("RCPT")]
            self.assertIn("NOTIFY=SUCCESS", command)
            self.assertIn("ORCPT=rfc822;a@old.example", command)


class Nobody(Reports):
    """No two servers can keep each other busy, and nothing is lost without a trace."""

    def dead_letters(self, gateway):
        return [p for p in (gateway.data / "dead-letters").rglob("new/*") if p.is_file()]

    def test_mail_from_nobody_is_kept(self):
        with NextHop(0, {"a@far.example": "550 5.1.1 no"}) as hop:
            gateway = self.start(hop)
            self.send(gateway, "a@far.example", sender="")
            (path,) = wait_until(lambda: self.dead_letters(gateway), 10, gateway.log)
            self.assertIn(b"the text of it", path.read_bytes())
            self.settled(gateway)
            self.assertEqual(gateway.delivered(), [])

    def test_a_report_that_cannot_be_delivered_goes_to_postmaster_once(self):
        with NextHop(0, {"a@far.example": "550 5.1.1 no", "nobody@far.example": "550 5.1.1 neither"}) as hop:
            gateway = self.start(hop)
            self.send(gateway, "a@far.example", sender="nobody@far.example")
            report = self.report(gateway, "postmaster@gateway.example")
            self.assertEqual([r["Final-Recipient"] for r in report.recipients], ["rfc822;nobody@far.example"])
            self.settled(gateway)
            self.assertEqual(len(gateway.delivered()), 1)
            self.assertEqual(self.dead_letters(gateway), [])
            self.assertEqual(sum(c.startswith("MAIL FROM:<>") for c in hop.commands), 1)

    def test_what_postmaster_cannot_get_either_is_kept(self):
        refused = {name: "550 5.1.1 no" for name in ("a@far.example", "nobody@far.example", "post@far.example")}
        with NextHop(0, refused) as hop:
            gateway = self.start(hop, reports={"postmaster": "post@far.example"})
            self.send(gateway, "a@far.example", sender="nobody@far.example")
            (path,) = wait_until(lambda: self.dead_letters(gateway), 10, gateway.log)
            self.assertIn(b"nobody@far.example", path.read_bytes())
            self.settled(gateway)
            self.assertEqual(gateway.delivered(), [])

    def test_copies_for_the_administrator(self):
        with NextHop(0, {"bad@far.example": "550 5.1.1 no", "spam@far.example": "550 5.7.1 spam"}) as hop:
            gateway = self.start(hop, reports={"copy_to": "admin@client.example", "copy_for": ["content"]})
            self.send(gateway, "bad@far.example", sender="one@client.example")
            self.send(gateway, "spam@far.example", sender="two@client.example")
            for name in ("one", "two"):
                gateway.wait_delivered(1, f"{name}@client.example")
            self.settled(gateway)
            (copy,) = gateway.delivered("admin@client.example")
            self.assertIn(b"spam@far.example", copy.read_bytes())

    def test_a_message_that_goes_round_comes_back(self):
        """Its own Received lines tell; the next hop sends everything back here."""
        port = free_port()
        with Gateway(port=port) as back:
            back.stop()
            gateway = Gateway()
            back.configure({"hostname": "other.example", "route": [next_hop_route(gateway.port)]})
            gateway.configure({"limits": {"own_hops": 3}, "route": [maildir_route(gateway.mail, "client.example"), next_hop_route(port)]})
            back.start()
            with gateway:
                self.send(gateway, "a@far.example")
                report = Report(*gateway.wait_delivered(1, "sender@client.example"))
                self.assertEqual(report.recipients[0]["Status"], "5.4.6")


if __name__ == "__main__":
    unittest.main()
