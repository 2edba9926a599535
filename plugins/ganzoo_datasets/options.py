"""What can be set about each data set, as `--set dataset.NAME=VALUE`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from ganzoo.api import Count, Natural, NotNegative

Side = Annotated[int, Meta(ge=0, le=4096)]
Column = str | int


@dataclass(frozen=True, slots=True)
class IdxOptions:
    """MNIST and the sets that share its file format."""

    split: Literal["train", "test"] = "train"
    size: Literal[28, 32] = 28  # pixels; 32 adds a black border of 2, so that sides halve evenly
    limit: Natural = 0  # only the first so many; 0 = all


@dataclass(frozen=True, slots=True)
class StackedMnistOptions:
    """Digits of MNIST in one picture, one in each colour."""

    split: Literal["train", "test", "all"] = "train"  # which digits are stacked
    size: Literal[28, 32] = 28  # pixels; 32 adds a black border of 2, so that sides halve evenly
    samples: Count = 128_000
    seed: Natural = 0  # of the draw of digits; the run has its own
    digits: Literal[2, 3] = (
        3  # 3 are red, green and blue, with 1,000 modes; 2 are 100 modes, for machines without a GPU
    )


@dataclass(frozen=True, slots=True)
class Cifar10Options:
    """CIFAR-10, from its archive or as pictures by class."""

    split: Literal["train", "test"] = "train"
    limit: Natural = 0  # only so many pictures; 0 = all


@dataclass(frozen=True, slots=True)
class TfdOptions:
    """The Toronto Face Database, from the user's own file."""

    limit: Natural = 0  # only the first so many; 0 = all


@dataclass(frozen=True, slots=True)
class NpzOptions:
    """Pictures or points in the user's own .npz or .npy."""

    array: str = ""  # its name in the file; "" = the one that holds no labels
    layout: Literal["auto", "NHWC", "NCHW"] = "auto"  # where four dimensions have the channels: last or second
    limit: Natural = 0  # only the first so many; 0 = all


@dataclass(frozen=True, slots=True)
class TableOptions:
    """Points in the user's own .csv or .npy."""

    header: Literal["auto", "yes", "no"] = "auto"  # whether the first row names the columns; auto = if it has words
    columns: Column | tuple[Column, ...] = ()  # names, or numbers from 1 on; a text parts them by commas; () = all
    standardise: bool = False  # each column to mean 0 and standard deviation 1


@dataclass(frozen=True, slots=True)
class HfOptions:
    """Pictures that the package `datasets` reads, from the Hugging Face Hub or a local folder."""

    repository: str = ""  # of the data set on the Hub, or a local folder: what stands behind `hf:`
    config: str = ""  # which of its configurations, where there are several
    split: str = "train"
    image_column: str = ""  # "" = the only one that holds pictures
    label_column: str = ""  # "" = the only one that holds classes, "none" = no labels
    size: Side = 0  # pixels, both sides of what comes out; 0 = as the pictures are, which must then be alike
    channels: Literal[1, 3] = 3  # grey or RGB
    crop: Literal["center", "none"] = "center"  # to a square, before resizing; "none" squashes
    limit: Natural = 0  # only the first so many; 0 = all


@dataclass(frozen=True, slots=True)
class PictureFolderOptions:
    """A folder or .zip of the user's own pictures."""

    size: Side = 0  # pixels, both sides of what comes out; 0 = as the pictures are, which must then be alike
    channels: Literal[1, 3] = 3  # grey or RGB
    crop: Literal["center", "none"] = "center"  # to a square, before resizing; "none" squashes
    broken: Literal["refuse", "skip"] = "refuse"  # what to do with a picture that cannot be read


@dataclass(frozen=True, slots=True)
class NormalOptions:
    """One Gaussian on the line."""

    samples: Count = 100_000
    mean: float = 3.0
    std: NotNegative = 0.5
    seed: Natural = 0  # of the data; the run has its own


@dataclass(frozen=True, slots=True)
class RingOptions:
    """Eight Gaussians on the unit circle."""

    samples: Count = 100_000
    std: NotNegative = 0.01  # of each Gaussian, in the unit of the circle's radius
    seed: Natural = 0  # of the data; the run has its own


@dataclass(frozen=True, slots=True)
class GridOptions:
    """Twenty-five Gaussians, 2 apart."""

    samples: Count = 100_000
    std: NotNegative = 0.05  # of each Gaussian; the distance between neighbours is 2
    seed: Natural = 0  # of the data; the run has its own
