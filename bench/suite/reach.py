"""What is to be reached, beside what was measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from .loads import Load, Plan
from .results import Results, Spread, Value, accept_cpu, completion, cpu, memory
from .servers import FLOOR, PROCESSES, RIVAL, SUBJECT, TICK

_MODES = {SUBJECT: "Base", PROCESSES: "Process"}


@dataclass(frozen=True)
class Aim:
    """One line."""

    load: str
    server: str
    limit: float | None
    """None: nothing is to be reached, the figure is only to be known."""
    beside: str
    """What the figure is a ratio to; `bytes` where it is none."""
    measured: Spread | None

    @property
    def is_reached(self) -> bool | None:
        """None: it was not measured, or nothing is to be reached."""
        if self.limit is None or self.measured is None:
            return None
        return self.measured.middle <= self.limit

    def cells(self) -> list[str]:
        """For a table: load, mode, what is wanted, what was measured, and the verdict."""
        is_ratio = self.beside != "bytes"
        shown = self.measured.show(".2f" if is_ratio else ",.0f") if self.measured else "–"
        if self.limit is None:
            wanted, verdict = f"no limit; × {self.beside}", "the cipher's: docs/performance.md"
        else:
            wanted = f"≤ {self.limit:g} × {self.beside}" if is_ratio else f"≤ {self.limit:,.0f} bytes"
            verdict = {True: "reached", False: "**not reached**", None: "not measured"}[self.is_reached]
        return [self.load, _MODES[self.server], wanted, shown, verdict]


class _Aims:
    """Makes the lines of one kind of load each."""

    def __init__(self, results: Results, plan: Plan) -> None:
        self._results, self._plan = results, plan

    def _to_server(self, load: Load, server: str, limit: float, other: str, value: Value = cpu) -> Aim:
        beside = "own Base" if other == SUBJECT else other
        name = f"CPU per accept, {load.name}" if value is accept_cpu else f"{load.measure} {load.name}"
        return Aim(name, server, limit, beside, self._results.paired((load, server), (load, other), value))

    def broadcast(self) -> Iterator[Aim]:
        to_tick = {16: (1.2, 1.3), 64: (1.5, 1.8)}
        for load in self._plan.of("broadcast"):
            if load.senders in to_tick:
                base, process = to_tick[load.senders]
                yield self._to_server(load, SUBJECT, base, TICK)
                yield self._to_server(load, PROCESSES, process, TICK)
            else:
                yield self._to_server(load, SUBJECT, 1.0, RIVAL)
                yield self._to_server(load, SUBJECT, 1.1, FLOOR)
                yield self._to_server(load, PROCESSES, 1.1, SUBJECT)

    def echo(self) -> Iterator[Aim]:
        for load in self._plan.of("echo"):
            is_joined = load.in_flight > 1 and "--bytes=16384" not in load.arguments
            yield self._to_server(load, SUBJECT, 1.2 if is_joined else 1.0, FLOOR)
            yield self._to_server(load, PROCESSES, 1.4, SUBJECT)

    def idle(self) -> Iterator[Aim]:
        for load in self._plan.of("idle"):
            for server, limit in ((SUBJECT, 256), (PROCESSES, 384)):
                spread = self._results.spread(load, server, memory("per_connection_bytes"))
                yield Aim(f"memory of each of {load.name}, one group", server, limit, "bytes", spread)
            yield self._to_server(load, SUBJECT, 1.2, FLOOR, accept_cpu)
            yield self._to_server(load, PROCESSES, 1.5, FLOOR, accept_cpu)

    def beside_own(self, measure: str, limit: float | None, beside: str, value: Value = cpu) -> Iterator[Aim]:
        """What the same server needs under a load that lacks what is measured."""
        loads = self._plan.of(measure)
        base = next((load for load in loads if load.is_base), None)
        for load in loads:
            if base is None or load.is_base:
                continue
            for server in (SUBJECT, PROCESSES):
                measured = self._results.paired((load, server), (base, server), value)
                yield Aim(_PAIRS[measure], server, limit, beside, measured)


_PAIRS = {
    "deflate": "broadcast 1 → 1,000 × 1 KiB, deflate",
    "tls": "broadcast 1 → 1,000 × 1 KiB, TLS",
    "chat": "chat, a message posted to 1,000 people",
    "slow-reader": "p99 to the last of 1,000, with 10 that never read",
}


def aims(results: Results, plan: Plan) -> list[Aim]:
    """All lines."""
    make = _Aims(results, plan)
    return [
        *make.broadcast(),
        *make.echo(),
        *make.idle(),
        *make.beside_own("deflate", 1.3, "own uncompressed"),
        *make.beside_own("tls", None, "own plain"),
        *make.beside_own("chat", 1.15, "own broadcast"),
        *make.beside_own("slow-reader", 1.2, "own without them", completion("p99")),
    ]
