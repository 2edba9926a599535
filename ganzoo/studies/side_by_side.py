"""Real points and generated ones in one picture, to the same scale."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from ganzoo.sampling.grid import save_picture, with_title
from ganzoo.sampling.scatter import DOT, SIZE, View, draw_axes, draw_dots, plane, view_of
from ganzoo.training.looking import distribution

Points = Float[np.ndarray, "_ coordinates"]


def draw_side_by_side(real: Points, made: Points, path: Path) -> None:
    """Write a picture of real points [N, D] at the left and generated ones [M, D] at the right.

    Of more than two coordinates the first two are shown, of one the distribution. Raises GanzooError for values that
    are not finite.
    """
    if real.shape[1] == 1:
        real, made = distribution(real), distribution(made)
    left, right = plane(real), plane(made)
    view = view_of(np.concatenate([left, right]))
    picture = Image.new("RGB", (2 * SIZE, SIZE), "white")
    picture.paste(panel(left, view), (0, 0))
    picture.paste(panel(right, view), (SIZE, 0))
    save_picture(with_title(picture, f"{len(real)} real points, and {len(made)} generated ones"), path, "PNG")


def panel(points: Points, view: View) -> Image.Image:
    picture = Image.new("RGB", (SIZE, SIZE), "white")
    draw = ImageDraw.Draw(picture, "RGBA")  # in this mode a translucent dot mixes with what is below
    draw_dots(draw, view.pixels(points), DOT)
    draw_axes(draw, view)
    return picture
