"""A run's page for people: curves and pictures in one HTML file without scripts."""

import json
from collections.abc import Callable, Iterable
from html import escape
from math import log, log10
from pathlib import Path
from typing import Any

from ganzoo.core.files import write_text
from ganzoo.core.run_folder import RunFolder, step_of
from ganzoo.training.health import Finding

WIDTH, HEIGHT, MARGIN = 640, 220, 44  # pixels of one chart, and of the room for its numbers
TOP, BOTTOM = 12, 196  # pixels; the largest and the smallest value of its curves
COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2")
MOST_POINTS = 400  # of one curve

Curve = list[float | None]  # a value for each line of the log, None where it has none

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
  body {{ max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }}
  svg {{ width: 100%; height: auto; }} svg text {{ font: 12px system-ui, sans-serif; fill: currentColor; }}
  img {{ max-width: 100%; image-rendering: pixelated; }} figure {{ margin: 0 0 1.5rem; }}
  figcaption {{ opacity: .75; }} pre {{ overflow-x: auto; font-size: .85rem; }}
</style>
<h1>{title}</h1>
<p>{summary}</p>
{health}
{figures}
<details><summary>Settings, versions and machine</summary><pre>{facts}</pre></details>
</html>
"""


def write_report(run: RunFolder, findings: Iterable[Finding] = ()) -> None:
    """Write `report.html` from the run's log, pictures and config, and from what the health watch has found."""
    facts, lines = run.facts(), run.log()
    config = facts["config"]
    page = PAGE.format(
        title=escape(run.path.name),
        summary=escape(f"Recipe {config['recipe']} on {config['dataset']['name']}, {progress(lines)}."),
        health=health(findings),
        figures="\n".join([*pictures(run), *charts(lines)]),
        facts=escape(json.dumps(facts, indent=2)),
    )
    write_text(run.report_file, page)


def progress(lines: list[dict[str, Any]]) -> str:
    """How far the run is, and how fast."""
    if not lines:
        return "with nothing logged yet"
    last = lines[-1]
    return f"{last['step']:,} steps, {last['samples_per_second']:,.0f} samples per second at the end"


def pictures(run: RunFolder) -> list[str]:
    """The first and the last samples, of the same latents."""
    files = sorted(run.path.glob("samples/step-*.png"), key=step_of)
    chosen = files[:1] + files[-1:] if len(files) > 1 else files
    return [figure(file) for file in reversed(chosen)]


def figure(file: Path) -> str:
    """One picture with its caption; its name is `step-<number>.png`."""
    words = f"Samples at step {int(file.stem.removeprefix('step-')):,}, of the same seeds as at any other: 0, 1, 2…"
    return f'<figure><img src="samples/{file.name}" alt="{words}"><figcaption>{words}</figcaption></figure>'


def health(findings: Iterable[Finding]) -> str:
    """A list of what was wrong with the run; nothing where nothing was."""
    items = "".join(f"<li>{escape(str(finding))}</li>" for finding in findings)
    return f"<h2>Health</h2><ul>{items}</ul>" if items else ""


def charts(lines: list[dict[str, Any]]) -> list[str]:
    """Losses, probabilities, the value of the game, gradients, and learning rates that change, over the steps."""
    if len(lines) < 2:
        return []
    steps = [line["step"] for line in lines]
    beliefs = {
        "D(x), real": [line["probability_real"] for line in lines],
        "D(G(z)), fake": [line["probability_fake"] for line in lines],
    }
    value = {"V(D, G)": [line["value"] for line in lines], "-log 4": [-log(4)] * len(lines)}
    rates = by_name(lines, "learning_rates")
    found = [
        chart("Losses, by term", steps, by_name(lines, "terms")),
        chart("What the discriminator believes: probability of being real", steps, beliefs),
        chart("Value of the game; -log 4 is reached where D can no longer tell", steps, value),
        logarithmic_chart("Norm of each player's gradient", steps, by_name(lines, "gradient_norms")),
    ]
    if any(len({*curve} - {None}) > 1 for curve in rates.values()):
        found.append(chart("Learning rates", steps, rates))
    return [each for each in found if each]


def by_name(lines: list[dict[str, Any]], key: str) -> dict[str, Curve]:
    """The curve of each number in the mappings that lines have under `key`; older lines may have none."""
    names = sorted({name for line in lines for name in line.get(key, {})})
    return {name: [line.get(key, {}).get(name) for line in lines] for name in names}


def logarithmic_chart(title: str, steps: list[int], curves: dict[str, Curve]) -> str:
    """A chart of powers of ten; what is not positive is left out."""
    powers = {name: [log10(value) if value else None for value in curve] for name, curve in curves.items()}
    return chart(f"{title}, on a logarithmic scale", steps, powers, label=lambda power: f"{10**power:.2g}")


def chart(
    title: str, steps: list[int], curves: dict[str, Curve], label: Callable[[float], str] = "{:.2g}".format
) -> str:
    """One line chart as SVG, with its legend in the caption; nothing where there is no number to draw."""
    values = [value for curve in curves.values() for value in curve if value is not None]
    if not values:
        return ""
    low, high = min(values), max(values)
    high = high if high > low else low + 1
    shown = sorted({*range(0, len(steps), -(-len(steps) // MOST_POINTS)), len(steps) - 1})

    def place(step: int, value: float) -> str:
        x = MARGIN + (WIDTH - MARGIN) * (step - steps[0]) / (steps[-1] - steps[0])
        return f"{x:.1f},{BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low):.1f}"

    drawn, legend = [], []
    for (name, curve), colour in zip(curves.items(), COLOURS * len(curves), strict=False):
        points = [place(steps[n], value) for n in shown if (value := curve[n]) is not None]
        drawn.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        legend.append(f'<span style="color:{colour}">■</span> {escape(name)}')
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{axes(steps, label(low), label(high))}{''.join(drawn)}</svg>"
    )
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}<figcaption>{' '.join(legend)}</figcaption></figure>"


def axes(steps: list[int], low: str, high: str) -> str:
    """The lines at the least and the greatest value, with these and the first and last step written beside them."""
    return (
        f'<path d="M{MARGIN} {TOP}H{WIDTH}M{MARGIN} {BOTTOM}H{WIDTH}" stroke="currentColor" opacity=".25"/>'
        f'<text x="{MARGIN - 4}" y="{BOTTOM + 4}" text-anchor="end">{low}</text>'
        f'<text x="{MARGIN - 4}" y="{TOP + 4}" text-anchor="end">{high}</text>'
        f'<text x="{MARGIN}" y="{HEIGHT - 4}">step {steps[0]:,}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 4}" text-anchor="end">{steps[-1]:,}</text>'
    )
