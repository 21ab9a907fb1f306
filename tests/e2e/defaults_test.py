"""Without a configuration: 127.0.0.1:2525, ./var, a Maildir for every recipient."""

import os
import stat
import unittest

import gateway as g


class Defaults(unittest.TestCase):
    def test_serve_without_configuration(self):
        gateway = g.Gateway(port=2525)
        self.addCleanup(gateway.__exit__)
        gateway.start("serve")
        with gateway.client() as client:
            self.assertEqual(client.greeting.code, 220)
            self.assertRegex(client.greeting.text, r"^\S+ ESMTP Postern service ready")
            reply = client.message(b"Subject: x\r\n\r\nbody\r\n", "User@Here.example", "other@there.example")
            self.assertEqual(reply.code, 250)
            self.assertRegex(reply.text, r"^2\.\d\.\d .*[0-9A-Z]{8,}", "the queue id stands in the reply")
            self.assertEqual(client.ask("QUIT").code, 221)
        gateway.wait_delivered(2, folder=gateway.folder / "var/mail")
        self.assertEqual(len(gateway.delivered("user@here.example", gateway.folder / "var/mail")), 1)
        self.assertEqual(gateway.stop(), 0)

    def test_control_socket_is_private(self):
        with g.Gateway() as gateway:
            sockets = [p for p in gateway.data.rglob("*") if stat.S_ISSOCK(p.stat().st_mode)]
            self.assertEqual([p.name for p in sockets], ["control.sock"])
            self.assertEqual(stat.S_IMODE(sockets[0].stat().st_mode), 0o600)
            for folder, _, files in os.walk(gateway.data):
                self.assertEqual(os.stat(folder).st_mode & 0o077, 0, folder)


if __name__ == "__main__":
    unittest.main()
