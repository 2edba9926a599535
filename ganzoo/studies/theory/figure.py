"""The paper's figure 1 of a real game: densities of data and samples, D along the line, and where G takes each z.

Drawn with Pillow alone. Steps are fixed before the game; none is chosen by its look.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganzoo.studies.theory.one_dimension import Line, Look

PANEL = 400  # pixels, width of one panel
HEIGHT = 560  # pixels
LEFT, RIGHT = 46, 366  # pixels; the axes' box within a panel
TOP, BOTTOM = 92, 420
MAP_X, MAP_Z = 474, 524  # pixels; heights of the two lines below the box, that of x and that of z
ROOM = 2.5  # times the data's highest density is where the axis ends; what is higher is cut off, and said
SPREAD = 4.0  # standard deviations of the data that are shown to either side
DATA, MADE, JUDGE, GREY = (20, 20, 20), (34, 139, 34), (31, 89, 200), (150, 150, 150)
DASH, DOT = (10, 6), (2, 5)  # pixels drawn, pixels left out
FONT = ImageFont.load_default(14)
SMALL = ImageFont.load_default(12)

Place = Callable[[Line, Line], list[tuple[float, float]]]


def draw_looks(looks: Sequence[Look], mean: float, std: float) -> Image.Image:
    """One panel for each look, all to one scale; densities at the left axis, D at the right one."""
    low, high = mean - SPREAD * std, mean + SPREAD * std
    highest = ROOM * float(looks[0].data.max())
    picture = Image.new("RGB", (PANEL * len(looks), HEIGHT), "white")
    for number, each in enumerate(looks):
        picture.paste(panel(each, low, high, highest), (PANEL * number, 0))
    draw = ImageDraw.Draw(picture)
    at = 16.0
    for text, colour, dash in (
        ("data density (left axis)", DATA, DOT),
        ("density of 100,000 samples (left axis)", MADE, None),
        ("discriminator D(x) (right axis)", JUDGE, DASH),
    ):
        stroke(draw, [(at, 24.0), (at + 44, 24.0)], colour, dash)
        draw.text((at + 52, 24), text, fill="black", font=FONT, anchor="lm")
        at += 52 + FONT.getlength(text) + 40
    return picture


def panel(look: Look, low: float, high: float, highest: float) -> Image.Image:
    """One look: curves within a box, and below it the lines of x and of z with arrows from z to G(z)."""
    picture = Image.new("RGB", (PANEL, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)

    def place(x: Line, share: Line) -> list[tuple[float, float]]:
        across = LEFT + (x - low) / (high - low) * (RIGHT - LEFT)
        return list(zip(across.tolist(), (BOTTOM - share * (BOTTOM - TOP)).tolist(), strict=True))

    shown = (look.x >= low) & (look.x <= high)
    x = look.x[shown]
    ends = np.array([low, high])
    stroke(draw, place(ends, np.array([0.5, 0.5])), GREY, DOT, 1)
    stroke(draw, place(x, np.minimum(look.made[shown] / highest, 1)), MADE)
    stroke(draw, place(x, look.data[shown] / highest), DATA, DOT, 3)
    stroke(draw, place(x, look.discriminator[shown]), JUDGE, DASH)
    draw_axes(draw, low, high, highest)
    draw_map(draw, look, place)
    title = f"step {look.step:,}:  V {look.value:.3f}  JSD {look.distance:.3f}"
    if look.made.max() > highest:
        peak = f"samples' peak: {look.made.max():.1f}"
        draw.text(((LEFT + RIGHT) / 2, TOP - 6), peak, fill=MADE, font=SMALL, anchor="mb")
    draw.text(((LEFT + RIGHT) / 2, 62), title, fill="black", font=FONT, anchor="mm")
    return picture


def draw_axes(draw: ImageDraw.ImageDraw, low: float, high: float, highest: float) -> None:
    """A box, the density at its left, D at its right, x below."""
    draw.rectangle((LEFT, TOP, RIGHT, BOTTOM), outline="black")
    for share in (0.0, 0.5, 1.0):
        y = BOTTOM - share * (BOTTOM - TOP)
        draw.text((LEFT - 6, y), f"{share * highest:.2f}", fill="black", font=SMALL, anchor="rm")
        draw.text((RIGHT + 6, y), f"{share:g}", fill=JUDGE, font=SMALL, anchor="lm")
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = LEFT + share * (RIGHT - LEFT)
        draw.line((x, BOTTOM, x, BOTTOM + 5), fill="black")
        draw.text((x, BOTTOM + 8), f"{low + share * (high - low):g}", fill="black", font=SMALL, anchor="mt")
    draw.text((LEFT, TOP - 6), "density", fill="black", font=SMALL, anchor="lb")
    draw.text((RIGHT, TOP - 6), "D(x)", fill=JUDGE, font=SMALL, anchor="rb")


def draw_map(draw: ImageDraw.ImageDraw, look: Look, place: Place) -> None:
    """From equally spaced z up to x = G(z), as at the bottom of the paper's panels; what leaves the box is left out."""
    for y, name in ((MAP_X, "x = G(z)"), (MAP_Z, "z")):
        draw.line((LEFT, y, RIGHT, y), fill="black")
        draw.text(
            (RIGHT, y - 4 if y == MAP_X else y + 6), name, fill="black", font=SMALL, anchor="rb" if y == MAP_X else "rt"
        )
    middle, half = (LEFT + RIGHT) / 2, (RIGHT - LEFT) / 2
    reach = np.abs(look.latents).max()
    tops = place(look.samples, np.zeros(len(look.samples)))
    for z, (top, _) in zip(look.latents.tolist(), tops, strict=True):
        bottom = middle + half * z / reach
        if LEFT <= top <= RIGHT:
            draw.line((bottom, MAP_Z, top, MAP_X), fill=MADE)
            draw.polygon([(top, MAP_X), (top - 3, MAP_X + 7), (top + 3, MAP_X + 7)], fill=MADE)


def stroke(
    draw: ImageDraw.ImageDraw,
    points: list[tuple[float, float]],
    colour: tuple[int, int, int],
    dash: tuple[int, int] | None = None,
    width: int = 2,
) -> None:
    """A line through points, whole, or in dashes of (drawn, left out) pixels along it."""
    if dash is None:
        draw.line(points, fill=colour, width=width, joint="curve")
        return
    xy = np.array(points)
    along = np.concatenate([[0.0], np.hypot(*np.diff(xy, axis=0).T).cumsum()])
    for begin in np.arange(0.0, along[-1], sum(dash)).tolist():
        stops = np.linspace(begin, min(begin + dash[0], float(along[-1])), 4)
        piece = [(float(np.interp(s, along, xy[:, 0])), float(np.interp(s, along, xy[:, 1]))) for s in stops]
        draw.line(piece, fill=colour, width=width)
