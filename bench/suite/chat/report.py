"""The section of RESULTS.md."""

from statistics import median, quantiles

from ..loads import Plan
from ..machine import description
from ..results import Results, completion, cpu, memory
from ..sections import table
from .history import Cost, Long

TITLE = "## The chat: a crowd, and a long history"

# The figures of once-campfire-rust, a chat in one binary too, as its authors give them: 656,000 deliveries a second to 10,000 people in
# one room, 40 ms (p50) and 57 ms (p99) from a post to the last of them, 324 MB, on four hardware threads.
_CAMPFIRE_THREADS = 4
_CAMPFIRE = {"deliveries": 656_000, "p50": 40.0, "p99": 57.0, "MB": 324}


def markdown(plan: Plan, results: Results, long: Long, other_work: float) -> str:
    """All of it."""
    return (
        f"{TITLE}\n\n"
        f"Written by `bench/chat` ({description()}; other programs took {other_work:.0%} of it meanwhile). All processes of the server "
        "have one core, the clients the other.\n\n" + _crowd(plan, results) + _history(long)
    )


def _crowd(plan: Plan, results: Results) -> str:
    rows = [
        [
            load.name,
            name,
            results.middle(load, name, lambda report: 1000 / (cpu(report) or float("inf")), ",.0f"),
            results.middle(load, name, completion("p50"), ".1f"),
            results.middle(load, name, completion("p99"), ".1f"),
            results.middle(load, name, lambda report: (memory("end_bytes")(report) or 0) / 1e6, ",.0f"),
        ]
        for load in plan.loads
        for name in results.names_of([load])
    ]
    threads = _CAMPFIRE_THREADS
    rows.append(
        [
            f"10,000 in one room, as published, on {threads} hardware threads; of one thread",
            "once-campfire-rust",
            f"{_CAMPFIRE['deliveries'] / threads / 1000:,.0f}",
            f"{_CAMPFIRE['p50'] * threads:.0f}",
            f"{_CAMPFIRE['p99'] * threads:.0f}",
            f"{_CAMPFIRE['MB']}",
        ]
    )
    text = (
        "Everybody has a name and is in a room; a post is stored in the database before anybody sees it. *Thousands of deliveries for each "
        "second of CPU time* of the server; time from a post to the last in its room; memory (PSS) of all processes at the end, with the "
        "connections open. The last line is another chat's own figures, from another machine: divided by its threads, its times "
        "multiplied by them, as if all of it were the server's work on one core.\n\n"
    )
    return text + table(["load", "server", "thousand deliveries a CPU second", "ms to the last, p50", "p99", "MB"], rows)


def _history(long: Long) -> str:
    text = (
        f"One server with a room of {' messages, one of '.join(f'{size:,}' for size in long.sizes)}, all posted through the server "
        "(Process mode), and then asked for the same, in shuffled turns, by one client that waits for each answer. Milliseconds from the "
        "request to its answer, p50 (p99), and microseconds of CPU time of all processes of the server, median of runs. The database with "
        f"all of it has {long.disk_bytes / 1e6:,.0f} MB.\n\n"
    )
    head = ["request"]
    for size in long.sizes:
        head += [f"{size:,}: ms", "CPU µs"]
    rows = [[kind, *(cell for size in long.sizes for cell in _cells(by_size[size]))] for kind, by_size in long.costs.items()]
    posts = [cell for size in long.sizes for cell in ("", f"{long.post_cpu_us[size]:,.0f}")]
    return text + table(head, [*rows, ["a post, 200 at once", *posts]])


def _cells(cost: Cost) -> list[str]:
    p99 = quantiles(cost.milliseconds, n=100)[98]
    return [f"{median(cost.milliseconds):.2f} ({p99:.2f})", f"{median(cost.cpu_us):,.0f}"]
