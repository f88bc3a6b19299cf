"""RESULTS.md: medians of paired ratios with their spread, in plain tables."""

import subprocess
from dataclasses import dataclass
from statistics import median
from typing import Any

from . import machine, reach
from .build import Built
from .loads import Load, Plan
from .results import Results, Value, accept_cpu, completion, cpu, deliveries_per_second, ksoftirqd, memory
from .runner import Run
from .sections import table
from .servers import FLOOR, PROCESSES, SUBJECT, TICK
from .storms import Result


@dataclass(frozen=True)
class Circumstances:
    """Under which the runs were made."""

    quick: bool
    seconds: float
    """From the start to the end, builds included."""
    other_work: float
    """The share of the machine that other programs took."""


_PEERS_QUICK = "Peers that the table of aims does not name take part in one round of some of the loads."
_PEERS_FULL = (
    "Peers that the table of aims does not name take part in all rounds, but of idle connections in two and of slow "
    "readers in one."
)


def markdown(built: Built, plan: Plan, runs: list[Run], storms: list[Result], how: Circumstances) -> str:
    """The whole document."""
    results = Results(runs, [server.name for server in built.servers])
    sections = {
        "echo": _echo,
        "broadcast": _broadcast,
        "idle": _idle,
        "slow-reader": _slow_readers,
    }
    text = _introduction(plan, how)
    has_both = {SUBJECT, PROCESSES} <= set(results.names)
    if has_both:
        text += _reach(results, plan)
    for measure, section in sections.items():
        loads = plan.of(measure)
        if loads:
            text += section(results, loads)
    text += _own(results, plan)
    if has_both:
        text += _second_hop(results, plan.of("echo") + plan.of("broadcast"))
    if runs:
        text += _correctness(results)
    return text + _storms(storms) + _servers(built)


def _reach(results: Results, plan: Plan) -> str:
    rows = [aim.cells() for aim in reach.aims(results, plan)]
    if not rows:
        return ""
    text = (
        "## Reach\n\n"
        "What Switchboard is to reach, and the median of the ratios in this run (smallest–largest). CPU time, if the line does "
        "not name another figure. What stands in the way of a line that is not reached is in "
        "[docs/performance.md](../docs/performance.md).\n\n"
    )
    return text + table(["load", "mode", "to be", "is", ""], rows)


def _introduction(plan: Plan, how: Circumstances) -> str:
    server, generator = machine.cores()
    pinned = (
        "servers pinned to one core, the load generator to the other"
        if server != generator
        else "servers and load generator share the only core"
    )
    rounds = max((plan.rounds[load.measure] for load in plan.loads), default=0)
    busy = ": it was busy, so the times are worth nothing and the ratios little" if how.other_work > 0.1 else ""
    return (
        "# Results\n\n"
        f"Written by `bench/run{' --quick' if how.quick else ''}` in {how.seconds / 60:.0f} minutes; `bench/README.md` says "
        "what the figures mean.\n\n"
        f"- Machine: {machine.description()}; loopback; {pinned}.\n"
        f"- Other programs took {how.other_work:.0%} of the machine meanwhile{busy}.\n"
        f"- Up to {rounds} rounds in shuffled order. A ratio is the **median** of the ratios to `{FLOOR}` in the same "
        "round (smallest–largest). Less is better. Differences below 10–20 % are noise.\n"
        "- CPU time is user and system time of the server's whole process tree.\n"
        f"- {_PEERS_QUICK if how.quick else _PEERS_FULL} –: not measured.\n\n"
    )


def _ratios(results: Results, loads: list[Load], value: Value, unit: str, to: str = FLOOR) -> str:
    others = [name for name in results.names_of(loads) if name != to]
    rows = [
        [load.name, results.middle(load, to, value, ".2f")]
        + [results.ratio(load, name, value, to) for name in others]
        for load in loads
    ]
    return table(["load", f"{to}, {unit}", *others], rows)


def _throughput(results: Results, loads: list[Load]) -> str:
    names = results.names_of(loads)
    rows = [
        [load.name]
        + [
            results.middle(load, name, lambda report: (deliveries_per_second(report) or 0) / 1000, ",.0f")
            for name in names
        ]
        for load in loads
    ]
    text = (
        "### Deliveries a second, in thousands\n\n"
        "The load generator, on the other core, may be what limits them; medians of bare figures, to be taken as such.\n\n"
    )
    return text + table(["load", *names], rows) + _kernel_threads(results, loads)


def _kernel_threads(results: Results, loads: list[Load]) -> str:
    """They are charged to nobody, so they must not be where the work has gone."""
    shares = []
    for load in loads:
        for name in results.names_of([load]):
            own, total = results.spread(load, name, ksoftirqd), results.spread(load, name, cpu)
            if own and total and total.middle:
                shares.append((own.middle / total.middle, f"{name}, {load.name}"))
    if not shares:
        return ""
    share, where = max(shares)
    return f"ksoftirqd, which no process is charged for, took at most {share:.0%} of a server's own time ({where}).\n\n"


def _echo(results: Results, loads: list[Load]) -> str:
    text = (
        "## Echo: CPU time per message ÷ floor\n\n"
        "![Echo: CPU time per message beside the floor's](charts/echo.svg)\n\n"
        "Connections × size × messages in flight.\n\n"
    )
    return text + _ratios(results, loads, cpu, "µs") + _throughput(results, loads)


