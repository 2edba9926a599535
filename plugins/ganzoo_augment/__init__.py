"""Changes of all that the discriminator sees, for few pictures. arXiv:2006.10738 and arXiv:2006.06676."""

from typing import TYPE_CHECKING

from ganzoo.api import AugmentationSpec, hookimpl
from ganzoo_augment.options import AdaOptions, DiffAugmentOptions

if TYPE_CHECKING:
    from ganzoo.contracts import Augmentation


@hookimpl
def ganzoo_augmentations() -> list[AugmentationSpec]:
    return [
        AugmentationSpec(
            name="diffaugment",
            summary="Changes colours, moves pictures and cuts squares out; for few pictures",
            source="arXiv:2006.10738",
            options=DiffAugmentOptions,
            build=build_diffaugment,
        ),
        AugmentationSpec(
            name="ada",
            summary="Mirrors, turns, moves, scales and recolours pictures, as often as the discriminator overfits",
            source="arXiv:2006.06676",
            options=AdaOptions,
            build=build_ada,
        ),
    ]


def build_diffaugment(options: DiffAugmentOptions) -> "Augmentation":
    from ganzoo_augment.diffaugment import DiffAugment

    return DiffAugment(options)


def build_ada(options: AdaOptions) -> "Augmentation":
    from ganzoo_augment.ada import Ada

    return Ada(options)
