"""Plugins of strangers, on disk as pip would leave them: a module, and the metadata that names its entry point."""

import importlib
from pathlib import Path

GOOD = """
from dataclasses import dataclass, field
from pathlib import Path
from ganzoo.api import LossSpec, hookimpl

@dataclass(frozen=True)
class Options:
    target: float = 0.9
    weights: tuple[float, ...] = field(default_factory=lambda: (1.0, 2.0))

OPTIONS = Options
SPEC = {"name": "kind", "summary": "A kind loss [in brackets]", "source": "example.org", "build": print}

@hookimpl
def ganzoo_losses():
    return [LossSpec(options=OPTIONS, **SPEC)]
"""

TAKES_A_NAME = GOOD.replace('"kind"', '"minimax"')
MISSPELT = GOOD.replace("ganzoo_losses", "ganzoo_losess")
RAISES = "raise RuntimeError('no [luck] today')"


def install(site: Path, name: str, code: str | None) -> None:
    """A plugin and a distribution of that name in the folder `site`; no code = its module was deleted later."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ganzoo]\n{name} = {name}\n")
    if code is not None:
        (site / f"{name}.py").write_text(code)
    importlib.invalidate_caches()
