"""One statement of the theory: the number that it promises, and the number that was found."""

from dataclasses import dataclass
from typing import Literal

GAN = "1406.2661"  # Goodfellow et al. (2014), Generative adversarial nets
TUTORIAL = "1701.00160"  # Goodfellow (2016), NIPS 2016 tutorial
PRINCIPLED = "1701.04862"  # Arjovsky and Bottou (2017), Towards principled methods
WASSERSTEIN = "1701.07875"  # Arjovsky, Chintala and Bottou (2017), Wasserstein GAN
CONVERGE = "1801.04406"  # Mescheder, Geiger and Nowozin (2018), Which training methods do actually converge?


@dataclass(frozen=True, slots=True)
class Statement:
    """It holds where `found relation expected`, give or take `tolerance` ≥ 0; never where `found` is NaN."""

    text: str
    source: str  # arXiv number, and the place in the paper
    found: float
    expected: float
    tolerance: float
    relation: Literal["=", "≤", "≥"] = "="

    @property
    def holds(self) -> bool:
        off = self.found - self.expected
        return {"=": abs(off), "≤": off, "≥": -off}[self.relation] <= self.tolerance
