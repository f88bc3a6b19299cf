"""The machine: its two cores, its limits, and what RESULTS.md says about it."""

import os
import platform
import re
import resource
import time
from pathlib import Path


def cores() -> tuple[int, int]:
    """The core of the servers and the core of the load generator; the same one if there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[min(1, len(available) - 1)]


def descriptors_max() -> int:
    """Open files that each process may have; raises the limit of this process and its children to what is allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class OtherWork:
    """The share of all cores that other programs took, between the start and the end of the measurement."""

    def __init__(self) -> None:
        self._start = self._reading()

    @staticmethod
    def _reading() -> tuple[float, float, float]:
        """Seconds since boot, busy seconds of all cores, and seconds of this process and its ended children."""
        user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(
            int, Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]
        )
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, sum(os.times()[:4])

    def share(self) -> float:
        """To be called when all servers have ended: only then their time is known."""
        elapsed, busy, own = (end - start for start, end in zip(self._start, self._reading(), strict=True))
        return max(0.0, busy - own) / (elapsed * (os.cpu_count() or 1))


def description() -> str:
    """Processor, memory and kernel."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    meminfo = Path("/proc/meminfo").read_text(encoding="utf-8")
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", meminfo, re.MULTILINE)
    virtual = ", virtual machine" if re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE) else ""
    processor = model.group(1) if model else platform.machine()
    gibibytes = f"{int(memory.group(1)) / 2**20:.0f}" if memory else "?"
    return f"{processor}, {os.cpu_count()} cores{virtual}, {gibibytes} GiB of memory, Linux {platform.release()}"
