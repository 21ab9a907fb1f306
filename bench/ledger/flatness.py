"""Whether a program's memory and descriptors stay flat: samples, and the slope of a straight line through them.

A level says little, since a gateway holds what it was asked to hold; what grows with time is a leak. The first part of the samples is
left out: there pools and tables fill for the first time.
"""

import os
import pathlib
import re
import threading
import time

PERIOD_SECONDS = 0.5
WARM_UP_SHARE = 0.4
SAMPLES_MIN = 20
KIB_ALLOWED, SHARE_ALLOWED = 6 * 1024, 0.05  # growth of memory over all samples that count
DESCRIPTORS_ALLOWED = 24  # connections come and go, some in herds; a leak of one a message or a connection makes hundreds in a minute


def slope(points):
    """Of the least-squares line through (x, y)."""
    count = len(points)
    x_mean, y_mean = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / sum((x - x_mean) ** 2 for x, _ in points)


def growth(points):
    """What the line rises from the first point to the last."""
    return slope(points) * (points[-1][0] - points[0][0])


class Watch:
    """Samples one process, from the start of a `with` to its end."""

    def __init__(self, pid):
        self._folder = pathlib.Path(f"/proc/{pid}")
        self._samples = []  # (seconds, KiB resident, descriptors)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()

    def _run(self):
        while not self._stopped.wait(PERIOD_SECONDS):
            try:
                resident = int(re.search(r"^VmRSS:\s+(\d+)", (self._folder / "status").read_text(), re.M)[1])
                self._samples.append((time.monotonic(), resident, len(os.listdir(self._folder / "fd"))))
            except (OSError, TypeError):
                return  # it has ended: too few samples tell

    def judge(self):
        """(whether it is flat, what was seen)"""
        counted = self._samples[int(len(self._samples) * WARM_UP_SHARE):]
        if len(counted) < SAMPLES_MIN:
            return False, f"only {len(counted)} samples of memory and descriptors: it ran for too short a time, or ended"
        memory, descriptors = [(t, kib) for t, kib, _ in counted], [(t, fds) for t, _, fds in counted]
        allowed = max(KIB_ALLOWED, SHARE_ALLOWED * memory[0][1])
        more_memory, more_descriptors = growth(memory), growth(descriptors)
        flat = more_memory <= allowed and more_descriptors <= DESCRIPTORS_ALLOWED
        seconds = counted[-1][0] - counted[0][0]
        return flat, (f"{len(counted)} samples in {seconds:.0f} s: memory {more_memory / 1024:+.1f} MiB at {memory[-1][1] / 1024:.1f} "
                      f"(allowed {allowed / 1024:+.1f}), descriptors {more_descriptors:+.1f} at {descriptors[-1][1]} "
                      f"(allowed {DESCRIPTORS_ALLOWED:+})")
