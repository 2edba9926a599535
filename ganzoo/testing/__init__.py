"""Whether a plugin's components keep the contracts of their kinds. Public; imports torch where checks run.

`ganzoo plugins check NAME` runs these for one plugin, and so does `pytest --ganzoo-plugin NAME`, a test for each.
"""

from ganzoo.testing.checks import Check, Inapplicable, Violation, checks

__all__ = ["Check", "Inapplicable", "Violation", "checks"]
