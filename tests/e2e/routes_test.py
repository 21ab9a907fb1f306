"""Every kind of route takes its mail where it should; `check` and `route` say so beforehand."""

import unittest

from dns_server import DnsServer, resolver
from gateway import EX_CONFIG, Gateway, free_port, lmtp_route, maildir_route, mx_route, next_hop_route, wait_until
from next_hop import NextHop
from report import Report


class Kinds(unittest.TestCase):
    def setUp(self):
        self.hop = self.enterContext(NextHop(0))
        self.store = self.enterContext(NextHop(0, lmtp=True))
        self.exchange = self.enterContext(NextHop(free_port(), address="127.0.0.2"))
        self.dns = self.enterContext(DnsServer("one MX 10 mail.one\nmail.one A 127.0.0.2\n"))
        gateway = Gateway()
        gateway.configure({
            "dns": resolver(self.dns),
            "route": [
                maildir_route(gateway.mail, "client.example"),
                next_hop_route(self.hop.port, domain="hop.example"),
                next_hop_route(self.hop.port, domain="#exact.example"),
                mx_route(self.exchange.port, "test"),
                lmtp_route(self.store.port, "store.example"),
                {"domain": "moved.example", "reject": "this domain has moved"},
                {"domain": "hole.example", "discard": True},
            ],
        })
        self.gateway = self.enterContext(gateway)

    def test_each_takes_its_own(self):
        self.gateway.send("a@client.example", "a@hop.example", "a@sub.hop.example", "a@exact.example", "a@one.test", "a@store.example",
                          "a@hole.example")
        self.gateway.wait_delivered(1, "a@client.example")
        wait_until(lambda: self.hop.messages and self.exchange.messages and self.store.messages, 10, self.gateway.log)
        wait_until(lambda: not self.gateway.queued(), 10, self.gateway.log)
        self.assertEqual({r for m in self.hop.messages for r in m.recipients}, {"a@hop.example", "a@sub.hop.example", "a@exact.example"})
        self.assertEqual([m.recipients for m in self.exchange.messages], [("a@one.test",)])
        self.assertEqual([m.recipients for m in self.store.messages], [("a@store.example",)])
        self.assertEqual(len(self.gateway.delivered()), 1, "nobody is told anything")

    def test_who_cannot_be_reached_is_refused(self):
        with self.gateway.client() as client:
            client.start()
            for address, code, text in (("a@moved.example", 550, "5.7.1 this domain has moved"),
                                        ("a@sub.moved.example", 550, "5.7.1 this domain has moved"),
                                        ("a@elsewhere.example", 550, "5.1.2"), ("a@sub.exact.example", 550, "5.1.2")):
                reply = client.ask(f"RCPT TO:<{address}>")
                self.assertEqual(reply.code, code)
                self.assertIn(text, reply.text)

    def test_the_route_of_an_address_is_explained(self):
        for address, parts in {
            "a@client.example": ("client.example", str(self.gateway.mail)),
            "a@sub.hop.example": ("hop.example", f"127.0.0.1:{self.hop.port}"),
            "a@one.test": ("mail.one.test", "127.0.0.2", str(self.exchange.port), "10"),
            "a@store.example": ("lmtp", f"127.0.0.1:{self.store.port}"),
            "a@moved.example": ("reject", "this domain has moved"),
            "a@hole.example": ("discard",),
            "a@nowhere.test": ("5.1.2", "nowhere.test"),
        }.items():
            with self.subTest(address):
                done = self.gateway.run("route", address, "--config", str(self.gateway.file))
                for part in parts:
                    self.assertIn(part, done.stdout, done)

    def test_a_route_is_explained_without_a_gateway(self):
        self.gateway.stop()
        self.assertIn("mail.one.test", self.gateway.run("route", "a@one.test", "--config", str(self.gateway.file)).stdout)


class Changed(unittest.TestCase):
    def test_what_was_taken_before_its_route_went(self):
        """It comes back with the text of the new one, and waits where there is none."""
        gateway = Gateway()
        mail, relay, dead = maildir_route(gateway.mail, "client.example"), {"retry": ["500ms"]}, next_hop_route(free_port())
        gateway.configure({"relay": relay, "route": [mail, dead]})
        with gateway:
            gateway.send("a@moved.example", "a@far.example")
            gateway.stop()
            gateway.configure({"relay": relay, "route": [mail, {"domain": "moved.example", "reject": "this domain has moved"}]})
            gateway.start()
            report = Report(*gateway.wait_delivered(1, "sender@client.example"))
            self.assertEqual([r["Final-Recipient"] for r in report.recipients], ["rfc822;a@moved.example"])
            self.assertIn("this domain has moved", report.recipients[0]["Diagnostic-Code"])
            (message,) = [m for m in gateway.queued() if not m["report"]]
            self.assertEqual({r["address"]: r["state"] for r in message["recipients"]}["a@far.example"], "deferred")


class Check(unittest.TestCase):
    """A mistake ends `check` and `serve` with 78, and is told with its line."""

    def refuse(self, route, *parts, port=None, commands=("check", "serve")):
        """The last line of the [[route]] is the mistake."""
        gateway = Gateway(port=port)
        self.addCleanup(gateway.__exit__)
        text = f'hostname = "gateway.example"\nlisten = ["127.0.0.1:{gateway.port}"]\ndata_dir = "{gateway.data}"\n[[route]]\n' + route
        gateway.file.write_text(text)
        line = text.rstrip("\n").count("\n") + 1
        for command in commands:
            with self.subTest(route=route, command=command):
                done = gateway.run(command, "--config", str(gateway.file))
                self.assertEqual(done.returncode, EX_CONFIG, done)
                self.assertIn(f"postern.toml:{line}:", done.stderr)
                for part in parts:
                    self.assertIn(part, done.stderr)

    def test_unknown_kind(self):
        self.refuse('domain = "x.example"\nuucp = "host"\n', '"uucp"', '"x.example"')

    def test_an_exchange_is_either_wanted_or_not_said(self):
        self.refuse('domain = "x.example"\nmx = false\n', "mx", "true")

    def test_a_key_of_another_kind(self):
        self.refuse('domain = "x.example"\ndiscard = true\nport = 26\n', "port", "discard")

    def test_a_next_hop_that_is_the_gateway_itself(self):
        port = free_port()
        for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
            self.refuse(f'domain = "x.example"\nnext_hop = "{host}"\n', "x.example", host, port=port, commands=("check",))

    def test_a_socket_that_is_not_there(self):
        self.refuse('domain = "x.example"\nlmtp = "unix:/run/there/is/none"\n', "/run/there/is/none", commands=("check",))

    def test_more_than_one_way(self):
        gateway = Gateway({"route": [{"domain": "x.example", "mx": True, "discard": True}]})
        self.addCleanup(gateway.__exit__)
        done = gateway.run("check", "--config", str(gateway.file))
        self.assertEqual(done.returncode, EX_CONFIG, done)
        for part in ("x.example", "mx", "discard"):
            self.assertIn(part, done.stderr)

    def test_a_gateway_starts_although_a_socket_is_not_there_yet(self):
        store = self.enterContext(NextHop(0))  # something else that is a mistake of nobody's
        with Gateway({"route": [lmtp_route("/run/there/is/none", "late.example"), next_hop_route(store.port)]}) as gateway:
            gateway.send("a@late.example", "a@hop.example")
            wait_until(lambda: store.messages, 10, gateway.log)
            (message,) = gateway.queued()
            self.assertEqual([r["address"] for r in message["recipients"] if r["state"] == "deferred"], ["a@late.example"])


if __name__ == "__main__":
    unittest.main()
