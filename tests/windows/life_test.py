"""postern.exe as a program: its port, its commands, its service, its names."""

import re
import socket
import unittest

from wine_gateway import WineGateway, wine, windows_path

# Those of tests/e2e, which wine_gateway has put on the path.
from gateway import EX_CONFIG, EX_UNAVAILABLE, EX_USAGE, free_port, maildir_route, next_hop_route, split_message, wait_until

EX_TEMPFAIL = 75  # sysexits.h
MESSAGE = b"Subject: hello\r\n\r\n.\r\nbare of any translation\r\n"


class Port(unittest.TestCase):
    def test_a_holder_is_named_and_waited_for(self):
        with WineGateway() as first:
            second = WineGateway(port=first.port)
            self.addCleanup(second.__exit__)
            second.spawn()
            self.assertEqual(second.wait(60), EX_UNAVAILABLE)
            told = second.log()
            self.assertRegex(told, r"event=4007 ")
            doctor = second.run("doctor", f"127.0.0.1:{first.port}").stdout
            for text in (told, doctor):
                self.assertIn(f"127.0.0.1:{first.port} (IPv4) is held by another program", text)
                self.assertRegex(text, rf"holds +127\.0\.0\.1:{first.port}\n")
                # Windows names the process, wine does not, and that is said; tests/net looks at the rest.
                pid = re.search(r" pid=(\d+)", first.events(1000)[0])[1]
                self.assertRegex(text, rf"pid +{pid}\n|unknown +the system does not tell whose socket it is\n")
            probe = first.run("probe", f"127.0.0.1:{first.port}", "--config", str(first.file))
            self.assertEqual(probe.returncode, 0, probe.stdout + probe.stderr)

            second.configure({"on_port_conflict": "wait"})
            second.spawn()
            wait_until(lambda: "waits for the port" in second.log(), 60, second.log)
            self.assertEqual(first.stop(), 0)
            wait_until(lambda: "the port is free and is ours now" in second.log(), 60, second.log)
            wait_until(second._greets, 30)
            second.send("kim@here.example")
            second.wait_delivered(1)


class Queue(unittest.TestCase):
    def test_it_is_asked_for_while_the_gateway_runs_and_when_it_does_not(self):
        with WineGateway({"route": [next_hop_route(free_port())]}) as gateway:
            message = gateway.send("kim@far.example", message=MESSAGE)
            self.assertEqual([m["id"] for m in gateway.queued()], [message])
            out = gateway.folder / "Grüße 受信" / "hinaus-ü.eml"
            out.parent.mkdir()
            done = gateway.run("queue", "export", message, "--output", windows_path(out), "--config", str(gateway.file))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(split_message(out.read_bytes())[1], MESSAGE)
            self.assertTrue((gateway.data / "control.sock").exists())

            port = int((gateway.data / "control.sock").read_text().split()[0])
            with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
                stranger.sendall(b'{"command":"status"}\n')
                self.assertEqual(stranger.recv(100), b"", "who does not know the key is told nothing")

            gateway.kill()
            wait_until(lambda: not (gateway.data / "control.sock").exists(), 10, "the way in goes with the process")
            self.assertEqual([m["id"] for m in gateway.queued()], [message])
            gateway.queue("delete", message)
            self.assertEqual(gateway.queued(), [])
            check = gateway.run("fsck", "--config", str(gateway.file))
            self.assertEqual(check.returncode, 0, check.stdout + check.stderr)


