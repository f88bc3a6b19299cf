"""The machine: its two cores, its limits, and what RESULTS.md says about it."""

import os
import platform
import re
import resource
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


def description() -> str:
    """Processor, memory and kernel."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    meminfo = Path("/proc/meminfo").read_text(encoding="utf-8")
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", meminfo, re.MULTILINE)
    virtual = ", virtual machine" if re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE) else ""
    return (
        f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores{virtual}, "
        f"{int(memory.group(1)) / 2**20:.0f} GiB of memory, Linux {platform.release()}"
        if memory
        else f"{platform.machine()}, Linux {platform.release()}"
    )
