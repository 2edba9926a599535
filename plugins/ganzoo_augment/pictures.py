"""Changes of pictures, each with numbers of its own for each sample; differentiable any number of times.

N = batch, C = channels, H and W = height and width in pixels.
"""

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

from ganzoo.api import BadData

Pictures = Float[Tensor, "batch channels height width"]
Numbers = Float[Tensor, "batch 1 1 1"]  # one for each sample


def check_pictures(samples: Tensor, name: str) -> None:
    """Raise BadData for points."""
    if samples.ndim != 4:
        raise BadData(f"The augmentation {name} changes pictures, and these samples are points; leave it out.")


def resampled(pictures: Pictures, down: Real[Tensor, "batch height"], across: Real[Tensor, "batch width"]) -> Pictures:
    """Each picture at rows `down` and columns `across`, in pixels; between pixels linear, and 0 outside.

    A product with one matrix for the rows and one for the columns, since torch differentiates products as often as
    penalties on slopes need it, which it does not for grid_sample.
    """
    rows, columns = (shares_of(places).to(pictures.dtype)[:, None] for places in (down, across))
    return rows @ pictures @ columns.transpose(2, 3)


def shares_of(places: Real[Tensor, "batch side"]) -> Real[Tensor, "batch side side"]:
    """How much of each pixel, the last dimension, is in what lies at the places."""
    pixels = torch.arange(places.shape[1], device=places.device)
    return (1 - (places[..., None] - pixels).abs()).clamp(min=0)


def reflected(places: Float[Tensor, "batch side"], side: int) -> Float[Tensor, "batch side"]:
    """Any places, on a line of `side` pixels with a mirror at the centre of each end's pixel."""
    last = side - 1
    return last - (last - places.abs() % (2 * max(last, 1))).abs()


def cut_out(pictures: Pictures, first: Int[Tensor, "batch 2"], size: tuple[int, int]) -> Pictures:
    """Each picture with 0 in a rectangle of that height and width, whose first row and column may lie outside."""
    rows, columns = (covered(first[:, axis, None], size[axis], pictures.shape[2 + axis]) for axis in (0, 1))
    return pictures * ~(rows[:, None, :, None] & columns[:, None, None, :])


def covered(first: Int[Tensor, "batch 1"], size: int, side: int) -> Bool[Tensor, "batch side"]:
    """Which of the pixels on a line are among the `size` pixels that begin at the first."""
    pixels = torch.arange(side, device=first.device)
    return (pixels >= first) & (pixels < first + size)


def saturated(pictures: Pictures, factor: Numbers) -> Pictures:
    """Differences between a pixel's channels times the factor; their mean stays."""
    return pictures.mean(1, keepdim=True).lerp(pictures, factor)


def contrasted(pictures: Pictures, factor: Numbers) -> Pictures:
    """Differences between a picture's numbers times the factor; their mean stays."""
    return pictures.mean((1, 2, 3), keepdim=True).lerp(pictures, factor)


def whole(uniform: Float[Tensor, "batch *many"], count: int) -> Int[Tensor, "batch *many"]:
    """One of 0…count - 1, each as likely, of numbers in [0, 1): not even the largest float32 below 1 is rounded up."""
    return (uniform * count).long()
