"""What is measured: each load is one call of the load generator."""

from dataclasses import dataclass

MEASURES = ["echo", "broadcast", "idle", "slow-reader"]

# Descriptors of a server beside those of its connections.
_DESCRIPTORS_SPARE = 200


@dataclass(frozen=True)
class Load:
    """One load."""

    measure: str
    name: str
    """As RESULTS.md calls it."""
    program: str
    """The server: `echo` or `broadcast`."""
    arguments: list[str]
    """Of the load generator."""
    fresh: bool = False
    """The server is started anew, so that memory left from other loads is not counted."""
    slow_readers: int = 0
    """Connections that never read."""


@dataclass(frozen=True)
class Plan:
    """All loads, and how often each is run."""

    loads: list[Load]
    rounds: dict[str, int]
    """By measure."""

    def units(self, number: int) -> list[list[Load]]:
        """The loads of a round. Those of one unit are compared with each other, so each server runs them in a row."""
        loads = [load for load in self.loads if number < self.rounds[load.measure]]
        slow = [load for load in loads if load.measure == "slow-reader"]
        return [[load] for load in loads if load not in slow] + ([slow] if slow else [])


def _echo(connections: int, size: int, in_flight: int, seconds: float) -> Load:
    return Load(
        measure="echo",
        name=f"{connections:,} × {_size(size)} × {in_flight}",
        program="echo",
        arguments=["echo", f"--connections={connections}", f"--bytes={size}", f"--in-flight={in_flight}"]
        + [f"--seconds={seconds}"],
    )


def _broadcast(senders: int, receivers: int, size: int, seconds: float) -> Load:
    return Load(
        measure="broadcast",
        name=f"{senders} → {receivers:,} × {_size(size)}",
        program="broadcast",
        arguments=["broadcast", f"--senders={senders}", f"--receivers={receivers}", f"--bytes={size}"]
        + [f"--seconds={seconds}"],
    )


def _slow_reader(slow: int, seconds: float) -> Load:
    return Load(
        measure="slow-reader",
        name=f"{slow} slow readers",
        program="broadcast",
        arguments=["broadcast", "--receivers=1000", "--bytes=64", "--rate=20", f"--slow-readers={slow}"]
        + [f"--seconds={seconds}"],
        fresh=True,
        slow_readers=slow,
    )


def _size(size: int) -> str:
    return f"{size // 1024} KiB" if size >= 1024 else f"{size} B"


def plan(quick: bool, measures: list[str], descriptors_max: int) -> Plan:
    """The loads of a full or a quick run, as far as the limit of open files allows."""
    seconds = 0.6 if quick else 1.0
    idle = min(10_000, descriptors_max - _DESCRIPTORS_SPARE)
    loads = [
        _echo(64, 16, 1, seconds),
        _echo(64, 16, 16, seconds),
        _echo(64, 16 * 1024, 16, seconds),
        _echo(1000, 16, 1, seconds),
        _broadcast(1, 1000, 64, seconds),
        _broadcast(16, 1000, 64, seconds),
        _broadcast(1, 5000, 64, seconds),
    ]
    if not quick:
        loads += [
            _echo(64, 1024, 16, seconds),
            _echo(1000, 1024, 16, seconds),
            _broadcast(1, 1000, 1024, seconds),
            _broadcast(64, 1000, 64, seconds),
        ]
    loads += [
        Load(
            measure="idle",
            name=f"{idle:,} idle connections",
            program="broadcast",
            arguments=["idle", f"--connections={idle}", f"--hold={1 if quick else 2}", "--broadcast"],
            fresh=True,
        ),
        _slow_reader(0, 2.5 if quick else 6),
        _slow_reader(10, 2.5 if quick else 6),
    ]
    rounds = {"echo": 3, "broadcast": 3, "idle": 1, "slow-reader": 2}
    if not quick:
        rounds = {"echo": 5, "broadcast": 5, "idle": 2, "slow-reader": 3}
    return Plan([load for load in loads if load.measure in measures], rounds)
