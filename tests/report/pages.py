"""Reports read back: their tags, their text, the charts' numbers and the pictures' bytes."""

import json
from base64 import b64decode
from dataclasses import dataclass
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from toys import toy_config

from ganzoo.core.run_folder import RunFolder
from ganzoo.report.page import write_report
from ganzoo.training.health import Finding

NEVER_CLOSED = {"meta", "img", "input", "wbr"}
LOADS = {"src", "href", "action", "data", "srcset", "poster", "background", "xlink:href"}


@dataclass
class Section:
    text: str = ""
    charts: dict[str, dict[str, Any]] | None = None  # by title: what plotly draws
    pictures: tuple[str, ...] = ()  # data URIs


class Page(HTMLParser):
    """Raises where tags are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.ids: list[str | None] = []
        self.scripts: list[str] = []
        self.style = self.policy = self.text = ""
        self.sections: dict[str, Section] = {}
        self.section = Section()
        self.chart = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.tags.append(tag)
        self.links += [value or "" for key, value in attrs if key in LOADS]
        self.handlers += [key for key, _ in attrs if key.startswith("on")]
        if tag == "section":
            self.ids.append(known["id"])
        if tag == "meta" and known.get("http-equiv") == "Content-Security-Policy":
            self.policy = known["content"] or ""
        if tag == "img" and known.get("src"):
            self.section.pictures += (known["src"] or "",)
        if known.get("class") == "plot":
            self.chart = known["aria-label"] or ""
        if tag not in NEVER_CLOSED:
            self.open.append((tag, known))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag
        if tag == "section":
            self.section = Section()

    def handle_data(self, data: str) -> None:
        tag, known = self.open[-1] if self.open else ("", {})
        if tag == "h2":
            self.section = self.sections[data] = Section(charts={})
        elif tag == "script" and known.get("type") == "application/json":
            assert self.section.charts is not None
            self.section.charts[self.chart] = json.loads(data)
        elif tag == "script":
            self.scripts.append(data)
        elif tag == "style":
            self.style += data
        else:
            self.section.text += data
            self.text += data

    def curves(self, title: str, section: str = "Curves") -> dict[str, tuple[list[int], list[float | None]]]:
        """Of one chart, by their names."""
        charts = self.sections[section].charts
        assert charts is not None
        return {trace["name"]: (trace["x"], trace["y"]) for trace in charts[title]["data"]}

    def titles(self, section: str = "Curves") -> list[str]:
        """Of the charts of a section, which may be left out."""
        return list(self.sections[section].charts or {}) if section in self.sections else []


def report(run: RunFolder, findings: tuple[Finding, ...] | None = ()) -> Page:
    """The page of a run, which is written now, and in which no part fails by a mistake of ours."""
    page = Page(write_report(run, findings).read_text(encoding="utf-8"))
    assert "could not be made" not in page.text
    return page


def run_with(folder: Path, lines: list[dict[str, Any]], **changes: Any) -> RunFolder:
    """A run of which there is no more than its config and its log."""
    run = RunFolder(folder)
    run.describe(toy_config(steps=5, **changes), {"versions": {"<script>": "&"}, "created": "now"})
    run.log_file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return run


def line(step: int, **terms: float | None) -> dict[str, Any]:
    """As logs of old have it."""
    return {
        "step": step,
        "terms": terms or {"discriminator/real": 0.5, "generator/fake": 1 / step},
        "probability_real": 0.75,
        "probability_fake": 0.25,
        "value": -1.0,
        "samples_per_second": 1234.5,
        "seconds": float(step),
    }


def full_line(step: int, rate: float = 2e-4, norm: float | None = 1.0) -> dict[str, Any]:
    return line(step) | {
        "gradient_norms": {"generator": norm, "discriminator": 2.0},
        "learning_rates": {"generator": rate, "discriminator": 2e-4},
        "largest_logit": 3.0,
        "spread": 0.5,
        "memory": 2**30,
    }


def picture_of(uri: str) -> np.ndarray:
    """uint8 [H, W, C] of a data URI."""
    kind, _, data = uri.partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(BytesIO(b64decode(data))) as picture:
        pixels = np.asarray(picture)
    return pixels[..., None] if pixels.ndim == 2 else pixels
