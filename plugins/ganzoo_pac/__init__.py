"""Discriminators that look at several samples at once. PacGAN: Lin, Khetan, Fanti and Oh (2018), arXiv:1712.04086."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import SampleSpec, WrapperSpec, hookimpl
from ganzoo_pac.options import PackingOptions

if TYPE_CHECKING:
    from torch import nn


@hookimpl
def ganzoo_wrappers() -> list[WrapperSpec]:
    return [
        WrapperSpec(
            name="packing",
            summary="Judges several samples of one kind together, so that a lack of variety shows",
            source="arXiv:1712.04086",
            options=PackingOptions,
            build=build_packing,
        )
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_packing(
    inner: "Callable[[SampleSpec], nn.Module]", sample: SampleSpec, options: PackingOptions
) -> "nn.Module":
    from ganzoo_pac.packing import Packing

    return Packing(inner, sample, options)
