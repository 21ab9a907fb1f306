"""`postern check`: a mistake is named with file, line and key before anything is served; and the commands' manners."""

import unittest

from gateway import EX_CONFIG, EX_USAGE, Gateway

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
        for command in ("serve", "check", "doctor", "probe", "queue", "version"):
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
