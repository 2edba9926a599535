"""A run's page for people: curves and pictures in one HTML file without scripts."""

import json
from html import escape
from math import log
from typing import Any

from ganzoo.core.files import write_text
from ganzoo.core.run_folder import RunFolder

WIDTH, HEIGHT, MARGIN = 640, 220, 44  # pixels of one chart
COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2")
MOST_POINTS = 400  # of one curve

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
{figures}
<details><summary>Settings, versions and machine</summary><pre>{facts}</pre></details>
</html>
"""


def write_report(run: RunFolder) -> None:
    """Write `report.html` from the run's log, pictures and config."""
    facts, lines = run.facts(), run.log()
    config = facts["config"]
    last = lines[-1] if lines else {}
    page = PAGE.format(
        title=escape(run.path.name),
        summary=escape(
            f"{config['recipe']} on {config['dataset']['name']}, step {last.get('step', 0):,}, "
            f"{last.get('samples_per_second', 0):,.0f} samples per second at the end."
        ),
        figures="\n".join([*pictures(run), *charts(lines)]),
        facts=escape(json.dumps(facts, indent=2)),
    )
    write_text(run.report_file, page)


def pictures(run: RunFolder) -> list[str]:
    """The first and the last samples, of the same latents."""
    files = sorted(run.path.glob("samples/*.png"))
    chosen = files[:1] + files[-1:] if len(files) > 1 else files
    return [
        f'<figure><img src="samples/{file.name}" alt="Samples at {file.stem}">'
        f"<figcaption>Samples at {file.stem.replace('-', ' ')}, seeds 0, 1, 2…</figcaption></figure>"
        for file in reversed(chosen)
    ]


def charts(lines: list[dict[str, Any]]) -> list[str]:
    """Losses, probabilities and the value of the game over the steps."""
    if len(lines) < 2:
        return []
    steps = [line["step"] for line in lines]
    names = sorted({name for line in lines for name in line["terms"]})
    losses = {name: [line["terms"].get(name) for line in lines] for name in names}
    beliefs = {
        "D(x), real": [line["probability_real"] for line in lines],
        "D(G(z)), fake": [line["probability_fake"] for line in lines],
    }
    value = {"V(D, G)": [line["value"] for line in lines], "-log 4": [-log(4)] * len(lines)}
    return [
        chart("Losses, by term", steps, losses),
        chart("What the discriminator believes: probability of being real", steps, beliefs),
        chart("Value of the game; -log 4 is reached where D can no longer tell", steps, value),
    ]


def chart(title: str, steps: list[int], curves: dict[str, list[float | None]]) -> str:
    """One line chart as SVG, with its legend in the caption."""
    values = [value for curve in curves.values() for value in curve if value is not None]
    low, high = min(values), max(values)
    high = high if high > low else low + 1
    every = -(-len(steps) // MOST_POINTS)

    def place(step: int, value: float) -> str:
        x = MARGIN + (WIDTH - MARGIN) * (step - steps[0]) / (steps[-1] - steps[0])
        return f"{x:.1f},{HEIGHT - 24 - (HEIGHT - 36) * (value - low) / (high - low):.1f}"

    drawn, legend = [], []
    for (name, curve), colour in zip(curves.items(), COLOURS * len(curves), strict=False):
        points = [place(step, v) for step, v in list(zip(steps, curve, strict=True))[::every] if v is not None]
        drawn.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        legend.append(f'<span style="color:{colour}">■</span> {escape(name)}')
    labels = (
        f'<text x="0" y="{HEIGHT - 24}">{low:.3g}</text><text x="0" y="16">{high:.3g}</text>'
        f'<text x="{MARGIN}" y="{HEIGHT - 4}">step {steps[0]:,}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 4}" text-anchor="end">{steps[-1]:,}</text>'
    )
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{labels}{"".join(drawn)}</svg>'
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}<figcaption>{' '.join(legend)}</figcaption></figure>"
