"""Routes of `mx`: which hosts a real name server leads to, and what its failures mean for the mail."""

import time
import unittest

from dns_server import DnsServer, SilentServer, resolver
from gateway import Gateway, free_port, maildir_route, mx_route, wait_until
from next_hop import NextHop
from report import Report

# The port of all exchanges is one, so each of them has an address.
ZONE = """
one        MX 10 b.hosts
several    MX 10 dead.hosts
           MX 20 busy.hosts
           MX 30 a.hosts
           MX 40 b.hosts
*.equal    MX 10 a.hosts
           MX 10 b.hosts
implicit   A 127.0.0.3
alias      CNAME one
loop       CNAME loop2
loop2      CNAME loop
null       MX 0 .
us         MX 10 a.hosts
           MX 20 gateway
           MX 30 b.hosts
onlyus     MX 10 gateway
byaddress  MX 10 us.hosts
           MX 20 b.hosts
text       TXT "neither exchange nor address"
lost       MX 10 nowhere.hosts
v6         MX 10 six.hosts
           MX 20 b.hosts
gateway    A 127.0.0.1
us.hosts   A 127.0.0.1
a.hosts    A 127.0.0.2
b.hosts    A 127.0.0.3
busy.hosts A 127.0.0.4
dead.hosts A 127.0.0.5
six.hosts  AAAA ::1
six.hosts  A 127.0.0.3
"""


class Exchanges(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.dns = cls.enterClassContext(DnsServer(ZONE))
        cls.a = cls.enterClassContext(NextHop(cls.port, address="127.0.0.2"))
        cls.b = cls.enterClassContext(NextHop(cls.port, address="127.0.0.3"))
        cls.busy = cls.enterClassContext(NextHop(cls.port, {"CONNECT": "421 4.3.2 busy"}, address="127.0.0.4"))
        gateway = Gateway(port=cls.port)  # as with port 25 everywhere: it is told from others by its name and address
        gateway.configure({
            "hostname": "gateway.test",
            "dns": resolver(cls.dns),
            "relay": {"retry": ["1h"]},
            "route": [maildir_route(gateway.mail, "client.example"), mx_route(cls.port, "test")],
        })
        cls.gateway = cls.enterClassContext(gateway)

    def taken_by(self, recipient):
        """The exchange that got a message for the recipient."""
        self.gateway.send(recipient)
        return wait_until(lambda: next((hop for hop in (self.a, self.b) for m in hop.messages if recipient in m.recipients), None),
                          10, self.gateway.log)

    def bounce(self, recipient):
        """The fields about the recipient in the report that its sender gets."""
        sender = f"{recipient.partition('@')[2]}@client.example"
        self.gateway.send(recipient, sender=sender)
        return Report(*self.gateway.wait_delivered(1, sender)).recipient(recipient)

    def test_the_exchange_gets_it(self):
        self.assertIs(self.taken_by("x@one.test"), self.b)

    def test_the_next_one_in_the_same_attempt(self):
        self.assertIs(self.taken_by("x@several.test"), self.a)
        self.assertGreater(self.busy.connection_count, 0)

    def test_equals_share(self):
        takers = {self.taken_by(f"x@{i}.equal.test") for i in range(20)}  # one domain would keep its connection
        self.assertEqual(takers, {self.a, self.b})

    def test_an_address_is_an_exchange(self):
        self.assertIs(self.taken_by("x@implicit.test"), self.b)

    def test_a_cname_is_followed(self):
        self.assertIs(self.taken_by("x@alias.test"), self.b)

    def test_of_two_addresses_one_that_answers(self):
        self.assertIs(self.taken_by("x@v6.test"), self.b)

    def test_better_ones_than_ourselves(self):
        self.assertIs(self.taken_by("x@us.test"), self.a)

    def test_nobody_is_better_than_ourselves(self):
        for domain in ("onlyus.test", "byaddress.test"):
            with self.subTest(domain):
                fields = self.bounce(f"x@{domain}")
                self.assertEqual((fields["Action"], fields["Status"]), ("failed", "5.4.6"))

    def test_a_null_mx_bounces_at_once(self):
        self.assertEqual(self.bounce("x@null.test")["Status"], "5.1.10")

    def test_no_such_domain_bounces_at_once(self):
        self.assertEqual(self.bounce("x@there-is-none.test")["Status"], "5.1.2")

    def test_neither_exchange_nor_address_bounces(self):
        self.assertEqual(self.bounce("x@text.test")["Status"], "5.4.4")

    def test_what_may_get_better_waits(self):
        """A server that fails, a circle of CNAMEs, an exchange without an address."""
        domains = ("sub.broken.test", "loop.test", "lost.test")
        for domain in domains:
            self.gateway.send(f"waits@{domain}")

        def deferred():
            return {r["address"]: r for m in self.gateway.queued() for r in m["recipients"] if r["state"] == "deferred"}

        found = wait_until(lambda: len(deferred()) >= len(domains) and deferred(), 10, self.gateway.log)
        for domain in domains:
            self.assertRegex(found[f"waits@{domain}"]["text"], r"4\.4\.[34]")
            self.assertIn(domain, self.gateway.destinations())


class Silence(unittest.TestCase):
    def test_a_silent_server_costs_one_destination_its_time(self):
        port = free_port()
        silent = self.enterContext(SilentServer())
        with NextHop(0) as hop:
            gateway = Gateway({"dns": resolver(silent, timeout="1s", tries=1), "relay": {"retry": ["1h"]},
                               "route": [mx_route(port, "test"), {"domain": "*", "next_hop": f"127.0.0.1:{hop.port}"}]})
            with gateway:
                gateway.send("x@slow.test")
                wait_until(silent.was_asked)
                start = time.monotonic()
                gateway.send("x@quick.example")
                wait_until(lambda: hop.messages)
                self.assertLess(time.monotonic() - start, 0.9)
                (message,) = wait_until(lambda: [m for m in gateway.queued() if m["recipients"][0]["state"] == "deferred"], 10, gateway.log)
                self.assertIn("4.4.3", message["recipients"][0]["text"])

    def test_another_server_is_asked(self):
        with SilentServer() as silent, DnsServer("one MX 10 mail\nmail A 127.0.0.2\n") as dns, \
                NextHop(free_port(), address="127.0.0.2") as hop:
            servers = [f"127.0.0.1:{silent.port}", f"127.0.0.1:{dns.port}"]
            with Gateway({"dns": resolver(dns, servers=servers), "route": [mx_route(hop.port)]}) as gateway:
                gateway.send("x@one.test")
                wait_until(lambda: hop.messages, 10, gateway.log)


if __name__ == "__main__":
    unittest.main()
