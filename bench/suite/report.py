"""RESULTS.md: medians of paired ratios with their spread, in plain tables."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from . import machine
from .build import Built
from .loads import Load, Plan
from .runner import Run
from .servers import FLOOR, PROCESSES, SUBJECT
from .storms import Result


@dataclass(frozen=True)
class Circumstances:
    """Under which the runs were made."""

    quick: bool
    seconds: float
    """From the start to the end, builds included."""
    other_work: float
    """The share of the machine that other programs took."""


_Value = Callable[[dict[str, Any]], float | None]


class Results:
    """The runs, by load and server."""

    def __init__(self, runs: list[Run], names: list[str]) -> None:
        self.runs = runs
        self.names = names

    def reports(self, load: Load, server: str) -> dict[int, dict[str, Any]]:
        """By round; runs that failed are missing."""
        return {
            run.round: run.report
            for run in self.runs
            if run.load.name == load.name and run.server == server and run.report is not None
        }

    def values(self, load: Load, server: str, value: _Value) -> dict[int, float]:
        found = {number: value(report) for number, report in self.reports(load, server).items()}
        return {number: figure for number, figure in found.items() if figure is not None}

    def middle(self, load: Load, server: str, value: _Value, show: str) -> str:
        """The median of a figure."""
        figures = list(self.values(load, server, value).values())
        return format(median(figures), show) if figures else "failed"

    def ratio(self, load: Load, server: str, value: _Value, to: str = FLOOR) -> str:
        """The median of the ratios to another server of the same round, with the smallest and the largest."""
        own, floor = self.values(load, server, value), self.values(load, to, value)
        ratios = [own[number] / floor[number] for number in own if floor.get(number)]
        if not ratios:
            return "failed"
        if len(ratios) == 1:
            return f"{ratios[0]:.2f}"
        return f"**{median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines) + "\n"


def _cpu(report: dict[str, Any]) -> float | None:
    return report["traffic"]["server_cpu_us_per_delivery"]


def _completion(quantile: str) -> _Value:
    return lambda report: (report.get("completion") or {}).get(f"{quantile}_us")


def _memory(name: str) -> _Value:
    return lambda report: (report.get("memory") or {}).get(name)


def markdown(built: Built, plan: Plan, runs: list[Run], storms: list[Result], how: Circumstances) -> str:
    """The whole document."""
    results = Results(runs, [server.name for server in built.servers])
    sections = {"echo": _echo, "broadcast": _broadcast, "idle": _idle, "slow-reader": _slow_readers}
    text = _introduction(plan, how)
    for measure, section in sections.items():
        loads = [load for load in plan.loads if load.measure == measure]
        if loads:
            text += section(results, loads)
    if {SUBJECT, PROCESSES} <= set(results.names):
        text += _second_hop(results, [load for load in plan.loads if load.measure in ("echo", "broadcast")])
    if runs:
        text += _correctness(results)
    return text + _storms(storms) + _servers(built)


def _introduction(plan: Plan, how: Circumstances) -> str:
    server, generator = machine.cores()
    pinned = (
        "servers pinned to one core, the load generator to the other"
        if server != generator
        else "servers and load generator share the only core"
    )
    rounds = max(plan.rounds.values())
    busy = ": it was busy, so the times are worth nothing and the ratios little" if how.other_work > 0.1 else ""
    return (
        "# Results\n\n"
        f"Written by `bench/run{' --quick' if how.quick else ''}` in {how.seconds / 60:.0f} minutes; `bench/README.md` says "
        "what the figures mean.\n\n"
        f"- Machine: {machine.description()}; loopback; {pinned}.\n"
        f"- Other programs took {how.other_work:.0%} of the machine meanwhile{busy}.\n"
        f"- Up to {rounds} rounds in shuffled order. A ratio is the **median** of the ratios to `{FLOOR}` in the same "
        "round (smallest–largest). Less is better. Differences below 10–20 % are noise.\n"
        "- CPU time is user and system time of the server's whole process tree.\n\n"
    )


def _ratios(results: Results, loads: list[Load], value: _Value, unit: str) -> str:
    others = [name for name in results.names if name != FLOOR]
    rows = [
        [load.name, results.middle(load, FLOOR, value, ".2f")] + [results.ratio(load, name, value) for name in others]
        for load in loads
    ]
    return _table(["load", f"{FLOOR}, {unit}", *others], rows)


def _echo(results: Results, loads: list[Load]) -> str:
    return "## Echo: CPU time per message ÷ floor\n\nConnections × size × messages in flight.\n\n" + _ratios(
        results, loads, _cpu, "µs"
    )


def _broadcast(results: Results, loads: list[Load]) -> str:
    text = (
        "## Broadcast: CPU time per delivery ÷ floor\n\n"
        "Senders → receivers × size; the next messages are sent when the last receiver has the last ones. The floor sends "
        "every message singly, so a server that joins those of several senders is below 1.\n\n"
    )
    text += _ratios(results, loads, _cpu, "µs")
    for quantile in ("p50", "p99"):
        text += f"### Time to the last receiver, {quantile} ÷ floor\n\n"
        text += _ratios(results, loads, lambda report: (_completion(quantile)(report) or 0) / 1000, "ms")
    return text


def _second_hop(results: Results, loads: list[Load]) -> str:
    rows = [[load.measure, load.name, results.ratio(load, PROCESSES, _cpu, to=SUBJECT)] for load in loads]
    text = (
        "## The second hop: CPU time in Process mode ÷ Base mode\n\n"
        "The same loads as above; all processes of the server on one core.\n\n"
    )
    return text + _table(["measure", "load", "Process ÷ Base"], rows) if rows else ""


def _idle(results: Results, loads: list[Load]) -> str:
    text = "## Idle connections, and one message to all of them\n\n"
    for load in loads:
        rows = [
            [
                name,
                results.middle(load, name, _memory("per_connection_bytes"), ",.0f"),
                results.middle(load, name, lambda report: report["accept"]["server_cpu_us_per_connection"], ".1f"),
                results.middle(load, name, lambda report: (_completion("max")(report) or 0) / 1000, ".0f"),
            ]
            for name in results.names
        ]
        text += f"{load.name}; memory in user space (PSS), without the kernel's own of each socket.\n\n"
        text += _table(["server", "bytes a connection", "CPU µs an accept and upgrade", "ms until all have the message"], rows)
    return text


def _slow_readers(results: Results, loads: list[Load]) -> str:
    text = (
        "## Slow readers\n\n"
        "20 messages a second of 64 B to 1,000 receivers; and the same with 10 more that never read and that were sent 32 MiB "
        "each before. CPU time and time to the last receiver: with ÷ without, run after each other. Memory: the process "
        "tree at the end.\n\n"
    )
    without = next((load for load in loads if load.slow_readers == 0), None)
    with_slow = next((load for load in loads if load.slow_readers > 0), None)
    if without is None or with_slow is None:
        return text

    def memory(report: dict[str, Any]) -> float | None:
        end = _memory("end_bytes")(report)
        return end / 2**20 if end is not None else None

    def with_to_without(name: str, value: _Value) -> str:
        base, slowed = results.values(without, name, value), results.values(with_slow, name, value)
        ratios = [slowed[number] / base[number] for number in slowed if base.get(number)]
        return f"**{median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})" if ratios else "failed"

    rows = [
        [
            name,
            with_to_without(name, _cpu),
            with_to_without(name, _completion("p50")),
            with_to_without(name, _completion("p99")),
            results.middle(without, name, memory, ".1f"),
            results.middle(with_slow, name, memory, ".1f"),
            results.middle(with_slow, name, lambda report: report["slow_readers_closed"], ".0f"),
        ]
        for name in results.names
    ]
    head = ["server", "CPU time", "p50 to the last", "p99 to the last", "memory without, MiB", "memory with, MiB"]
    return text + _table([*head, "slow readers it had closed"], rows)


def _correctness(results: Results) -> str:
    kinds = ["missing", "duplicated", "out_of_order", "corrupt", "lost"]
    rows = []
    for name in results.names:
        runs = [run for run in results.runs if run.server == name]
        reports = [run.report for run in runs if run.report is not None]
        delivered = sum((report.get("traffic") or {}).get("deliveries", report["connections"]) for report in reports)
        counts = [f"{sum(report['errors'][kind] for report in reports):,}" for kind in kinds]
        rows.append([name, f"{len(runs)}", f"{len(runs) - len(reports)}", f"{delivered:,}", *counts])
    head = ["server", "runs", "failed runs", "deliveries", "missing", "duplicated", "out of order", "changed", "connections lost"]
    text = "## Correctness\n\nEvery byte of every delivery is checked; all but the first three columns must be 0.\n\n"
    faults = [f"- {run.server}, {run.load.name}: {run.fault}\n" for run in results.runs if run.fault]
    return text + _table(head, rows) + "".join(faults) + ("\n" if faults else "")


def _storms(results: list[Result]) -> str:
    if not results:
        return ""
    text = (
        "## Storms: Process mode under reloads and kills\n\n"
        "The connections of the load generator send and check all the time; each keeps messages in flight. Reloads follow "
        "each other without a pause, the executable on disk being replaced each time by the other of two builds (copies; "
        "which one a worker executes is read from `/proc`). Kills are `kill -9` of one worker, all workers, the manager, or "
        "several of them, at random, one time in four before the last ones are back. All cores are shared by everybody.\n\n"
    )
    rows, lines = [], []
    for result in results:
        report = result.report
        if report is None:
            lines.append(f"- {result.storm.name}: **failed**: {result.fault}\n")
            continue
        errors, noticed, seconds = report["errors"], report["storm"], sorted(result.seconds) or [0.0]
        wrong = errors["missing"] + errors["corrupt"] + noticed["unanswered"]
        late = noticed["repeated_late"] + errors["out_of_order"]
        rows.append(
            [
                result.storm.name,
                f"{result.storm.connections:,} × {result.storm.in_flight}",
                f"{report['traffic']['deliveries']:,}",
                f"{errors['lost']}",
                f"{wrong}",
                f"{late}",
                f"{errors['duplicated']}",
                f"{(_completion('p99')(report) or 0) / 1000:.0f}",
                f"{noticed['longest_silence_ms']:.0f}",
                f"{median(seconds) * 1000:.0f} ({seconds[-1] * 1000:.0f})",
            ]
        )
        memory = " → ".join(f"{value / 2**20:.1f}" for value in result.resident_bytes)
        lines.append(
            f"- {result.storm.name}: {result.fault or result.detail}; {len(noticed['answers']):,} workers answered; marked as "
            f"handled again: {noticed['marked']:,}; the master before and after: {result.descriptors[0]} and "
            f"{result.descriptors[1]} descriptors, {memory} MiB.\n"
        )
    head = ["storm", "connections × in flight", "messages", "closed", "lost", "out of order", "repeated"]
    head += ["p99, ms", "longest silence, ms", "ms each, median (largest)"]
    return text + _table(head, rows) + "".join(lines) + "\n"


def _servers(built: Built) -> str:
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    rows = [[server.name, server.version(built.places), server.note] for server in built.servers]
    text = f"## Servers\n\nRust {rustc}, release builds. Every server has one core and one thread for its sockets.\n\n"
    text += _table(["server", "version", "how it is run"], rows)
    return text + "".join(f"- Left out: {reason}.\n" for reason in built.left_out)
