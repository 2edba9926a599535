"""What can be set of each metric, as `ganzoo evaluate --set METRIC.OPTION=VALUE`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from ganzoo.api import Count, Natural, Positive


@dataclass(frozen=True, slots=True)
class KernelOptions:
    """Subsets, so that the work grows with their number and not with all samples squared."""

    subsets: Count = 100
    subset_size: Natural = 0  # samples; 0 = 1,000, or half of the samples where there are fewer than twice as many


@dataclass(frozen=True, slots=True)
class PrecisionRecallOptions:
    """The paper's number of neighbours."""

    neighbours: Count = 3


@dataclass(frozen=True, slots=True)
class DensityCoverageOptions:
    """The paper's number of neighbours."""

    neighbours: Count = 5


@dataclass(frozen=True, slots=True)
class InceptionScoreOptions:
    """The paper's number of parts."""

    parts: Count = 10


@dataclass(frozen=True, slots=True)
class ParzenOptions:
    """The width of the windows is chosen, and cannot be set: a wrong one says nothing of the model."""

    validation: Count = 1000  # real samples that choose the width; at most half of them


@dataclass(frozen=True, slots=True)
class PathLengthOptions:
    """The paper's step; of its 100,000 pairs, so many that the standard error is a few percent."""

    pairs: Annotated[int, Meta(ge=2)] = 2000
    epsilon: Positive = 1e-4  # share of a path


@dataclass(frozen=True, slots=True)
class ModesOptions:
    """The published protocol's number of samples."""

    samples: Natural = 0  # 0 = 2,500 points or 26,000 pictures; no more than there are


@dataclass(frozen=True, slots=True)
class NearestOptions:
    """Few enough that a search through all training samples ends soon; a share of so many is known to 1 %."""

    samples: Count = 2500
