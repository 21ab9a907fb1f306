#!/usr/bin/env python3
"""The files that sync are those in which the prover can leave a sync out: every_sync_test.py FILE..."""

import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True
import drop_syncs

ROOT = HERE.parent.parent
FOLDERS = ("store", "relay", "gateway")
# The machine's side of the seam: tests/prover/file_sync_posix_test.cc looks at its system calls.
SYSTEM = re.compile(r"_(posix|win)\.(cc|h)$")
KNOWN_OTHERWISE = {
    "store/storage_check.cc",  # measures how long a sync takes, and promises nothing
    "gateway/store_setup.cc",  # store_folders_test.cc
    # A bundle for a bug report is a copy: the mail itself is in the log, and no receipt waits for it.
    "gateway/crash_bundle.cc",
    "gateway/poison_watch.cc",
}


def files_that_sync():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.*")):
            if path.suffix in (".cc", ".h") and not SYSTEM.search(path.name):
                if any(any(drop_syncs.calls(line)) for line in path.read_text(encoding="utf-8").splitlines()):
                    yield path.relative_to(ROOT).as_posix()


class EverySyncTest(unittest.TestCase):
    def test_the_files_that_sync_are_known(self):
        self.assertEqual(set(files_that_sync()), set(known) | KNOWN_OTHERWISE, "see SYNCING in tests/prover/BUILD.bazel")

    def test_calls_are_told_from_declarations(self):
        self.assertEqual([m[0] for m in drop_syncs.calls("  if (absl::Status s = reader.file().Sync(); !s.ok())")],
                         ["reader.file().Sync()"])
        self.assertEqual([m[0] for m in drop_syncs.calls("  ok = ok && (*file)->Sync().ok();")], ["(*file)->Sync()"])
        self.assertEqual([m[0] for m in drop_syncs.calls("absl::Status SegmentLog::Sync() { return SyncHead(); }")],
                         ["SyncHead()"])
        for line in ("  virtual absl::Status Sync() = 0;", "  // After Sync() it is a fact.", "  file->StartSync();"):
            self.assertEqual(list(drop_syncs.calls(line)), [])


if __name__ == "__main__":
    known = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
