"""What can be set about each data set, as `--set dataset.NAME=VALUE`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
Limit = Annotated[int, Meta(ge=0)]
Seed = Annotated[int, Meta(ge=0)]
Side = Annotated[int, Meta(ge=0, le=4096)]
Std = Annotated[float, Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class IdxOptions:
    """MNIST and the sets that share its file format."""

    split: Literal["train", "test"] = "train"
    size: Literal[28, 32] = 28  # pixels; 32 adds a black border of 2, so that sides halve evenly
    limit: Limit = 0  # only the first so many; 0 = all


@dataclass(frozen=True, slots=True)
class PictureFolderOptions:
    """A folder or .zip of the user's own pictures."""

    size: Side = 0  # pixels, both sides of what comes out; 0 = as the pictures are, which must then be alike
    channels: Literal[1, 3] = 3  # grey or RGB
    crop: Literal["center", "none"] = "center"  # to a square, before resizing; "none" squashes
    broken: Literal["refuse", "skip"] = "refuse"  # what to do with a picture that cannot be read


@dataclass(frozen=True, slots=True)
class RingOptions:
    """Eight Gaussians on the unit circle."""

    samples: Count = 100_000
    std: Std = 0.01  # of each Gaussian, in the unit of the circle's radius
    seed: Seed = 0  # of the data; the run has its own


@dataclass(frozen=True, slots=True)
class GridOptions:
    """Twenty-five Gaussians, 2 apart."""

    samples: Count = 100_000
    std: Std = 0.05  # of each Gaussian; the distance between neighbours is 2
    seed: Seed = 0  # of the data; the run has its own
