"""The processor time of a whole tree of processes, those that have ended in it included."""

import os
import pathlib

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """(parent, seconds of its own, seconds of the children that it has waited for)"""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = map(int, fields[11:15])
    return int(fields[1]), (user + system) / TICK, (children_user + children_system) / TICK


def processor_seconds(root):
    """Since the start of `root`. A process that has ended counts once its parent has waited for it."""
    stats = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stats[int(entry.name)] = _stat(entry.name)
            except OSError:
                pass  # it has just ended
    tree, grown = {root}, True
    while grown:
        more = {pid for pid, (parent, _, _) in stats.items() if parent in tree} - tree
        tree |= more
        grown = bool(more)
    return sum(stats[pid][1] + stats[pid][2] for pid in tree if pid in stats)


def resident_bytes(root):
    """Of the one process."""
    pages = int(pathlib.Path(f"/proc/{root}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
