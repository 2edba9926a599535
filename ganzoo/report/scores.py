"""The scores of a run: the last of each with all that it depends on, and how they have changed."""

import json
from html import escape
from math import isfinite

from ganzoo.core.errors import UsageError
from ganzoo.core.options import to_plain
from ganzoo.evaluation.scores import Judged, Score, difference, scores_over_time
from ganzoo.report.charts import Chart, Curve, draw
from ganzoo.report.material import Material


def scores(material: Material) -> str:
    """A table of the last scores, charts of those that were found more than once, and where they come from."""
    judged = scores_over_time(material.run)
    last = {score.name: (each.step, score) for each in judged for score in each.scores}
    last = {name: pair for name, pair in last.items() if not isinstance(pair[1].value, list)}
    if not last:
        return ""
    rows = "".join(row(step, score, direction(score, material)) for step, score in last.values())
    charts = "".join(chart(score.name, judged, direction(score, material)) for _, score in last.values())
    return (
        "<p>The floor is the same score of real samples in the generated ones' place: about the best that can be had."
        '</p><div class="wide"><table><thead><tr><th>score</th><th>value</th><th>floor</th><th>samples</th>'
        f"<th>step</th></tr></thead><tbody>{rows}</tbody></table></div>"
        f"{f'<div class=charts>{charts}</div>' if charts else ''}{origins([score for _, score in last.values()])}"
    )


def row(step: int, score: Score, better: str) -> str:
    """One line of the table."""
    arrow = {"lower": " ↓", "higher": " ↑"}.get(better, "")
    title = f' title="{better} is better"' if better else ""
    name = escape(score.name).replace("[", "<wbr>[")
    cells = (number(score.value), number(score.floor), f"{score.provenance.generated:,}", f"{step:,}")
    return f"<tr><th{title}>{name}{arrow}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def number(value: float | list[float] | None) -> str:
    return "" if value is None or isinstance(value, list) else f"{value:.4g}"


def direction(score: Score, material: Material) -> str:
    """Whether "lower" or "higher" is better, where the metric says so."""
    spec = material.catalog.metrics.items.get(score.provenance.metric)
    return spec.better.get(score.name.partition("[")[0], "") if spec else ""


def chart(name: str, judged: list[Judged], better: str) -> str:
    """How a score has changed: the longest course of those that compare, and nothing where there is only one."""
    found = courses(name, judged)
    course = max(found, key=len)
    if len(course) < 2:
        return ""
    left_out = sum(map(len, found)) - len(course)
    notes = [f"{better} is better"] if better else []
    notes += [f"without {left_out} of other samples or data, which do not compare"] if left_out else []
    level = next(iter(course.values())).floor
    floor = {"floor": level} if isinstance(level, float) and isfinite(level) else {}
    return draw(Chart(title=name, note="; ".join(notes), curves={"score": curve_of(course)}, levels=floor))


def courses(name: str, judged: list[Judged]) -> list[dict[int, Score]]:
    """Of all scores of a name those that compare, by step, the latest first; of a step judged twice the later."""
    found: list[dict[int, Score]] = []
    for each in reversed(judged):
        for score in each.scores:
            if score.name == name and not isinstance(score.value, list):
                course = next((other for other in found if compares(score, next(iter(other.values())))), None)
                if course is None:
                    found.append(course := {})
                course.setdefault(each.step, score)
    return found


def curve_of(course: dict[int, Score]) -> Curve:
    """Steps, in their order, and values."""
    steps = sorted(course)
    values = [course[step].value for step in steps]
    return steps, [value if isinstance(value, float) and isfinite(value) else None for value in values]


def compares(one: Score, other: Score) -> bool:
    """Whether both are the same number of the same thing."""
    try:
        difference(one, other)
    except UsageError:
        return False
    return True


def origins(found: list[Score]) -> str:
    """For each metric all that its scores depend on, in a fold-out."""
    said: dict[str, list[str]] = {}
    for score in found:
        text = json.dumps(to_plain(score.provenance), indent=2, ensure_ascii=False)
        said.setdefault(text, []).append(score.name)
    parts = (f"<h3>{escape(', '.join(names))}</h3><pre>{escape(text)}</pre>" for text, names in said.items())
    return f"<details><summary>What these scores depend on</summary>{''.join(parts)}</details>"
