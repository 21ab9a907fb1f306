"""Input that no honest client sends: each gets its reply or a clean close, and no other conversation notices."""

import time
import unittest

from gateway import Gateway, wait_until, split_message
from smtp import Closed
from smuggling import FALSE_ENDS, smuggle

GOOD = b"Subject: good\r\n\r\ngood\r\n"


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = cls.enterClassContext(Gateway())

    def setUp(self):
        self.bystander = self.enterContext(self.gateway.client())
        self.bystander.start("bystander@here.example")
        self.assertEqual(self.bystander.ask("DATA").code, 354)
        self.bystander.send(b"Subject: bystander\r\n\r\nhalf of ")

    def tearDown(self):
        """Whatever a test did: a conversation that was in mid-DATA goes on."""
        self.bystander.send(b"it\r\n.\r\n")
        self.assertEqual(self.bystander.reply().code, 250)

    def client(self):
        return self.enterContext(self.gateway.client())

    def test_false_ends_of_data(self):
        for name, end in FALSE_ENDS.items():
            with self.subTest(name), self.gateway.client() as client:
                client.start("first@here.example")
                client.ask("DATA")
                client.send(smuggle(end))
                replies = client.rest()
                self.assertEqual([r.code for r in replies], [521], replies)
        time.sleep(0.3)
        self.assertEqual(self.gateway.delivered("smuggled@here.example"), [])
        self.assertEqual(self.gateway.delivered("first@here.example"), [])

    def test_bare_newline_in_bdat(self):
        client = self.client()
        client.start("bdatlf@here.example")
        body = b"Subject: x\n\nbare\n"
        client.send(b"BDAT %d LAST\r\n" % len(body) + body)
        self.assertEqual([r.code for r in client.rest()], [521])
        self.assertEqual(self.gateway.delivered("bdatlf@here.example"), [])

    def test_bare_newline_in_a_command(self):
        client = self.client()
        client.send(b"EHLO client.example\nMAIL FROM:<a@b.example>\r\n")
        self.assertGreaterEqual(client.reply().code, 500)

    def test_nul_in_a_command(self):
        client = self.client()
        client.ask("EHLO client.example")
        self.assertIn(client.ask(b"MAIL FROM:<a\0b@client.example>").code, (500, 501, 553))
        self.assertIn(client.ask(b"NOOP \0").code, (500, 501))
        self.assertEqual(client.ask("MAIL FROM:<ab@client.example>").code, 250)

    def test_long_command_line(self):
        client = self.client()
        client.ask("EHLO client.example")
        self.assertEqual(client.ask("NOOP " + "x" * 2995).code, 500)
        self.assertEqual(client.ask("NOOP " + "x" * 2041).code, 250)  # 2,048 with its CR LF
        self.assertEqual(client.ask("NOOP " + "x" * 2042).code, 500)
        client.send(b"y" * 1_000_000 + b"\r\n")
        self.assertEqual(client.reply().code, 500)
        self.assertEqual(client.ask("NOOP").code, 250)

    def test_error_flood(self):
        client = self.client()
        client.ask("EHLO client.example")
        client.send(b"RUBBISH\r\n" * 200)
        codes = [r.code for r in client.rest()]
        self.assertEqual(codes[-1], 421)
        self.assertTrue(all(code in (500, 502) for code in codes[:-1]), codes)
        self.assertLessEqual(abs(len(codes) - 21), 1, "421 after 20 errors")

    def test_binary_garbage(self):
        client = self.client()
        client.send(bytes(range(256)) * 500 + b"\r\n" * 30)
        replies = client.rest()
        self.assertTrue(replies and all(r.code >= 400 for r in replies), replies)

    def test_an_http_client(self):
        client = self.client()
        client.send(b"POST / HTTP/1.1\r\nHost: gateway.example\r\nContent-Length: 5\r\n\r\nMAIL FROM:<a@b.example>\r\n")
        self.assertGreaterEqual(client.reply().code, 421)

    def test_talk_after_quit(self):
        client = self.client()
        client.send(b"EHLO client.example\r\nQUIT\r\nMAIL FROM:<a@client.example>\r\nNOOP\r\n")
        self.assertEqual([r.code for r in client.rest()], [250, 221])

    def test_talk_before_the_greeting(self):
        client = self.enterContext(self.gateway.client(greet=False))
        client.send(b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nQUIT\r\n")
        codes = [r.code for r in client.rest()]
        self.assertIn(codes, ([220, 250, 250, 221], [554], [220, 554], [220, 503, 503, 221]))

    def test_size_lies(self):
        client = self.client()
        client.ask("EHLO client.example")
        self.assertEqual(client.ask(f"MAIL FROM:<a@client.example> SIZE={50 * 1024 * 1024 + 1}").code, 552)
        self.assertEqual(client.ask("MAIL FROM:<a@client.example> SIZE=99999999999999999999999999").code // 100, 5)
        self.assertEqual(client.ask("MAIL FROM:<a@client.example> SIZE=-1").code, 501)
        self.assertEqual(client.ask("MAIL FROM:<a@client.example> SIZE=10").code, 250)
        self.assertEqual(client.ask("RCPT TO:<sizelie@here.example>").code, 250)
        reply = client.data(b"Subject: longer than it said\r\n\r\n" + b"x" * 5000 + b"\r\n")
        self.assertIn(reply.code, (250, 552))

    def test_parameters(self):
        client = self.client()
        client.ask("EHLO client.example")
        for parameter in ("BODY=BINARYMIME", "BODY=", "WRONG=1", "SIZE=1 SIZE=2", "RET=SOME", "ENVID="):
            self.assertIn(client.ask(f"MAIL FROM:<a@client.example> {parameter}").code, (501, 504, 555), parameter)
        self.assertEqual(client.ask("MAIL FROM:<a@client.example> BODY=8BITMIME RET=HDRS ENVID=a+2Bb SMTPUTF8").code, 250)
        self.assertEqual(client.ask("RCPT TO:<x@here.example> NOTIFY=NEVER,SUCCESS").code, 501)
        self.assertEqual(client.ask("RCPT TO:<x@here.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@y.example").code, 250)

    def test_bdat_with_wrong_counts(self):
        for count in ("", "x", "-1", "99999999999999999999", "1 2", "1 LAST LAST"):
            with self.subTest(count), self.gateway.client() as client:
                client.start("bdat@here.example")
                self.assertEqual(client.ask(f"BDAT {count}").code // 100, 5)
        with self.subTest("before RCPT"), self.gateway.client() as client:
            client.ask("EHLO client.example")
            client.ask("MAIL FROM:<a@client.example>")
            client.send(b"BDAT 10 LAST\r\nRUBBISH\r\n\r")  # its ten bytes are swallowed, not run
            self.assertIn(client.reply().code, (503, 554))
            client.send(b"NOOP\r\n")
            self.assertEqual(client.reply().code, 250 if client.buffer == b"" else 500)
        with self.subTest("too few"), self.gateway.client() as client:
            client.start("bdat@here.example")
            client.send(b"BDAT 20\r\nshort\r\n")
            client.socket.shutdown(1)
            self.assertFalse([r for r in client.rest() if r.code == 250])
        with self.subTest("too many"), self.gateway.client() as client:
            client.start("bdat@here.example")
            client.send(b"BDAT 12\r\nSubject: x\r\nXYZZY\r\n")
            self.assertEqual([client.reply().code, client.reply().code], [250, 500])
        with self.subTest("DATA after BDAT"), self.gateway.client() as client:
            client.start("bdat@here.example")
            client.send(b"BDAT 12\r\nSubject: x\r\n")
            self.assertEqual(client.reply().code, 250)
            self.assertEqual(client.ask("DATA").code, 503)
        self.assertEqual(self.gateway.delivered("bdat@here.example"), [])

    def test_bdat_in_pieces(self):
        client = self.client()
        client.start("bdatgood@here.example")
        body = b"Subject: chunks\r\n\r\n.dot stays\r\n.\r\nXXX\r\n"
        for i in range(0, len(body), 7):
            client.send(b"BDAT %d\r\n" % len(body[i:i + 7]) + body[i:i + 7])
            self.assertEqual(client.reply().code, 250)
        self.assertEqual(client.ask("BDAT 0 LAST").code, 250)
        (stored,) = self.gateway.wait_delivered(1, "bdatgood@here.example")
        self.assertEqual(split_message(stored)[1], body)

    def test_resets_in_mid_data(self):
        before = self.gateway.descriptors()
        for i in range(50):
            client = self.gateway.client()
            client.start("reset@here.example")
            client.ask("DATA")
            client.send(b"Subject: x\r\n\r\n" + b"x" * (i * 4000))
            client.reset()
        wait_until(lambda: self.gateway.descriptors() <= before, 10, "descriptors of reset connections are freed")
        self.assertEqual(self.gateway.delivered("reset@here.example"), [])

    def test_resets_at_every_step(self):
        steps = [b"EHLO client.example\r\n", b"MAIL FROM:<a@client.example>\r\n", b"RCPT TO:<reset@here.example>\r\n", b"DATA\r\n",
                 b"Subject: x\r\n", b"\r\nbody\r\n", b"BDAT 100000\r\n", b"QUIT\r\n"]
        for i in range(len(steps)):
            client = self.gateway.client(greet=False)
            client.send(b"".join(steps[:i]))
            client.reset()
        self.assertEqual(self.gateway.delivered("reset@here.example"), [])

    def test_commands_out_of_order(self):
        client = self.client()
        for command in ("MAIL FROM:<a@client.example>", "RCPT TO:<a@here.example>", "DATA"):
            self.assertEqual(client.ask(command).code, 503, command)
        client.ask("EHLO client.example")
        for command in ("RCPT TO:<a@here.example>", "DATA", "BDAT 0 LAST"):
            self.assertEqual(client.ask(command).code, 503, command)
        self.assertEqual(client.ask("MAIL FROM:<a@client.example>").code, 250)
        self.assertEqual(client.ask("MAIL FROM:<a@client.example>").code, 503)
        self.assertIn(client.ask("DATA").code, (503, 554))
        self.assertEqual(client.ask("RSET").code, 250)
        self.assertEqual(client.ask("RCPT TO:<a@here.example>").code, 503)

    def test_addresses_too_long(self):
        client = self.client()
        client.ask("EHLO client.example")
        client.ask("MAIL FROM:<a@client.example>")
        for address in (f"{'a' * 246}@here.example", f"a@{'b' * 256}.example", "a@" + "b." * 600 + "example", "@", "a@", "a b@c", "a@b..c"):
            self.assertEqual(client.ask(f"RCPT TO:<{address}>").code // 100, 5, address)
        self.assertEqual(client.ask(f"RCPT TO:<{'a' * 64}@here.example>").code, 250)

    def test_addresses_of_every_kind(self):
        client = self.client()
        client.start("x@here.example")
        for path in ("<postmaster>", "<Postmaster@here.example>", '<"quoted local"@here.example>', r'<"a\"b"@here.example>',
                     "<@one.example,@two.example:routed@here.example>", "<literal@[127.0.0.1]>", "<literal@[IPv6:::1]>"):
            self.assertEqual(client.ask(f"RCPT TO:{path}").code, 250, path)
        self.assertEqual(client.data(GOOD).code, 250)
        self.gateway.wait_delivered(1, "routed@here.example")

    def test_a_path_that_leaves_the_mailbox(self):
        client = self.client()
        client.start('"../../../escape"@here.example', '"a/b"@here.example', '".."@here.example')
        self.assertEqual(client.data(GOOD).code, 250)
        wait_until(lambda: len(list((self.gateway.mail / "here.example").glob("*%2*/new/*"))) >= 3)
        self.assertEqual([p for p in self.gateway.folder.rglob("escape*")], [])

    def test_loop(self):
        client = self.client()
        reply = client.message(b"Received: from x by y; Mon, 1 Jan 2024 00:00:00 +0000\r\n" * 101 + GOOD, "loop@here.example")
        self.assertEqual(reply.code, 554)
        self.assertEqual(client.message(b"Received: from x by y; Mon, 1 Jan 2024 00:00:00 +0000\r\n" * 90 + GOOD,
                                        "noloop@here.example").code, 250)
        wait_until(lambda: self.gateway.events(4098))

    def test_text_is_never_a_format(self):
        client = self.client()
        hostile = "%s%n%x%d{}{0}$(id)"
        client.ask(f"EHLO {hostile}")
        client.ask("EHLO client.example")
        client.ask(f"MAIL FROM:<{hostile.replace('(', '').replace(')', '')}@client.example>")
        client.ask("RSET")
        self.assertEqual(client.message(f"Subject: {hostile}\r\n\r\n{hostile}\r\n".encode(), "format@here.example").code, 250)

    def test_replies_are_not_read(self):
        client = self.client()
        client.ask("EHLO client.example")
        client.socket.settimeout(3)
        try:
            for _ in range(400):
                client.send(b"HELP\r\n" * 5000)
        except (TimeoutError, Closed):
            pass  # it stops reading when its replies are not taken: this is the back-pressure
        self.assertLess(self.gateway.status("VmRSS"), 300_000)


class SlowPeers(unittest.TestCase):
    def test_timeouts(self):
        timeouts = {"greeting": "1s", "command": "1s", "data_initiation": "1s", "data_block": "1s"}
        with Gateway({"timeouts": timeouts}) as gateway:
            silent = self.enterContext(gateway.client())
            in_data = self.enterContext(gateway.client())
            in_data.start("slow@here.example")
            in_data.ask("DATA")
            in_data.send(b"Subject: x\r\n")
            in_bdat = self.enterContext(gateway.client())
            in_bdat.start("slow@here.example")
            in_bdat.send(b"BDAT 1000\r\nabc")
            start = time.monotonic()
            for client in (silent, in_data, in_bdat):
                self.assertEqual([r.code for r in client.rest()], [421])
            self.assertLess(time.monotonic() - start, 5)
            wait_until(lambda: gateway.events(4051))

    def test_drop_by_drop(self):
        """A line that never ends, a byte at a time, does not move the deadline of its command."""
        with Gateway({"timeouts": {"command": "2s"}}) as gateway, gateway.client() as client:
            client.ask("EHLO client.example")
            start = time.monotonic()
            try:
                while time.monotonic() - start < 10:
                    client.send(b"N")
                    time.sleep(0.1)
            except Closed:
                pass
            self.assertLess(time.monotonic() - start, 5)

    def test_least_rate(self):
        with Gateway({"limits": {"data_rate_min": 1000}, "timeouts": {"data_rate_grace": "2s"}}) as gateway, gateway.client() as client:
            client.start("slow@here.example")
            client.ask("DATA")
            start = time.monotonic()
            try:
                while time.monotonic() - start < 15:
                    client.send(b"x")
                    time.sleep(0.1)
            except Closed:
                pass
            self.assertLess(time.monotonic() - start, 12)


class Normalize(unittest.TestCase):
    def test_repairs(self):
        with Gateway({"bare_newline": "normalize"}) as gateway:
            for name, end in FALSE_ENDS.items():
                with self.subTest(name), gateway.client() as client:
                    client.start("normal@here.example")
                    client.ask("DATA")
                    client.send(smuggle(end))
                    self.assertEqual(client.reply().code, 250)  # at the true end, which is that of the "second" message
                    self.assertEqual(client.ask("NOOP").code, 250)
            stored = gateway.wait_delivered(len(FALSE_ENDS), "normal@here.example")
            self.assertEqual(gateway.delivered("smuggled@here.example"), [])
            for message in stored:
                self.assertEqual(message.replace(b"\r\n", b"").count(b"\n"), 0)
                self.assertEqual(message.replace(b"\r\n", b"").count(b"\r"), 0)
                self.assertIn(b"Subject: smuggled\r\n", message)


if __name__ == "__main__":
    unittest.main()
