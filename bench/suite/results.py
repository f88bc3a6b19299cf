"""The runs as figures: medians, and ratios to another server, or another load, of the same round."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from .loads import Load
from .runner import Run
from .servers import FLOOR

Value = Callable[[dict[str, Any]], float | None]
"""A figure of a report of the load generator."""


@dataclass(frozen=True)
class Spread:
    """The median of some figures, the smallest and the largest of them."""

    middle: float
    least: float
    most: float
    count: int

    @staticmethod
    def of(figures: Iterable[float]) -> "Spread | None":
        found = list(figures)
        return Spread(median(found), min(found), max(found), len(found)) if found else None

    def show(self, form: str = ".2f") -> str:
        if self.count == 1:
            return format(self.middle, form)
        return f"**{self.middle:{form}}** ({self.least:{form}}–{self.most:{form}})"


class Results:
    """The runs, by load and server."""

    def __init__(self, runs: list[Run], names: list[str]) -> None:
        self.runs = runs
        self.names = names

    def values(self, load: Load, server: str, value: Value) -> dict[int, float]:
        """By round; of runs that failed there are none."""
        reports = {
            run.round: run.report
            for run in self.runs
            if run.load == load and run.server == server and run.report is not None
        }
        found = {number: value(report) for number, report in reports.items()}
        return {number: figure for number, figure in found.items() if figure is not None}

    def spread(self, load: Load, server: str, value: Value) -> Spread | None:
        return Spread.of(self.values(load, server, value).values())

    def middle(self, load: Load, server: str, value: Value, form: str) -> str:
        """The median of a figure, for a table."""
        found = self.spread(load, server, value)
        return format(found.middle, form) if found else self._why_not(load, server)

    def paired(self, own: tuple[Load, str], other: tuple[Load, str], value: Value) -> Spread | None:
        """The ratios of a load and server to another one, in the same rounds."""
        left, right = self.values(*own, value), self.values(*other, value)
        return Spread.of(left[number] / right[number] for number in left if right.get(number))

    def ratio(self, load: Load, server: str, value: Value, to: str = FLOOR) -> str:
        """The ratio to another server under the same load, for a table."""
        found = self.paired((load, server), (load, to), value)
        return found.show() if found else self._why_not(load, server)

    def names_of(self, loads: list[Load]) -> list[str]:
        """The servers that any of these loads was tried with."""
        tried = {run.server for run in self.runs if run.load in loads}
        return [name for name in self.names if name in tried]

    def _why_not(self, load: Load, server: str) -> str:
        tried = any(run.load == load and run.server == server for run in self.runs)
        return "failed" if tried else "–"


def _number(found: Any) -> float | None:
    return None if found is None else float(found)


def cpu(report: dict[str, Any]) -> float | None:
    """Microseconds of the server for a delivery."""
    return _number(report["traffic"]["server_cpu_us_per_delivery"])


def ksoftirqd(report: dict[str, Any]) -> float | None:
    """Microseconds of the kernel's network threads for a delivery."""
    return _number(report["traffic"]["ksoftirqd_cpu_us_per_delivery"])


def accept_cpu(report: dict[str, Any]) -> float | None:
    """Microseconds of the server for an accepted connection."""
    return _number(report["accept"]["server_cpu_us_per_connection"])


def deliveries_per_second(report: dict[str, Any]) -> float | None:
    return _number(report["traffic"]["deliveries_per_second"])


def completion(quantile: str) -> Value:
    """Milliseconds until the last receiver has a message."""

    def value(report: dict[str, Any]) -> float | None:
        found = (report.get("completion") or {}).get(f"{quantile}_us")
        return found / 1000 if found is not None else None

    return value


def memory(name: str) -> Value:
    """Bytes of the process tree."""
    return lambda report: (report.get("memory") or {}).get(name)
