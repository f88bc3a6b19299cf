"""What is measured: each load is one call of the load generator."""

from dataclasses import dataclass

from .servers import Server

MEASURES = ["echo", "broadcast", "idle", "slow-reader", "deflate", "tls", "chat"]

# Descriptors of a server beside those of its connections.
DESCRIPTORS_SPARE = 200

_KIBIBYTE = 1024
# Text of a message in the chat, and what its event comes to with names and numbers: the size of what it is compared with.
_CHAT_TEXT_BYTES = 64
_CHAT_EVENT_BYTES = 153


@dataclass(frozen=True)
class Load:
    """One load."""

    measure: str
    name: str
    """As RESULTS.md calls it."""
    program: str
    """What the server is to do: one of `Server.programs`."""
    arguments: tuple[str, ...]
    """Of the load generator."""
    fresh: bool = False
    """The server is started anew, so that memory left from other loads is not counted."""
    senders: int = 1
    """Of a broadcast."""
    in_flight: int = 0
    """Of an echo."""
    slow_readers: int = 0
    """Connections that never read."""
    is_base: bool = False
    """What the other loads of its measure are compared with."""
    for_all: bool = True
    """Otherwise only those servers run it that the table of aims names."""


@dataclass(frozen=True)
class Plan:
    """All loads, and how often each is run."""

    loads: list[Load]
    rounds: dict[str, int]
    """By measure; of the servers that the table of aims names."""
    rounds_of_others: dict[str, int]

    def units(self, number: int) -> list[list[Load]]:
        """The loads of a round. Those of one unit are compared with each other, so each server runs them in a row."""
        loads = [load for load in self.loads if number < self.rounds[load.measure]]
        paired = {load.measure for load in loads if load.is_base}
        units = [[load] for load in loads if load.measure not in paired]
        return units + [[load for load in loads if load.measure == measure] for measure in sorted(paired)]

    def take_part(self, server: Server, unit: list[Load], number: int) -> bool:
        """Whether the server runs these loads in this round."""
        if not all(load.program in server.programs for load in unit):
            return False
        return server.has_aims or (
            all(load.for_all for load in unit) and number < self.rounds_of_others[unit[0].measure]
        )

    def of(self, measure: str) -> list[Load]:
        return [load for load in self.loads if load.measure == measure]


@dataclass(frozen=True)
class _Maker:
    """Loads of one length."""

    seconds: float
    warm_up: float

    @property
    def _timing(self) -> tuple[str, ...]:
        return f"--seconds={self.seconds}", f"--warm-up={self.warm_up}"

    def echo(self, connections: int, size: int, in_flight: int, for_all: bool = True) -> Load:
        return Load(
            measure="echo",
            name=f"{connections:,} × {_size(size)} × {in_flight}",
            program="echo",
            arguments=(
                "echo",
                f"--connections={connections}",
                f"--bytes={size}",
                f"--in-flight={in_flight}",
                *self._timing,
            ),
            in_flight=in_flight,
            for_all=for_all,
        )

    def broadcast(self, senders: int, receivers: int, size: int, for_all: bool = True) -> Load:
        return Load(
            measure="broadcast",
            name=f"{senders} → {receivers:,} × {_size(size)}",
            program="broadcast" if senders == 1 else "burst",
            arguments=self._broadcast(senders, receivers, size),
            senders=senders,
            for_all=for_all,
        )

    def _broadcast(self, senders: int, receivers: int, size: int) -> tuple[str, ...]:
        return (
            "broadcast",
            f"--senders={senders}",
            f"--receivers={receivers}",
            f"--bytes={size}",
            *self._timing,
        )

    def pair(self, program: str, size: int, base_size: int) -> list[Load]:
        """A broadcast that needs more than a plain one, and the plain one."""
        base = f"1 → 1,000 × {_size(base_size)}"
        return [
            Load(program, f"{base}, plain", "broadcast", self._broadcast(1, 1000, base_size), is_base=True),
            Load(program, f"{base}, {program}", program, self._broadcast(1, 1000, size)),
        ]


def _slow_reader(slow: int, seconds: float, for_all: bool) -> Load:
    return Load(
        measure="slow-reader",
        name=f"{slow} slow readers",
        program="broadcast",
        arguments=(
            "broadcast",
            "--receivers=1000",
            "--bytes=64",
            "--rate=20",
            f"--slow-readers={slow}",
            f"--seconds={seconds}",
        ),
        fresh=True,
        slow_readers=slow,
        is_base=slow == 0,
        for_all=for_all,
    )


def _idle(connections: int, hold: float) -> Load:
    return Load(
        measure="idle",
        name=f"{connections:,} idle connections",
        program="group",
        arguments=("idle", f"--connections={connections}", f"--hold={hold}", "--broadcast"),
        fresh=True,
    )


def _size(size: int) -> str:
    return f"{size // _KIBIBYTE} KiB" if size >= _KIBIBYTE else f"{size} B"


def plan(quick: bool, measures: list[str], descriptors_max: int) -> Plan:
    """The loads of a full or a quick run, as far as the limit of open files allows."""
    make = _Maker(0.5, 0.2) if quick else _Maker(1.0, 0.3)
    full = not quick
    loads = [
        make.echo(64, 16, 1),
        make.echo(64, 16, 16),
        make.echo(64, _KIBIBYTE, 1, full),
        make.echo(64, _KIBIBYTE, 16, full),
        make.echo(64, 16 * _KIBIBYTE, 16, full),
        make.echo(1000, 16, 1),
        make.echo(1000, 16, 16, full),
        make.echo(1000, _KIBIBYTE, 1, full),
        make.echo(1000, _KIBIBYTE, 16, full),
        make.broadcast(1, 1000, 64),
        make.broadcast(1, 1000, _KIBIBYTE, full),
        make.broadcast(1, 5000, 64, full),
        make.broadcast(16, 1000, 64),
        make.broadcast(64, 1000, 64, full),
        _idle(min(10_000, descriptors_max - DESCRIPTORS_SPARE), 1 if quick else 2),
        _slow_reader(0, 2.5 if quick else 6, full),
        _slow_reader(10, 2.5 if quick else 6, full),
        *make.pair("deflate", _KIBIBYTE, _KIBIBYTE),
        *make.pair("tls", _KIBIBYTE, _KIBIBYTE),
        *make.pair("chat", _CHAT_TEXT_BYTES, _CHAT_EVENT_BYTES),
    ]
    few = {"echo": 3, "broadcast": 3, "idle": 2, "slow-reader": 2, "deflate": 2, "tls": 2, "chat": 3}
    many = dict.fromkeys(MEASURES, 5) | {"idle": 3}
    once = dict.fromkeys(MEASURES, 1)
    return Plan(
        loads=[load for load in loads if load.measure in measures],
        rounds=few if quick else many,
        rounds_of_others=once if quick else many | {"slow-reader": 1, "idle": 2},
    )