class Service(unittest.TestCase):
    def gateway(self, **more):
        """With paths that lead to the same from every folder."""
        gateway = WineGateway()
        self.addCleanup(gateway.__exit__)
        gateway.configure({"data_dir": "Z:" + str(gateway.data), "route": [maildir_route(f"Z:{gateway.mail}")], **more})
        return gateway, f"Postern{gateway.port}"

    def test_it_lives_as_a_service(self):
        gateway, name = self.gateway()

        def service(verb, *more):
            done = gateway.run("service", verb, "--name", name, *more, seconds=120)
            self.assertEqual(done.returncode, 0, f"{verb}: {done.stdout}{done.stderr}")

        def lines():
            return "".join(p.read_text() for p in sorted((gateway.data / "events").glob("*.log")))

        service("install", "--config", str(gateway.file))
        self.addCleanup(gateway.run, "service", "remove", "--name", name)
        source = wine("reg", "query", rf"HKLM\System\CurrentControlSet\Services\EventLog\Application\{name}")
        self.assertRegex(source.stdout, r"EventMessageFile +REG_EXPAND_SZ +.*postern\.exe")
        for life in (1, 2):
            service("start")
            self.assertEqual(lines().count(" event=1000 "), life, "it is said to run when it serves")
            gateway.send("kim@here.example", message=MESSAGE)
            gateway.wait_delivered(life)
            service("stop")
            self.assertEqual(lines().count(" event=1001 "), life, "an orderly stop")
        self.assertEqual([split_message(m)[1] for m in gateway.wait_delivered(2)], [MESSAGE] * 2)
        again = gateway.run("service", "install", "--name", name, "--config", str(gateway.file))
        self.assertNotEqual(again.returncode, 0)
        service("remove")
        self.assertNotEqual(gateway.run("service", "start", "--name", name).returncode, 0)

    def test_a_start_waits_for_an_end_that_is_under_way(self):
        gateway, name = self.gateway(timeouts={"shutdown": "5s"})
        self.assertEqual(gateway.run("service", "install", "--name", name, "--config", str(gateway.file)).returncode, 0)
        self.addCleanup(gateway.run, "service", "remove", "--name", name)
        self.assertEqual(gateway.run("service", "start", "--name", name, seconds=120).returncode, 0)
        with gateway.client() as busy:  # for whose message the end waits
            busy.start("busy@here.example")
            busy.ask("DATA")
            self.assertIn("STOP_PENDING", wine("sc", "stop", name).stdout)
            start = gateway.run("service", "start", "--name", name, seconds=120)
        self.assertEqual(start.returncode, 0, start.stderr)
        gateway.send("kim@here.example", message=MESSAGE)
        gateway.wait_delivered(1)

    def test_one_that_cannot_start_ends_with_its_reason(self):
        gateway, name = self.gateway()
        self.assertEqual(gateway.run("service", "install", "--name", name, "--config", str(gateway.file)).returncode, 0)
        self.addCleanup(gateway.run, "service", "remove", "--name", name)
        with socket.create_server(("127.0.0.1", gateway.port)):
            start = gateway.run("service", "start", "--name", name, seconds=120)
        self.assertEqual(start.returncode, EX_UNAVAILABLE)
        self.assertIn("another program has its port (exit code 69)", start.stderr)

        gateway.configure({"listen": "nowhere"})
        start = gateway.run("service", "start", "--name", name, seconds=120)
        self.assertEqual(start.returncode, EX_CONFIG)
        self.assertIn("its configuration is wrong, or cannot be read (exit code 78)", start.stderr)

        with WineGateway() as other:
            gateway.configure({"data_dir": f"Z:{other.data}", "route": [maildir_route(f"Z:{other.mail}")]})
            start = gateway.run("service", "start", "--name", name, seconds=120)
            told = "".join(p.read_text() for p in (other.data / "events").glob("*.log"))
        self.assertEqual(start.returncode, EX_TEMPFAIL)
        self.assertIn("another process has its store (exit code 75)", start.stderr)
        self.assertRegex(told, r" event=1004 name=cannot-start text=.*in use by process \d+")

    def test_its_paths_must_be_whole(self):
        for more, key in (({"data_dir": "data"}, "data_dir"), ({"route": [maildir_route("mail")]}, "maildir")):
            gateway, name = self.gateway(**more)
            install = gateway.run("service", "install", "--name", name, "--config", str(gateway.file))
            self.assertEqual(install.returncode, EX_CONFIG)
            self.assertRegex(install.stderr, rf'{key} "[^"]*": must be a whole path for a service')

    def test_it_is_told_when_nobody_has_started_it(self):
        gateway = WineGateway()
        self.addCleanup(gateway.__exit__)
        run = gateway.run("service", "run", "--config", str(gateway.file))
        self.assertEqual(run.returncode, EX_USAGE)
        self.assertIn("only the service manager starts this", run.stderr)


class Names(unittest.TestCase):
    def test_folders_files_and_arguments_are_unicode(self):
        gateway = WineGateway()
        self.addCleanup(gateway.__exit__)
        home = gateway.folder / "Grüße 受信"
        gateway.data, gateway.mail, gateway.file = home / "Daten", home / "Post", home / "einstellung-ü.toml"
        home.mkdir()
        gateway.configure({"route": [maildir_route(gateway.mail)]})
        gateway.start()
        gateway.send("kim@here.example", message=MESSAGE)
        self.assertEqual([split_message(m)[1] for m in gateway.wait_delivered(1)], [MESSAGE])
        # No name that Windows keeps for itself, or would not keep as it is.
        with gateway.client() as client:
            reply = client.message(b"Subject: names\r\n\r\n", "con@here.example", "lpt1.x@here.example", '"dot."@here.example')
            self.assertEqual(reply.code, 250)
        gateway.wait_delivered(4)
        self.assertEqual(gateway.stop(), 0)
        for verb in ("check", "doctor"):
            done = gateway.run(verb, "--config", str(gateway.file))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn(f"{home.name}/Daten/store: ", done.stdout.replace("\\", "/"))

    def test_what_is_left_out_is_a_clear_error(self):
        gateway = WineGateway({"user": "postern", "route": [{"domain": "*", "lmtp": "unix:/run/dovecot/lmtp"}]})
        self.addCleanup(gateway.__exit__)
        check = gateway.run("check", "--config", str(gateway.file))
        self.assertEqual(check.returncode, EX_CONFIG)
        self.assertRegex(check.stderr + check.stdout, r':\d+: key "user".*keeps its account on this system')
        self.assertRegex(check.stderr + check.stdout, r":\d+: route.*no UNIX sockets on this system")


if __name__ == "__main__":
    unittest.main()
