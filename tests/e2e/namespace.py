"""A network namespace of our own, with port 25 free for the taking."""

import ctypes
import os
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
_names = iter(range(1000))


class Namespace:
    def __init__(self):
        if os.geteuid() != 0:
            raise AssertionError("a network namespace needs root")
        self.name = f"postern-{os.getpid()}-{next(_names)}"
        self.prefix = ["ip", "netns", "exec", self.name]
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run([*self.prefix, "ip", "link", "set", "lo", "up"], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "del", self.name], check=True)

    def inside(self, function):
        """The result of a function that a thread runs inside. Its sockets stay inside."""
        results = []

        def enter():
            try:
                with open(f"/run/netns/{self.name}") as handle:
                    if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                results.append(function())
            except BaseException as e:  # to be raised where it can be seen
                results.append(e)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if isinstance(results[0], BaseException):
            raise results[0]
        return results[0]

    def connect(self, address, **more):
        return self.inside(lambda: socket.create_connection(address, **more))
