"""Points of the plane as a picture, drawn with Pillow alone."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganzoo.core.errors import GanzooError

SIZE = 640  # pixels, each side of the picture
LEFT, TOP, RIGHT, BOTTOM = 56, 24, 624, 592  # pixels; the axes' square, with room for labels
RADIUS = 2  # pixels
ROOM = 1.05  # the square is 5 % larger than what it shows
DOT = (31, 119, 180, 110)  # translucent, so that density shows
REFERENCE_DOT = (120, 120, 120, 70)


@dataclass(frozen=True, slots=True)
class View:
    """The square of the plane that is shown."""

    left: float
    bottom: float
    side: float

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Points [N, 2] to pixels [N, 2]; up is up."""
        x, y = (points - (self.left, self.bottom)).T / self.side
        return np.stack([LEFT + x * (RIGHT - LEFT), BOTTOM - y * (BOTTOM - TOP)], axis=1)


def draw_scatter(points: np.ndarray, reference: np.ndarray | None = None) -> Image.Image:
    """The first two coordinates of points [N, D], both to one scale; `reference` [M, D] in grey behind.

    Raises GanzooError for points on a line (D = 1), and for values that are not finite.
    """
    behind = np.empty((0, 2)) if reference is None else plane(reference)
    front = plane(points)
    view = view_of(np.concatenate([behind, front]))
    picture = Image.new("RGB", (SIZE, SIZE), "white")
    draw = ImageDraw.Draw(picture, "RGBA")  # in this mode a translucent dot mixes with what is below
    draw_dots(draw, view.pixels(behind), REFERENCE_DOT)
    draw_dots(draw, view.pixels(front), DOT)
    draw_axes(draw, view)
    return picture


def plane(points: np.ndarray) -> np.ndarray:
    """The first two coordinates, float64 [N, 2]."""
    if points.ndim != 2 or points.shape[1] < 2 or points.dtype.kind != "f":
        raise GanzooError(
            f"A plot needs points float32 [N, D], D at least 2, not {points.dtype} {list(points.shape)}; "
            "write a .npy file instead."
        )
    if not np.isfinite(points).all():
        raise GanzooError("Some points are NaN or infinite: the generator has diverged. Take an earlier checkpoint.")
    return points[:, :2].astype(np.float64)


def view_of(points: np.ndarray) -> View:
    """The smallest square around all points, with a margin; of side 1 where they are a single one."""
    low, high = points.min(0), points.max(0)
    side = float((high - low).max() * ROOM) or 1.0
    left, bottom = (low + high) / 2 - side / 2
    return View(float(left), float(bottom), side)


def draw_dots(draw: ImageDraw.ImageDraw, pixels: np.ndarray, colour: tuple[int, int, int, int]) -> None:
    for x, y in pixels.tolist():
        draw.ellipse((x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS), fill=colour)


def draw_axes(draw: ImageDraw.ImageDraw, view: View) -> None:
    """A box, labelled with the least and the greatest value on each axis."""
    font = ImageFont.load_default()
    draw.rectangle((LEFT, TOP, RIGHT, BOTTOM), outline="black")
    for value, x in ((view.left, LEFT), (view.left + view.side, RIGHT)):
        text = f"{value:.3g}"
        draw.text((x - font.getlength(text) / 2, BOTTOM + 6), text, fill="black", font=font)
    for value, y in ((view.bottom, BOTTOM), (view.bottom + view.side, TOP)):
        text = f"{value:.3g}"
        draw.text((LEFT - font.getlength(text) - 6, y - 6), text, fill="black", font=font)
