#!/usr/bin/env python3
"""Holds the rules of house.py over the tree, and sees to it that each of them still bites."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import house

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class TheHouse(unittest.TestCase):
    def check(self, rule):
        found = list(rule(ROOT))
        if found:
            self.fail("\n" + "\n".join(found))


for _rule in house.RULES:
    setattr(TheHouse, "test_" + _rule.__name__, lambda self, rule=_rule: self.check(rule))


class TheRules(unittest.TestCase):
    """Every rule, on a small tree that it must refuse and on one that it must not."""

    def found(self, rule, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            return list(rule(root))

    def refuses(self, rule, path, text, where=None):
        found = self.found(rule, {path: text})
        self.assertTrue(found, f"{path} passed: {text}")
        self.assertTrue(found[0].startswith(where or f"{path}:1: "), found[0])

    def allows(self, rule, path, text):
        self.assertEqual([], self.found(rule, {path: text}))

    def test_includes_point_down(self):
        rule = house.includes_point_down
        for path, header in {
            "core/a.h": "net/op.h",
            "core/a.cc": "nlohmann/json.hpp",
            "net/a.cc": "smtp/session.h",
            "smtp/a.cc": "store/file.h",
            "store/a.cc": "smtp/session.h",
            "relay/a.cc": "gateway/config.h",
            "gateway/a.cc": "tests/sim/world.h",
            "store/b.cc": "bench/load.h",
            "store/c.cc": "c.h",
            "bench/a.cc": "tests/sim/world.h",
        }.items():
            self.refuses(rule, path, f'#include "{header}"\n')
        self.allows(rule, "core/a.cc", '#include <string>\n#include "absl/strings/match.h"\n#include "core/a.h"\n')
        self.allows(rule, "relay/a.cc", '#include "smtp/session.h"\n#include "store/file.h"\n#include "net/op.h"\n')
        self.allows(rule, "tests/net/a.cc", '#include "gateway/config.h"\n#include "gtest/gtest.h"\n')

    def test_few_files_know_the_system(self):
        rule = house.few_files_know_the_system
        for header in "sys/socket.h", "unistd.h", "windows.h", "netinet/in.h", "fcntl.h", "signal.h", "gtest/gtest.h":
            self.refuses(rule, "gateway/main.cc", f"#include <{header}>\n")
        self.refuses(rule, "net/socket.cc", "#include <poll.h>\n")
        self.refuses(rule, "relay/dns_posix.cc", "#include <poll.h>\n")
        self.refuses(rule, "tests/net/a_test.cc", "#include <poll.h>\n")
        self.refuses(rule, "store/file.h", "\n#ifdef _WIN32\n", "store/file.h:2: ")
        self.refuses(rule, "tests/net/a_test.cc", "#if defined(__linux__)\n")
        self.allows(rule, "net/socket_posix.cc", "#include <poll.h>\n")
        self.allows(rule, "net/poller_epoll.cc", "#include <sys/epoll.h>\n")
        self.allows(rule, "store/file_win.cc", "#include <windows.h>\n")
        self.allows(rule, "tests/net/socket_posix_test.cc", "#include <poll.h>\n")
        self.allows(rule, "core/a.cc", "#include <csignal>\n#ifndef POSTERN_CORE_A_H_\n// __linux__ is a word\n")

    def test_floors_keep_their_promises(self):
        rule = house.floors_keep_their_promises
        self.refuses(rule, "core/a.cc", "#include <thread>\n")
        for line in "#include <mutex>", "#include <fstream>", "auto t = steady_clock::now();", "absl::Now()":
            self.refuses(rule, "smtp/session.cc", line + "\n")
        self.allows(rule, "smtp/session.cc", "#include <chrono>  // never a steady_clock::now()\n")
        self.allows(rule, "store/store_writer.cc", "#include <thread>\n")

    def test_lines_fit(self):
        rule = house.lines_fit
        self.refuses(rule, "core/a.cc", "//" + "x" * 119 + "\n")
        self.allows(rule, "core/a.cc", "//" + "é" * 118 + "\n")

    def test_headers_introduce_themselves(self):
        rule = house.headers_introduce_themselves
        guard = "#ifndef POSTERN_CORE_A_B_H_\n#define POSTERN_CORE_A_B_H_\n"
        self.refuses(rule, "core/a_b.h", guard)
        self.refuses(rule, "core/a_b.h", "// A header.\n#pragma once\n")
        self.allows(rule, "core/a_b.h", "// A header.\n\n" + guard)

    def test_every_file_is_built(self):
        rule = house.every_file_is_built
        build = 'cc_test(\n    name = "a",\n    srcs = ["a_test.cc"],\n)\n'
        self.assertTrue(self.found(rule, {"tests/core/b_test.cc": "", "tests/core/BUILD.bazel": build}))
        self.assertTrue(self.found(rule, {"tests/core/sub/a_test.cc": "", "tests/core/BUILD.bazel": build}))
        self.assertTrue(self.found(rule, {"tests/core/a_test.cc": ""}))
        self.assertFalse(self.found(rule, {"tests/core/a_test.cc": "", "tests/core/BUILD.bazel": build}))


if __name__ == "__main__":
    unittest.main()
