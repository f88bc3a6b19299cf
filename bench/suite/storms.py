"""Reloads and kills of Switchboard in Process mode, under load, and what its clients noticed of them.

The storms themselves are those of conformance/python, whose tests run short forms of them.
"""

import dataclasses
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from .build import Built

sys.path.append(str(Path(__file__).resolve().parents[2] / "conformance/python"))
import storm  # noqa: E402
from deadline import wait_until  # noqa: E402
from process_tree import Builds, ProcessServer  # noqa: E402

MEASURES = ["reload-storm", "kill-storm"]

# A worker that starts on a busy machine, or again and again, may need a while.
_PATIENCE_SECONDS = 60
_FLAGS = ["--reactors", "2", "--max-connections", "20000"]


@dataclasses.dataclass(frozen=True)
class Storm:
    """One of the storms."""

    measure: str
    name: str
    """As RESULTS.md calls it."""
    example: str
    environment: dict[str, str]
    events: int
    """Reloads or kills."""
    connections: int = 1000
    in_flight: int = 4
    workers: int = 2


@dataclasses.dataclass(frozen=True)
class Result:
    """What a storm has shown."""

    storm: Storm
    fault: str = ""
    """Why it could not be run to its end."""
    report: dict[str, Any] | None = None
    """The load generator's."""
    seconds: tuple[float, ...] = ()
    """Of each reload until only new workers ran, or of each kill until all were back."""
    detail: str = ""
    descriptors: tuple[int, int] = (0, 0)
    """Of the master, without connections: before and after."""
    resident_bytes: tuple[int, int] = (0, 0)

    @property
    def harm(self) -> dict[str, int]:
        """What must not have happened, and did."""
        if self.report is None:
            return {}
        found = storm.harm(self.report, repeats_allowed=self.storm.measure == "kill-storm")
        if "CRASH_LINGER_MS" in self.storm.environment and self.report["storm"]["repeated_unmarked"]:
            found["repeated_unmarked"] = self.report["storm"]["repeated_unmarked"]
        if self.descriptors[1] > self.descriptors[0]:
            found["descriptors left"] = self.descriptors[1] - self.descriptors[0]
        return found


def plan(quick: bool, measures: list[str]) -> list[Storm]:
    """The storms of a full or a quick run."""
    # A thousand reloads take a minute.
    reloads, kills = (300, 100) if quick else (1000, 400)
    lingering = {"CRASH_LINGER_MS": "2"}
    storms = [
        Storm("reload-storm", f"{reloads:,} reloads, two builds in turn", "echo", {}, reloads),
        Storm("kill-storm", f"{kills:,} kills", "echo", {}, kills),
        Storm("kill-storm", f"{kills:,} kills, handlers that linger", "crash", lingering, kills),
    ]
    return [each for each in storms if each.measure in measures]


def run(built: Built, storms: list[Storm], seed: int) -> list[Result]:
    """One after the other, on all cores: a worker that starts needs one beside the others."""
    results = []
    for each in storms:
        print(f"{each.measure}: {each.name}", file=sys.stderr)
        try:
            result = _run(built, each, seed)
        except Exception as failure:  # pylint: disable=broad-except
            result = Result(each, fault=f"{type(failure).__name__}: {failure}")
        results.append(result)
        _progress(result)
    return results


def _run(built: Built, each: Storm, seed: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        builds = Builds(built.places.target / "release/examples" / each.example, Path(folder))
        place = Path(folder, "server")
        place.mkdir()
        server = ProcessServer(each.example, *_FLAGS, builds=builds, folder=place, workers=each.workers,
                               environment=each.environment)
        try:
            return _rage(built, each, server, seed)
        finally:
            server.stop()


def _rage(built: Built, each: Storm, server: ProcessServer, seed: int) -> Result:
    server.wait_until_whole()
    # The first reload and the first connections leave what is kept for good; they are no part of the comparison.
    server.reload()
    with _load(built, each, server) as load:
        load.finish()
    descriptors, resident = _descriptors(server), server.resident_bytes()

    with _load(built, each, server) as load:
        if each.measure == "reload-storm":
            ran, seconds = storm.reload_storm(server, each.events, _PATIENCE_SECONDS)
        else:
            counts, seconds = storm.kill_storm(server, each.events, seed, _PATIENCE_SECONDS)
        report = load.finish()
    if each.measure == "reload-storm":
        answers = ran.of_answers(report)
        detail = f"answers of the builds: {answers.get(0, 0):,} and {answers.get(1, 0):,}"
        if not answers.get(0) or not answers.get(1):
            return Result(each, fault=f"not both builds have answered: {answers}", report=report)
    else:
        detail = ", ".join(f"{name} {count}" for name, count in counts.items())
    return Result(each, report=report, seconds=tuple(seconds), detail=detail,
                  descriptors=(descriptors, _descriptors(server)), resident_bytes=(resident, server.resident_bytes()))


def _load(built: Built, each: Storm, server: ProcessServer) -> storm.Load:
    return storm.Load(server.addresses[0], generator=built.generator, connections=each.connections,
                      in_flight=each.in_flight, grace_s=_PATIENCE_SECONDS)


def _descriptors(server: ProcessServer) -> int:
    """What the master has open when it is left alone."""
    last: list[int] = []

    def steady() -> bool:
        last.append(len(os.listdir(f"/proc/{server.process.pid}/fd")))
        return len(last) > 40 and len(set(last[-40:])) == 1

    wait_until(steady, "the master opens and closes nothing")
    return last[-1]


def _progress(result: Result) -> None:
    if result.report is None:
        print(f"  failed: {result.fault}", file=sys.stderr)
        return
    wrong = f"  {result.harm}" if result.harm else ""
    print(f"  {result.report['traffic']['deliveries']:,} deliveries{wrong}", file=sys.stderr)
