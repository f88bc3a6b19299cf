"""Dot plots on a logarithmic axis, as SVG: text is text, and colours follow the reader's choice of light or dark."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

_ROW = 19
_HEAD = 30
_AXIS = 26
_LABEL = 160
_VALUE = 64
_GAP = 12
_MARGIN = 14
_TITLE = 50
_WIDTH = 880

# A picture in a page does not know the page's colours, so it has a background of its own.
_STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #24292f }
.back { fill: #ffffff } .title { font-size: 16px; font-weight: 600 } .panel { font-weight: 600 }
.quiet { fill: #57606a } .grid { stroke: #d8dee4 } .one { stroke: #57606a; stroke-dasharray: 3 3 }
.peer { fill: #6e7781; stroke: #6e7781 } .own { fill: #0969da; stroke: #0969da }
.own-text { fill: #0550ae; font-weight: 600 } .spread { stroke-width: 3; stroke-opacity: .35 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .back { fill: #0d1117 } .quiet { fill: #9198a1 } .grid { stroke: #30363d }
.one { stroke: #9198a1 } .peer { fill: #9198a1; stroke: #9198a1 } .own { fill: #58a6ff; stroke: #58a6ff }
.own-text { fill: #79c0ff }
}
"""


@dataclass(frozen=True)
class Dot:
    """One row of a panel."""

    name: str
    middle: float
    least: float
    most: float
    is_own: bool = False


@dataclass(frozen=True)
class Panel:
    """Rows that share an axis."""

    title: str
    dots: list[Dot]


@dataclass(frozen=True)
class Chart:
    """Panels that share a scale, in two columns if there are several."""

    title: str
    subtitle: str
    panels: list[Panel]
    show: Callable[[float], str]
    """A value, as it stands beside its dot."""
    show_tick: Callable[[float], str]
    ticks: list[float]
    """Of these the ones that are needed."""
    one: float | None = None
    """Where a dashed line stands."""


def draw(chart: Chart) -> str:
    """The picture; without a panel an empty one."""
    columns = min(2, max(1, len(chart.panels)))
    panel_width = (_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) / columns
    scale = _Scale(chart, panel_width - _LABEL - _VALUE)
    rows = [chart.panels[start : start + columns] for start in range(0, len(chart.panels), columns)]
    heights = [max(_HEAD + _ROW * len(panel.dots) + _AXIS for panel in row) for row in rows]
    height = 2 * _MARGIN + _TITLE + sum(heights)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'role="img" aria-labelledby="title">',
        f'<title id="title">{escape(chart.title)}</title><style>{_STYLE}</style>',
        '<rect class="back" width="100%" height="100%" rx="6"/>',
        f'<text class="title" x="{_MARGIN}" y="{_MARGIN + 16}">{escape(chart.title)}</text>',
        f'<text class="quiet" x="{_MARGIN}" y="{_MARGIN + 36}">{escape(chart.subtitle)}</text>',
    ]
    top = _MARGIN + _TITLE
    for row, tall in zip(rows, heights, strict=True):
        for column, panel in enumerate(row):
            parts += _panel(chart, scale, panel, _MARGIN + column * (panel_width + _GAP), top)
        top += tall
    return "\n".join([*parts, "</svg>", ""])


class _Scale:
    """From values to places, the same for all panels."""

    def __init__(self, chart: Chart, width: float) -> None:
        self.width = width
        values = [value for panel in chart.panels for dot in panel.dots for value in (dot.least, dot.most)]
        values += [chart.one] if chart.one is not None else []
        least, most = min(values, default=1.0), max(values, default=10.0)
        self.low = max((tick for tick in chart.ticks if tick <= least), default=least)
        self.high = min((tick for tick in chart.ticks if tick >= most), default=most)
        self.ticks = [tick for tick in chart.ticks if self.low <= tick <= self.high]

    def place(self, value: float) -> float:
        whole = math.log(self.high / self.low) or 1.0
        return _LABEL + self.width * math.log(max(value, self.low) / self.low) / whole


def _panel(chart: Chart, scale: _Scale, panel: Panel, left: float, top: float) -> list[str]:
    bottom = top + _HEAD + _ROW * len(panel.dots)
    parts = [f'<text class="panel" x="{left}" y="{top + 18}">{escape(panel.title)}</text>']
    for tick in scale.ticks:
        x = left + scale.place(tick)
        parts.append(_line("grid", x, top + _HEAD - 4, x, bottom))
        parts.append(
            f'<text class="quiet" text-anchor="middle" x="{x:.1f}" y="{bottom + 15}">{chart.show_tick(tick)}</text>'
        )
    if chart.one is not None:
        x = left + scale.place(chart.one)
        parts.append(_line("one", x, top + _HEAD - 4, x, bottom))
    for number, dot in enumerate(panel.dots):
        parts += _dot(chart, scale, dot, left, top + _HEAD + _ROW * number + _ROW / 2)
    return parts


def _dot(chart: Chart, scale: _Scale, dot: Dot, left: float, y: float) -> list[str]:
    kind = "own" if dot.is_own else "peer"
    label = ' class="own-text"' if dot.is_own else ""
    places = [left + scale.place(value) for value in (dot.least, dot.middle, dot.most)]
    return [
        f'<text{label} text-anchor="end" x="{left + _LABEL - 10}" y="{y + 4}">{escape(dot.name)}</text>',
        _line(f"{kind} spread", places[0], y, places[2], y),
        f'<circle class="{kind}" cx="{places[1]:.1f}" cy="{y}" r="4"/>',
        f'<text{label} x="{left + _LABEL + scale.width + 12}" y="{y + 4}">{chart.show(dot.middle)}</text>',
    ]


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1}" x2="{x2:.1f}" y2="{y2}"/>'
