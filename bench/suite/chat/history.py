"""What it takes to open, to page and to search a room, by how much has been written there."""

import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hostile.vitals import descendants

from .. import machine, runner
from ..build import Built
from ..servers import Server
from .line import Line

# Posted at once; the server is asked for no more than it has room for.
_PORTION = 200
_TIMES, _TIMES_QUICK = 400, 60
# Requests of one kind to one room that follow each other, so that the processor's time can be told.
_RUN = 20

_TALK = [
    "Did the soak test survive the night?",
    "It did. Ten thousand connections, one reload in the middle, nobody noticed.",
    "我把昨晚的压测结果整理好了：广播到最后一个客户端 38 毫秒，比上周快了一半。",
    "要不要约 7:30 在车站见？",
    "**Perfect**, thank you both. Then the plan for today: write it up, update the picture, cake 🎂",
    "ok",
]


@dataclass
class Cost:
    """Of one kind of request to one room."""

    milliseconds: list[float] = field(default_factory=list)
    """From the request to its answer, one after the other."""
    cpu_us: list[float] = field(default_factory=list)
    """Of all the server's processes, for each request; by runs of them."""


@dataclass(frozen=True)
class Long:
    """The result."""

    sizes: list[int]
    """Messages in each of the rooms."""
    costs: dict[str, dict[int, Cost]]
    """By kind of request and size."""
    post_cpu_us: dict[int, float]
    """For each post, when the room was filled."""
    disk_bytes: int
    """Of the database, with all of it."""


Ask = Callable[[Line], Any]


def _kinds(key: str, size: int, times: tuple[int, int]) -> dict[str, Ask]:
    """What is asked of a room that was written to between these times."""
    middle = size // 2 + 1
    instant = (times[0] + times[1]) // 2
    return {
        "open the room": lambda line: line.ask("join", room=key),
        "a page in the middle, older": lambda line: line.ask("history", room=key, before=middle),
        "the same, newer": lambda line: line.ask("history", room=key, after=middle),
        "the page of a date": lambda line: line.ask("history", room=key, at=instant),
        "search: two Chinese characters": lambda line: line.ask("search", room=key, text="压测"),
        "search: a word": lambda line: line.ask("search", room=key, text="soak"),
        "search: a word that is there once": lambda line: line.ask("search", room=key, text=f"number{middle}"),
        "search: a word that is not there": lambda line: line.ask("search", room=key, text="marzipan"),
    }


def _cpu_us(pid: int) -> float:
    """Of all threads that are there; the server ends none while it is measured."""
    threads = (task for process in descendants(pid) for task in Path(f"/proc/{process}/task").glob("*/schedstat"))
    return sum(int(thread.read_text(encoding="utf-8").split()[0]) for thread in threads) / 1000


def _fill(line: Line, key: str, size: int) -> None:
    for first in range(1, size + 1, _PORTION):
        numbers = range(first, min(first + _PORTION, size + 1))
        line.post(key, [f"{_TALK[number % len(_TALK)]} number{number}" for number in numbers], first)
        if first % (_PORTION * 500) == 1 and first > 1:
            print(f"{first - 1:,} of {size:,} messages", file=sys.stderr)


def measure(built: Built, server: Server, sizes: list[int], quick: bool, seed: int) -> Long:
    """Fills one room for each size, by posting, and then asks them in turn."""
    order = random.Random(seed)
    _, own_core = machine.cores()
    data = built.places.scratch / server.name
    with runner.start(built, server, "chat") as running:
        os.sched_setaffinity(0, {own_core})
        pid = running.process.pid
        asked: dict[int, dict[str, Ask]] = {}
        post_cpu_us: dict[int, float] = {}
        line = Line(running.address, "Ann")
        for size in sizes:
            key = line.ask("create", room=f"Room of {size}")["room"]
            line.ask("join", room=key)
            began, used = time.time_ns() // 1_000_000, _cpu_us(pid)
            _fill(line, key, size)
            post_cpu_us[size] = (_cpu_us(pid) - used) / max(size, 1)
            asked[size] = _kinds(key, size, (began, time.time_ns() // 1_000_000))
        line.close()
        line = Line(running.address, "Bob")
        costs = {kind: {size: Cost() for size in sizes} for kind in asked[sizes[0]]}
        turns = [(kind, size) for kind in costs for size in sizes]
        for _ in range((_TIMES_QUICK if quick else _TIMES) // _RUN):
            order.shuffle(turns)
            for kind, size in turns:
                _ask(line, asked[size][kind], costs[kind][size], pid)
        line.close()
        disk_bytes = sum(file.stat().st_size for file in data.rglob("*") if file.is_file())
    return Long(sizes, costs, post_cpu_us, disk_bytes)


def _ask(line: Line, ask: Ask, cost: Cost, pid: int) -> None:
    used = _cpu_us(pid)
    for _ in range(_RUN):
        began = time.perf_counter()
        ask(line)
        cost.milliseconds.append((time.perf_counter() - began) * 1000)
    cost.cpu_us.append((_cpu_us(pid) - used) / _RUN)
