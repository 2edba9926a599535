"""A run's page for people: one HTML file that holds all that it shows, and asks nothing of the network."""

import json
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

from ganzoo.core.errors import GanzooError
from ganzoo.core.files import write_text
from ganzoo.core.run_folder import RunFolder
from ganzoo.report.curves import curves
from ganzoo.report.generated import interpolation, neighbours
from ganzoo.report.health import health
from ganzoo.report.material import Material
from ganzoo.report.pictures import course
from ganzoo.report.scores import scores
from ganzoo.report.summary import headline, summary
from ganzoo.training.health import Finding

HERE = Path(__file__).parent

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><p>{headline}</p><nav>{contents}</nav></header>
<main>{sections}</main>
{scripts}
</body>
</html>
"""
# Whatever the page holds, a browser loads nothing for it.
POLICY = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write_report(run: RunFolder, findings: Iterable[Finding] | None = None, to: Path | None = None) -> Path:
    """Write `report.html`, or the file `to`, from the run's folder and its data; returns its place.

    `findings` are the health watch's; without them it looks at the log again. What cannot be had, such as data that
    were moved, is said in the page. Raises BadRun where `config.json` is damaged, GanzooError where the disk refuses.
    """
    material = Material(run)
    sections = {
        "What was run": lambda: summary(material),
        "Health": lambda: health(material, findings),
        "Samples over time": lambda: course(material),
        "Scores": lambda: scores(material),
        "Curves": lambda: curves(material),
        "Between seeds": lambda: interpolation(material),
        "Nearest real samples": lambda: neighbours(material),
        "Settings": lambda: settings(material),
    }
    made = {title: body for title, make in sections.items() if (body := guarded(make))}
    drawn = any('class="plot"' in body for body in made.values())
    place = to or run.report_file
    write_text(place, page(run.path.resolve().name, guarded(lambda: headline(material)), made, drawn))
    return place


def guarded(make: Callable[[], str]) -> str:
    """A part of the page, or the sentence that says why there is none: no part may cost a run its report."""
    try:
        return make()
    except GanzooError as error:
        return f'<p class="note">{escape(str(error))}</p>'
    except Exception as error:  # noqa: BLE001 - a bug here, or in a plugin that is asked, must not cost a run
        return f'<p class="note">This part could not be made: {escape(f"{type(error).__name__}: {error}")}</p>'


def page(title: str, words: str, sections: dict[str, str], drawn: bool) -> str:
    """The whole file; the charts' library is in it once, where there are charts."""
    anchors = {name: name.lower().replace(" ", "-") for name in sections}
    scripts = [(HERE / "page.js").read_text(encoding="utf-8")]
    if drawn:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415 - for reports alone

        scripts.insert(0, get_plotlyjs())
    return PAGE.format(
        policy=POLICY,
        title=escape(title),
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        headline=words,
        contents=" ".join(f'<a href="#{anchor}">{name}</a>' for name, anchor in anchors.items()),
        sections="\n".join(
            f'<section id="{anchors[name]}"><h2>{name}</h2>{body}</section>' for name, body in sections.items()
        ),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def settings(material: Material) -> str:
    """All of `config.json`, folded."""
    text = escape(json.dumps(material.facts, indent=2, ensure_ascii=False))
    return f"<details><summary>Settings, versions and machine</summary><pre>{text}</pre></details>"
