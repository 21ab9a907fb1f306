"""Never an open relay: whom a stranger may write to, and whom a trusted peer may."""

import unittest

from gateway import Gateway

STRANGER, TRUSTED = "127.0.0.2", "127.0.0.9"

ELSEWHERE = (
    "victim@elsewhere.example",
    "victim%elsewhere.example@here.example",
    "victim%elsewhere.example@gateway.example",
    '"victim@elsewhere.example"@elsewhere.example',
    '"victim%elsewhere.example"@elsewhere.example',
    "elsewhere.example!victim@elsewhere.example",
    "victim@[203.0.113.5]",
    "victim@nothere.example",
    "victim@xhere.example",
    "victim@here.example.elsewhere.example",
    "victim@sub.exact.example",
    "@here.example:victim@elsewhere.example",
)


class Relaying(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway({"trusted_networks": [f"{TRUSTED}/32"], "local_domains": ["here.example", "#exact.example"]})
        cls.enterClassContext(cls.gateway)

    def test_a_stranger_may_not_relay(self):
        with self.gateway.client(STRANGER) as client:
            client.ask("EHLO client.example")
            client.ask("MAIL FROM:<a@here.example>")
            for i, recipient in enumerate(ELSEWHERE):
                with self.subTest(recipient):
                    reply = client.ask(f"RCPT TO:<{recipient}>")
                    if "%" in recipient and recipient.endswith("@here.example"):
                        # Either refused, or taken for a local part of ours as it stands: never sent on.
                        self.assertIn(reply.code, (250, 550))
                        continue
                    self.assertEqual(reply.code, 550)
                    self.assertTrue(reply.text.startswith("5.7.1"), reply)

    def test_a_percent_never_leaves(self):
        with self.gateway.client(STRANGER) as client:
            client.ask("EHLO client.example")
            client.ask("MAIL FROM:<a@client.example>")
            if client.ask("RCPT TO:<percent%elsewhere.example@here.example>").code == 250:
                client.data(b"Subject: x\r\n\r\nx\r\n")
                self.gateway.wait_delivered(1, "percent%*@here.example")

    def test_a_stranger_may_write_to_us(self):
        with self.gateway.client(STRANGER) as client:
            client.start("a@here.example", "a@SUB.Here.Example", "a@exact.example", "postmaster")
            self.assertEqual(client.data(b"Subject: x\r\n\r\nx\r\n").code, 250)
        self.gateway.wait_delivered(1, "a@sub.here.example")

    def test_a_trusted_peer_may_relay(self):
        with self.gateway.client(TRUSTED) as client:
            client.start("b@elsewhere.example", sender="")
            self.assertEqual(client.data(b"Subject: x\r\n\r\nx\r\n").code, 250)
        self.gateway.wait_delivered(1, "b@elsewhere.example")

    def test_defaults_with_nothing_local(self):
        with Gateway({"trusted_networks": [f"{TRUSTED}/32"]}) as gateway, gateway.client(STRANGER) as client:
            client.ask("EHLO client.example")
            client.ask("MAIL FROM:<a@client.example>")
            self.assertEqual(client.ask("RCPT TO:<a@anywhere.example>").code, 550)
            self.assertEqual(client.ask("RCPT TO:<postmaster>").code, 250)


if __name__ == "__main__":
    unittest.main()
