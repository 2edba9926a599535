"""Charts, drawn by plotly in the reader's browser from the numbers in the page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

Curve = tuple[list[int], list[float | None]]  # steps and values, None where one is not finite

MOST_POINTS = 2000  # of one curve; of more, the least and the greatest of every few are drawn
FEW_POINTS = 20  # up to which each is marked
COLOURS = ("#3778c2", "#d55e00", "#009e73", "#b5549a", "#b98200", "#3aa6dd")  # legible on white and on black
LAYOUT = {
    "template": {},
    "colorway": COLOURS,
    "height": 280,  # pixels
    "margin": {"l": 8, "r": 12, "t": 8, "b": 8},
    "hovermode": "x unified",
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is drawn in one picture, over the steps."""

    title: str
    curves: Mapping[str, Curve]
    note: str = ""
    levels: Mapping[str, float] = field(default_factory=dict)  # dashed lines across
    logarithmic: bool = False
    within: tuple[float, float] | None = None  # the axis of values; None = what the curves need


def draw(chart: Chart) -> str:
    """The chart with its title, for `page.js` to draw; nothing where there is no number to show."""
    if not any(value is not None for _, values in chart.curves.values() for value in values):
        return ""
    title, note = escape(chart.title), f"<small>{escape(chart.note)}</small>" if chart.note else ""
    return (
        f'<figure><figcaption>{title}{note}</figcaption><div class="plot" role="img" aria-label="{title}">'
        f'<script type="application/json">{figure(chart)}</script></div></figure>'
    )


def figure(chart: Chart) -> str:
    """As JSON without tags. Colours of text and lines are the page's, which knows whether it is dark."""
    from plotly import graph_objects as go  # noqa: PLC0415 - 0.2 s, for reports alone

    curves = {name: thinned(*curve) for name, curve in chart.curves.items()}
    steps = [step for x, _ in curves.values() for step in x]
    lines = [
        go.Scatter(x=x, y=y, name=escape(name), mode=mode(x), line={"width": 1.5}, hovertemplate="%{y:.5g}")
        for name, (x, y) in curves.items()
    ]
    dashed = {"width": 1.5, "dash": "dash", "color": "#888888"}
    lines += [
        go.Scatter(x=[min(steps), max(steps)], y=[y, y], name=escape(name), mode="lines", hoverinfo="skip", line=dashed)
        for name, y in chart.levels.items()
    ]
    return go.Figure(lines, {**LAYOUT, **axes(chart), "showlegend": len(lines) > 1}).to_json()


def mode(steps: list[int]) -> str:
    """A curve of few points shows each, so that one alone is seen at all."""
    return "lines+markers" if len(steps) <= FEW_POINTS else "lines"


def axes(chart: Chart) -> dict[str, Any]:
    """Steps and values, as plotly takes them."""
    hover = {"spikethickness": 1, "spikedash": "dot", "unifiedhovertitle": {"text": "step %{x:,}"}}
    scale = {"type": "log", "dtick": 1, "exponentformat": "power"} if chart.logarithmic else {"minexponent": 5}
    both = {"automargin": True, "separatethousands": True}
    return {
        "xaxis": {**both, **hover, "nticks": 6},
        "yaxis": {**both, **scale, "range": chart.within, "showspikes": False},
    }


def thinned(steps: list[int], values: list[float | None]) -> Curve:
    """At most MOST_POINTS of the points: of equal parts of the curve the least and the greatest, so that peaks stay."""
    if len(steps) <= MOST_POINTS:
        return steps, values
    numbers = np.array([np.nan if value is None else value for value in values])
    kept = {0, len(steps) - 1}
    for part in np.array_split(np.arange(len(steps)), MOST_POINTS // 2 - 1):
        finite = part[np.isfinite(numbers[part])]
        ends = [finite[numbers[finite].argmin()], finite[numbers[finite].argmax()]] if len(finite) else part[:1]
        kept.update(map(int, ends))
    return [steps[n] for n in sorted(kept)], [values[n] for n in sorted(kept)]
