"""What a recipe can set of packing."""

from dataclasses import dataclass

from ganzoo.api import Count


@dataclass(frozen=True, slots=True)
class PackingOptions:
    size: Count = 2  # m, samples that are judged together; 1 = each by itself
