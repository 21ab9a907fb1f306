"""Makes a copy of sources in which any one sync can be left out: drop_syncs.py FOLDER SOURCE...

Writes FOLDER/dropping/SOURCE for each, and FOLDER/sync_sites.cc, the table of all calls (drop_sync.h).
"""

import pathlib
import re
import sys

# What is called, as far back as the expression goes: SyncHead(), (*copy)->Sync(), reader.file().Sync().
CALL = re.compile(r"(?<![\w:.>])(?:(?:\(\*\w+\)|\w+(?:\(\))?)(?:->|\.))*Sync\w*\(\)")
DECLARED = re.compile(r"\bStatus $")


def calls(line):
    """Yields the matches of CALL in a line of C++ that are no declaration and in no comment."""
    code = line.split("//")[0]
    for match in CALL.finditer(code):
        if not DECLARED.search(code[:match.start()]):
            yield match


def drop(path, text, sites):
    """Returns the source with its calls numbered on from those in `sites`, to which it adds them."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        done, out = 0, ""
        for match in calls(line):
            out += line[done:match.start()] + f"(IsSyncDropped({len(sites)}) ? absl::OkStatus() : {match[0]})"
            done = match.end()
            sites.append((path, number, line.strip()))
        lines.append(out + line[done:])
    return '#include "tests/prover/drop_sync.h"\n' + "\n".join(lines) + "\n"


def table(sites):
    rows = "\n".join(f'    {{"{path}", {line}, R"code({text})code"}},' for path, line, text in sites)
    return f"""#include <array>

#include "tests/prover/drop_sync.h"

namespace postern {{
namespace {{

constexpr std::array<SyncSite, {len(sites)}> kSites = {{{{
{rows}
}}}};

}}  // namespace

std::span<const SyncSite> SyncSites() {{ return kSites; }}

}}  // namespace postern
"""


def main():
    folder = pathlib.Path(sys.argv[1])
    sites = []
    for source in sys.argv[2:]:
        target = folder / "dropping" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(drop(source, pathlib.Path(source).read_text(encoding="utf-8"), sites), encoding="utf-8")
    (folder / "sync_sites.cc").write_text(table(sites), encoding="utf-8")


if __name__ == "__main__":
    main()