def _broadcast(results: Results, loads: list[Load]) -> str:
    text = (
        "## Broadcast: CPU time per delivery ÷ floor\n\n"
        "![Broadcast: CPU time per delivery beside the floor's](charts/broadcast.svg)\n\n"
        "Senders → receivers × size; the next messages are sent when the last receiver has the last ones. The floor sends "
        f"every message singly, so a server that joins those of several senders is below 1; `{TICK}` joins them, too.\n\n"
    )
    text += _ratios(results, loads, cpu, "µs")
    bursts = [load for load in loads if load.senders > 1]
    if TICK in results.names_of(bursts):
        text += "### CPU time per delivery ÷ tick\n\n" + _ratios(results, bursts, cpu, "µs", TICK)
    for quantile in ("p50", "p99"):
        text += f"### Time to the last receiver, {quantile} ÷ floor\n\n"
        text += _ratios(results, loads, completion(quantile), "ms")
    return text + _throughput(results, loads)


def _own(results: Results, plan: Plan) -> str:
    rows = []
    for measure in ("deflate", "tls", "chat"):
        loads = plan.of(measure)
        base = next((load for load in loads if load.is_base), None)
        for load in loads:
            if base is None or load.is_base:
                continue
            for name in results.names_of([load]):
                ratio = results.paired((load, name), (base, name), cpu)
                wire = results.middle(load, name, lambda report: report["traffic"]["bytes_per_delivery"], ".0f")
                rows.append(
                    [
                        load.name,
                        name,
                        base.name,
                        results.middle(base, name, cpu, ".2f"),
                        results.middle(load, name, cpu, ".2f"),
                        ratio.show() if ratio else "failed",
                        wire,
                    ]
                )
    if not rows:
        return ""
    text = (
        "## Compression, TLS, the chat: CPU time per delivery ÷ own plain broadcast\n\n"
        "Run after each other. Compression: to clients that offer what browsers do. TLS 1.3. Chat: one of 1,000 people in a room "
        "posts a message; JSON, database and fan-out are in it; the plain broadcast has the size of its event. Bytes: of a "
        "frame as it came, without TLS.\n\n"
    )
    head = ["load", "server", "beside", "µs beside", "µs", "ratio", "bytes a delivery"]
    return text + table(head, rows)


def _second_hop(results: Results, loads: list[Load]) -> str:
    rows = [[load.measure, load.name, results.ratio(load, PROCESSES, cpu, to=SUBJECT)] for load in loads]
    text = (
        "## The second hop: CPU time in Process mode ÷ Base mode\n\n"
        "The same loads as above; all processes of the server on one core.\n\n"
    )
    return text + table(["measure", "load", "Process ÷ Base"], rows) if rows else ""


def _idle(results: Results, loads: list[Load]) -> str:
    text = (
        "## Idle connections, and one message to all of them\n\n"
        "![Memory of an idle connection](charts/memory.svg)\n\n"
    )
    for load in loads:
        rows = [
            [
                name,
                results.middle(load, name, memory("per_connection_bytes"), ",.0f"),
                results.middle(load, name, accept_cpu, ".1f"),
                results.ratio(load, name, accept_cpu),
                results.middle(load, name, completion("max"), ".0f"),
            ]
            for name in results.names_of([load])
        ]
        text += (
            f"{load.name}, all in one group or topic; memory in user space (PSS) of all processes, without the kernel's own of "
            "each socket.\n\n"
        )
        head = ["server", "bytes a connection", "CPU µs an accept and upgrade", "÷ floor", "ms until all have the message"]
        text += table(head, rows)
    return text


def _slow_readers(results: Results, loads: list[Load]) -> str:
    text = (
        "## Slow readers\n\n"
        "20 messages a second of 64 B to 1,000 receivers; and the same with 10 more that never read and that were sent 32 MiB "
        "each before. CPU time and time to the last receiver: with ÷ without, run after each other. Memory: the process "
        "tree at the end.\n\n"
    )
    without = next((load for load in loads if load.is_base), None)
    with_slow = next((load for load in loads if not load.is_base), None)
    if without is None or with_slow is None:
        return text

    def mebibytes(report: dict[str, Any]) -> float | None:
        end = memory("end_bytes")(report)
        return end / 2**20 if end is not None else None

    def with_to_without(name: str, value: Value) -> str:
        found = results.paired((with_slow, name), (without, name), value)
        return found.show() if found else "failed"

    rows = [
        [
            name,
            with_to_without(name, cpu),
            with_to_without(name, completion("p50")),
            with_to_without(name, completion("p99")),
            results.middle(without, name, mebibytes, ".1f"),
            results.middle(with_slow, name, mebibytes, ".1f"),
            results.middle(with_slow, name, lambda report: report.get("slow_readers_closed"), ".0f"),
        ]
        for name in results.names_of(loads)
    ]
    head = ["server", "CPU time", "p50 to the last", "p99 to the last", "memory without, MiB", "memory with, MiB"]
    return text + table([*head, "slow readers it had closed"], rows)


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
    return text + table(head, rows) + "".join(faults) + ("\n" if faults else "")


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
                f"{completion('p99')(report) or 0:.0f}",
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
    return text + table(head, rows) + "".join(lines) + "\n"


def _servers(built: Built) -> str:
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    rows = [[server.name, server.version(built.places), server.note] for server in built.servers]
    text = f"## Servers\n\nRust {rustc}, release builds. Every server has one core and one thread for its sockets.\n\n"
    text += table(["server", "version", "how it is run"], rows)
    return text + "".join(f"- Left out: {reason}.\n" for reason in built.left_out)
