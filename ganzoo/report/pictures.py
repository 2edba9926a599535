"""Pictures within the page, as data URIs: grids of samples over the course of training, and single samples."""

from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ganzoo.core.run_folder import step_of
from ganzoo.report.material import Material
from ganzoo.sampling.grid import drawable

MOST_STEPS = 9  # whose samples are shown
LARGEST_GRID = 800  # pixels on a side; what is larger is scaled down
LARGEST_SAMPLE = 128  # pixels


def course(material: Material) -> str:
    """Samples of the same seeds at steps from first to last: a strip of pictures, and a slider for the script."""
    files = sorted(material.run.path.glob("samples/step-*.png"), key=step_of)
    shown, broken = [], []
    for file in evenly(files, MOST_STEPS):
        try:
            shown.append((step_of(file), grid_uri(file)))
        except (OSError, SyntaxError, ValueError):  # which Pillow raises for files that are no pictures
            broken.append(file.name)
    found = f"<p>{escape(what_is_shown(material))}</p>{strip(shown)}" if shown else ""
    if broken:
        found += f'<p class="note">No pictures, or damaged: {escape(", ".join(broken))}.</p>'
    return found


def evenly(files: list[Path], most: int) -> list[Path]:
    """At most so many of the files, from the first to the last."""
    if len(files) <= most:
        return files
    return [files[round(n * (len(files) - 1) / (most - 1))] for n in range(most)]


def what_is_shown(material: Material) -> str:
    """Whose samples these are."""
    config = material.config
    weights = "the moving average of the generator's weights" if config.ema_decay else "the generator"
    spec = material.catalog.generators.items.get(config.generator.name)
    turns = " Classes take turns." if spec and spec.conditional else ""
    if len(material.shape) != 1:
        return f"Pictures of the seeds 0, 1, 2…, row by row, the same at every step, drawn by {weights}.{turns}"
    behind = "real ones in grey"
    how = f"share of all numbers up to each, {behind}" if material.shape == (1,) else f"{behind} behind them"
    return f"Samples of the seeds 0, 1, 2…, the same at every step, drawn by {weights}; {how}.{turns}"


def strip(steps: list[tuple[int, str]]) -> str:
    """A button with its picture for each step; before them the place where the script shows one of them large."""
    buttons = "".join(
        f'<button type="button" data-words="Step {step:,}"><img src="{uri}" alt="Samples at step {step:,}">'
        f"<span>{step:,}</span></button>"
        for step, uri in steps
    )
    last = len(steps) - 1
    slider = f'<input type="range" min="0" max="{last}" value="{last}" aria-label="Step" hidden>'
    return (
        f'<div class="course"><figure hidden><img alt="">{slider}<figcaption></figcaption></figure>'
        f'<div class="strip">{buttons}</div></div>'
    )


def grid_uri(file: Path) -> str:
    """The file as it is, or scaled down. Raises OSError, SyntaxError or ValueError for what is no picture."""
    content = file.read_bytes()
    with Image.open(BytesIO(content)) as picture:
        picture.load()
        if max(picture.size) <= LARGEST_GRID:
            return as_uri(content)
        picture.thumbnail((LARGEST_GRID, LARGEST_GRID))
        return png_uri(picture)


def sample_uri(picture: UInt8[np.ndarray, "height width channels"]) -> str:
    """One sample, in grey or RGB as grids show it."""
    grey_or_rgb = drawable(picture[None])[0]
    image = Image.fromarray(grey_or_rgb[..., 0] if grey_or_rgb.shape[-1] == 1 else grey_or_rgb)
    image.thumbnail((LARGEST_SAMPLE, LARGEST_SAMPLE))
    return png_uri(image)


def png_uri(picture: Image.Image) -> str:
    content = BytesIO()
    picture.save(content, "PNG")
    return as_uri(content.getvalue())


def as_uri(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
