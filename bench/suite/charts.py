"""The charts of RESULTS.md and the README."""

from pathlib import Path

from .loads import Load, Plan
from .results import Results, Spread, Value, cpu, memory
from .servers import FLOOR, PROCESSES, SUBJECT
from .svg import Chart, Dot, Panel, draw

# What a reader wants to know first; the tables have the rest.
_ECHO = ["64 × 16 B × 1", "1,000 × 16 B × 1", "64 × 16 B × 16", "64 × 16 KiB × 16"]
_BROADCAST = ["1 → 1,000 × 64 B", "1 → 5,000 × 64 B", "16 → 1,000 × 64 B", "64 → 1,000 × 64 B"]

_RATIOS = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0]
_BYTES = [10.0**power for power in range(8)]


def write(folder: Path, results: Results, plan: Plan) -> list[Path]:
    """Draws those charts that there are figures for, and says which."""
    charts = {
        "echo": echo([_ratio_panel(results, load) for load in _chosen(plan, "echo", _ECHO)]),
        "broadcast": broadcast([_ratio_panel(results, load) for load in _chosen(plan, "broadcast", _BROADCAST)]),
        "memory": memory_of_idle([_memory_panel(results, load) for load in plan.of("idle")]),
    }
    written = []
    folder.mkdir(exist_ok=True)
    for name, chart in charts.items():
        if chart.panels:
            file = folder / f"{name}.svg"
            file.write_text(draw(chart), encoding="utf-8")
            written.append(file)
    return written


def echo(panels: list[Panel]) -> Chart:
    return _ratios("Echo: CPU time per message", "Connections × size × messages in flight.", panels)


def broadcast(panels: list[Panel]) -> Chart:
    return _ratios("Broadcast: CPU time per delivery", "Senders → receivers × size.", panels)


def memory_of_idle(panels: list[Panel]) -> Chart:
    subtitle = "Bytes in user space, all processes. Less is better; the scale is logarithmic."
    return Chart("Memory of an idle connection", subtitle, panels, _whole, _whole, _BYTES)


def _ratios(title: str, subtitle: str, panels: list[Panel]) -> Chart:
    subtitle += " Of the server, ÷ a bare epoll loop (dashed). Less is better; logarithmic; the bars are the spread."
    return Chart(title, subtitle, panels, _ratio, lambda tick: f"{tick:g}", _RATIOS, one=1.0)


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _chosen(plan: Plan, measure: str, names: list[str]) -> list[Load]:
    return [load for name in names for load in plan.of(measure) if load.name == name]


def _dot(name: str, spread: Spread | None) -> list[Dot]:
    # Nothing at all is no place on a logarithmic axis.
    if spread is None or spread.least <= 0:
        return []
    return [Dot(name, spread.middle, spread.least, spread.most, name in (SUBJECT, PROCESSES))]


def _ratio_panel(results: Results, load: Load) -> Panel:
    value: Value = cpu
    dots = [
        dot
        for name in results.names_of([load])
        if name != FLOOR
        for dot in _dot(name, results.paired((load, name), (load, FLOOR), value))
    ]
    return Panel(load.name, sorted(dots, key=lambda dot: dot.middle))


def _memory_panel(results: Results, load: Load) -> Panel:
    value = memory("per_connection_bytes")
    dots = [
        dot for name in results.names_of([load]) for dot in _dot(name, results.spread(load, name, value))
    ]
    return Panel(load.name, sorted(dots, key=lambda dot: dot.middle))
