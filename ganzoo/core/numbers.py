"""Kinds of numbers that settings take; any other number is refused when settings are read."""

from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]  # 1, 2, 3…
Natural = Annotated[int, Meta(ge=0)]  # 0, 1, 2…
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
