"""What each server holds, every few seconds, and whether it grows."""

import dataclasses
import os
import statistics
import time
from pathlib import Path

from hostile.vitals import vitals
from process_tree import ProcessServer

from .party import Party

_EVERY_SECONDS = 3.0
# Loads come and go; what stays is the least of so many seconds.
_WINDOW_SECONDS = 60.0
# Fewer say nothing of a trend.
_WINDOWS_MIN = 4
# What a server takes until it has done everything once does not count: this share of the run, and no less than this.
_WARM_UP_SHARE, _WARM_UP_SECONDS_MIN = 0.25, 60.0

MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Sample:
    """Of one server at one moment, all its processes together."""

    seconds: float
    memory_bytes: int
    """Its proportional share (PSS), without the pages of files."""
    master_bytes: int
    """The master's alone, which is never replaced."""
    descriptors: int
    """The master's."""
    threads: int
    processes: int


def sample(server: ProcessServer, seconds: float) -> Sample:
    pid = server.process.pid
    whole = vitals(pid)
    pids = [member for member, started in whole.processes if started]
    return Sample(seconds, whole.memory_bytes, _memory_of(pid), whole.descriptors.get(pid, 0),
                  sum(_threads(member) for member in pids), len(pids))


def _memory_of(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return 0


class Sampler(Party):
    """Looks at all servers."""

    name = "samples"

    def __init__(self, servers: dict[str, ProcessServer]) -> None:
        super().__init__()
        self._servers = servers
        self._began = time.monotonic()
        self.samples: dict[str, list[Sample]] = {name: [] for name in servers}

    def turn(self) -> None:
        for name, server in self._servers.items():
            self.samples[name].append(sample(server, time.monotonic() - self._began))
        self.pause(_EVERY_SECONDS)


@dataclasses.dataclass(frozen=True)
class Trend:
    """Of one figure of one server, over the run without its warm-up."""

    server: str
    figure: str
    first: float
    """Where the line begins."""
    last: float
    """Where the line ends."""
    most: float
    allowed: float
    """How much more `last` may be than `first`."""

    @property
    def is_flat(self) -> bool:
        return self.last - self.first <= self.allowed


# A line through noise is not level. Memory (MiB), descriptors and threads may rise by so much over the whole run, however long:
# thousands of connections and processes come and go meanwhile, and if each thousandth left something that would be more.
_ALLOWED = {"memory": 6.0, "memory of the master": 4.0, "descriptors of the master": 4.0, "threads": 2.0}
_FIGURES = {
    "memory": lambda each: each.memory_bytes / MIB,
    "memory of the master": lambda each: each.master_bytes / MIB,
    "descriptors of the master": lambda each: each.descriptors,
    "threads": lambda each: each.threads,
}


def trends(server: str, samples: list[Sample]) -> list[Trend]:
    """A line through the least of each window (least squares)."""
    length = samples[-1].seconds if samples else 0.0
    warm_up = max(_WARM_UP_SHARE * length, _WARM_UP_SECONDS_MIN)
    warm = [each for each in samples if each.seconds >= warm_up]
    windows: dict[int, list[Sample]] = {}
    for each in warm:
        windows.setdefault(int((each.seconds - warm_up) // _WINDOW_SECONDS), []).append(each)
    full = [window for window in windows.values() if len(window) >= 3]
    found = []
    for figure, value in _FIGURES.items():
        points = [(window[0].seconds, min(map(value, window))) for window in full]
        if len(points) < _WINDOWS_MIN:
            continue
        line = statistics.linear_regression(*zip(*points))
        ends = [line.slope * seconds + line.intercept for seconds in (points[0][0], points[-1][0])]
        found.append(Trend(server, figure, ends[0], ends[1], max(map(value, warm)), _ALLOWED[figure]))
    return found
