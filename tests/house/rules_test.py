#!/usr/bin/env python3
"""Every rule of the house is broken once here, and must be told; its neighbours that are allowed must not be."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
import rules

BAD = {
    "core/up.cc": '#include "net/poller.h"',
    "core/library.cc": '#include "nlohmann/json.hpp"',
    "core/thread.cc": "#include <thread>",
    "core/bare.h": "#pragma once",
    "core/wide.cc": "// " + "x" * 118,
    "net/sibling.cc": '#include "smtp/session.h"',
    "net/socket.cc": "#include <sys/socket.h>",
    "store/platform.cc": "#if defined(_WIN32)",
    "smtp/clock.cc": "auto t = std::chrono::steady_clock::now();",
    "smtp/file.cc": "#include <fstream>",
    "relay/roof.cc": '#include "gateway/config.h"',
    "relay/file_posix.cc": "#include <unistd.h>",
    "gateway/garden.cc": '#include "tests/net/fake_poller.h"',
    "gateway/signals.cc": "#include <signal.h>",
    "bench/garden.cc": '#include "tests/net/fake_poller.h"',
}
GOOD = {
    "core/good.h": '// What it is.\n#include <atomic>\n\n#include "absl/log/check.h"\n#include "core/limits.h"',
    "core/wide.cc": "// " + "x" * 117,
    "net/poller_epoll.cc": "#include <sys/epoll.h>",
    "store/file_win.h": "// What it is.\n#include <windows.h>",
    "smtp/good.cc": '#include "core/clock.h"\n#include "smtp/reply.h"',
    "relay/good.cc": '#include <thread>\n\n#include "net/op.h"\n#include "store/maildir.h"',
    "gateway/good.cc": '#include "CLI/CLI.hpp"\n#include "relay/route.h"\n#include "store/file.h"',
    "tests/net/good.cc": '#include <sys/socket.h>\n\n#include "tests/net/fake_poller.h"',
}


def problems(files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text + "\n")
        return list(rules.check_tree(root))


class RulesTest(unittest.TestCase):
    def test_every_bad_file_is_told_once(self):
        self.assertEqual(sorted(p.split(":")[0] for p in problems(BAD)), sorted(BAD))

    def test_no_good_file_is_told(self):
        self.assertEqual(problems(GOOD), [])


unittest.main()
