"""`postern check`: a mistake is named with file, line and key before anything is served; and the commands' manners."""

import unittest

from gateway import EX_CONFIG, EX_USAGE, Gateway, wait_until

BAD = {  # text: what the message must name besides the file
    'hostname = "a.example"\nlistn = ["127.0.0.1:25"]\n': (":2", "listn", "listen"),
    "[limits]\n\nrecipient = 5\n": (":3", "recipient", "recipients"),
    'hostname = 5\n': (":1", "hostname", "string"),
    'listen = ["127.0.0.1:99999"]\n': (":1", "listen"),
    'listen = ["not an address"]\n': (":1", "listen"),
    'bare_newline = "maybe"\n': (":1", "bare_newline", "normalize"),
    'on_port_conflict = "panic"\n': (":1", "on_port_conflict", "outbound-only"),
    '# comment\ntrusted_networks = ["10.0.0.0/33"]\n': (":2", "trusted_networks"),
    '[[route]]\ndomain = "*"\npigeon = "loft"\n': (":3", "pigeon"),
    '[[route]]\ndomain = "*"\n': (":1", '"*"', "maildir", "next_hop"),
    '[[route]]\ndomain = "*"\nnext_hop = []\n': (":3", '"*"', "next_hop"),
    '\n[[route]]\ndomain = "x.example"\nnext_hop = "mail.internal:25a"\n': (":4", "x.example", "mail.internal:25a", "1 to 65535"),
    '[[route]]\ndomain = "*"\nnext_hop = "localhost"\n': (":3", "next_hop", "itself"),
    '[[route]]\ndomain = "*"\nmx = true\ndiscard = true\n': (":1", '"*"', "more than one way"),
    '[[route]]\ndomain = "*"\nmaildir = "/m"\nport = 25\n': (":4", '"*"', "port", "maildir"),
    '[[route]]\ndomain = "*"\nmx = true\ntls = "required"\n': (":4", '"*"', "tls", "reserved"),
    '[[route]]\ndomain = "*"\n\nreject = "two\\nlines"\n': (":4", '"*"', "reject", "printable"),
    'listen = ["127.0.0.1:2424"]\n[[route]]\ndomain = "*"\nlmtp = ["localhost:2424"]\n': (":4", "lmtp", "itself"),
    '[reports]\npostmaster = "nobody"\n': (":2", "reports.postmaster", "postmaster@example.org"),
    '[reports]\ncopy_to = "a@b.example"\n[[route]]\ndomain = "c.example"\nmx = true\n': (":2", "copy_to", "no route"),
    'transfer = "sideways"\n': (":1", "transfer", "flush"),
    '[dns]\nservers = ["dns.example"]\n': (":2", "dns.servers", "address"),
    'hostname = "a.example\n': (":1",),
    '[limits]\nmessage_size = -1\n': (":2", "message_size"),
    '[relay]\nretry = ["soon"]\n': (":2", "retry"),
    '[timeouts]\ncommand = "5 parsecs"\n': (":2", "command"),
    '[limits]\nconnections = "many"\n': (":2", "connections", "integer"),
}


class Check(unittest.TestCase):
    def setUp(self):
        self.gateway = Gateway()
        self.addCleanup(self.gateway.__exit__)

    def test_a_good_one(self):
        done = self.gateway.run("check", "--config", str(self.gateway.file))
        self.assertEqual(done.returncode, 0, done)

    def test_bad_ones(self):
        file = self.gateway.file
        for text, named in BAD.items():
            with self.subTest(text):
                file.write_text(text)
                done = self.gateway.run("check", "--config", str(file))
                self.assertEqual(done.returncode, EX_CONFIG, done)
                for part in (str(file) + named[0], *named[1:]):
                    self.assertIn(part, done.stderr + done.stdout)
                self.assertEqual(self.gateway.spawn().wait(5), EX_CONFIG)

    def test_a_socket_that_is_not_there(self):
        """An error of check; a gateway that starts only warns, since its mail can wait (imc.md: Q148565)."""
        socket = self.gateway.folder / "lmtp"
        self.gateway.configure({"route": [{"domain": "*", "lmtp": f"unix:{socket}"}]})
        line = 1 + self.gateway.file.read_text().splitlines().index(f'lmtp = "unix:{socket}"')
        done = self.gateway.run("check", "--config", str(self.gateway.file))
        self.assertEqual(done.returncode, EX_CONFIG, done)
        for part in (f"{self.gateway.file}:{line}", str(socket), "no such socket"):
            self.assertIn(part, done.stderr)
        socket.write_text("")
        done = self.gateway.run("check", "--config", str(self.gateway.file))
        self.assertIn("is no socket", done.stderr)
        self.gateway.start()
        wait_until(lambda: any(str(socket) in line for line in self.gateway.events(3010)), what="a warning of the socket")

    def test_every_mistake_at_once(self):
        self.gateway.file.write_text("hostnam = 1\nlisten_ = 2\n")
        done = self.gateway.run("check", "--config", str(self.gateway.file))
        for part in (":1", "hostnam", ":2", "listen_"):
            self.assertIn(part, done.stderr + done.stdout)

    def test_a_missing_file(self):
        done = self.gateway.run("check", "--config", "/nowhere/postern.toml")
        self.assertIn(done.returncode, (66, EX_CONFIG))
        self.assertIn("/nowhere/postern.toml", done.stderr)


class Commands(unittest.TestCase):
    def setUp(self):
        self.gateway = Gateway()
        self.addCleanup(self.gateway.__exit__)

    def test_help(self):
        text = self.gateway.run("--help").stdout
        for command in ("serve", "check", "doctor", "probe", "route", "queue", "version"):
            self.assertIn(command, text)
            done = self.gateway.run(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn(command, done.stdout)

    def test_usage(self):
        for arguments in (("nonsense",), ("serve", "--nonsense"), ("queue", "nonsense"), ("queue", "show")):
            self.assertEqual(self.gateway.run(*arguments).returncode, EX_USAGE, arguments)

    def test_version(self):
        done = self.gateway.run("version")
        self.assertEqual(done.returncode, 0)
        self.assertIn("ostern", done.stdout)


if __name__ == "__main__":
    unittest.main()
