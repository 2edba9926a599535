"""What a recipe can set of the least-squares loss."""

from dataclasses import dataclass

from ganzoo.api import BadSetting


@dataclass(frozen=True, slots=True)
class LeastSquaresOptions:
    """Targets by which the generator would not move towards real samples raise BadSetting."""

    a: float = 0.0  # the score that the discriminator shall give fake samples
    b: float = 1.0  # the score that it shall give real ones
    c: float = 1.0  # the score that the generator wants its samples to have

    def __post_init__(self) -> None:
        if (self.b - self.a) * (self.c - self.a) <= 0:
            raise BadSetting(
                f"With a = {self.a:g}, b = {self.b:g} and c = {self.c:g} the generator does not move towards real "
                "samples; c must lie on the side of a on which b lies, as in a = 0, b = 1, c = 1."
            )
