"""What a recipe can set of packing."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True)
class PackingOptions:
    size: Annotated[int, Meta(ge=1)] = 2  # m, samples that are judged together; 1 = each by itself
