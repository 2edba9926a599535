"""What can be set of each prior."""

from dataclasses import dataclass
from math import sqrt
from typing import Annotated

from msgspec import Meta

from ganzoo.api import Count


@dataclass(frozen=True, slots=True)
class NormalOptions:
    size: Count = 64  # Z


@dataclass(frozen=True, slots=True)
class UniformOptions:
    size: Count = 100  # Z
    bound: Annotated[float, Meta(gt=0, le=1000)] = sqrt(3)  # the cube's half side; √3 = unit variance


@dataclass(frozen=True, slots=True)
class SphericalOptions:
    size: Annotated[int, Meta(ge=1, le=4096)] = 64  # Z; a larger sum of squares would not fit int64


@dataclass(frozen=True, slots=True)
class MixtureOptions:
    size: Annotated[int, Meta(ge=1, le=4096)] = 64  # Z; the means are spherical
    components: Annotated[int, Meta(ge=1, le=65536)] = 10  # K, equally likely
    distance: Annotated[float, Meta(ge=0, le=1000)] = 2.0  # of a mean from the origin, over √Z
    std: Annotated[float, Meta(gt=0, le=1000)] = 0.5  # of each coordinate within a component
