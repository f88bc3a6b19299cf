"""What the kernel knows of a server: its processes, its descriptors, its memory, and how long its threads had to wait."""

import collections
import os
import pathlib

Vitals = collections.namedtuple("Vitals", "processes descriptors memory_bytes")


def descendants(pid):
    """The process and all below it, whichever thread has started them."""
    found = [pid]
    for member in found:
        for children in pathlib.Path(f"/proc/{member}/task").glob("*/children"):
            found += [int(child) for child in _text(children).split()]
    return found


def vitals(pid):
    """Of a server's whole tree. A process is its pid and its start time, so that a successor is not taken for it."""
    processes = [(member, _started(member)) for member in descendants(pid)]
    pids = [member for member, started in processes if started]
    return Vitals(tuple(processes), {member: _descriptors(member) for member in pids}, sum(map(_memory_bytes, pids)))


def waited_s(pids):
    """How long all threads of these processes have been ready to run, and did not run because others did."""
    total_ns = 0
    for pid in pids:
        for schedule in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            fields = _text(schedule).split()
            total_ns += int(fields[1]) if len(fields) > 1 else 0
    return total_ns / 1e9


def stolen_s():
    """How long the machine below this one, if it is a virtual one, has kept its processors for others."""
    return int(_text("/proc/stat").split("\n", 1)[0].split()[8]) / os.sysconf("SC_CLK_TCK")


def _text(path):
    try:
        return pathlib.Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it has ended


def _started(pid):
    text = _text(f"/proc/{pid}/stat")
    # The name in parentheses may hold anything; field 3 follows the last one.
    return text.rpartition(")")[2].split()[19] if text else ""


def _descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except FileNotFoundError:
        return 0


def _memory_bytes(pid):
    """Its share of everything but the pages of files, which the kernel may drop at any time."""
    kib = 0
    for line in _text(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
            kib += int(line.split()[1])
    return kib * 1024
