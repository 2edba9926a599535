"""All graphs of a bundle, each compared with what it was made of before anything is written."""

from dataclasses import dataclass, replace

import onnx

from ganzoo.core.errors import UsageError
from ganzoo.core.manifest import GENERATOR, LATENTS, RGB, SINGLE, Check, Parity
from ganzoo.export.contract import check_generator, real_inputs
from ganzoo.export.halved import stored_as_half
from ganzoo.export.heads import rgb_head, single_file
from ganzoo.export.latents_file import latents_to_onnx
from ganzoo.export.onnx_file import OPSET, to_onnx
from ganzoo.export.parity import LEVELS, compare, compare_half, compare_rgb, compare_single
from ganzoo.training.trained import Trained

HEADS = ("uint8-rgb",)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a user asks of an export, beyond the default."""

    half: bool = False  # weights stored as float16
    single_file: bool = False  # seeds → samples in one more file
    head: str | None = None  # one of HEADS, in one more file
    opset: int = OPSET


def make_graphs(trained: Trained, wishes: Wishes) -> tuple[dict[str, onnx.ModelProto], Parity]:
    """File name → graph, and all that was compared.

    Raises ExportFailed where anything is further off than it may be, and UsageError for a wish that cannot be granted.
    """
    if wishes.head not in (None, *HEADS):
        raise UsageError(f"There is no head {wishes.head!r}; there is {', '.join(HEADS)}.")
    generator, sample, prior = trained.generator, trained.sample, trained.prior
    conditional, truncates = trained.conditional, trained.truncation == "input"
    check_generator(generator, sample, prior, conditional=conditional, truncates=truncates)
    model = to_onnx(generator, sample, prior.size, conditional=conditional, truncates=truncates, opset=wishes.opset)
    parity = compare(model, generator, sample, prior, conditional=conditional, truncates=truncates)
    checks = list(parity.checks)
    cases = real_inputs(sample, prior, conditional=conditional, truncates=truncates)
    if wishes.half:
        full, model = model, stored_as_half(model)
        halved = compare_half(full, model, cases)
        parity, checks = with_half(parity, halved), [*checks, *halved]
    graphs = {LATENTS: latents_to_onnx(prior), GENERATOR: model}
    if wishes.single_file:
        graphs[SINGLE] = single_file(graphs[LATENTS], model)
        checks += compare_single(model, graphs[SINGLE], cases)
    if wishes.head:
        graphs[RGB] = rgb_head(model, sample)
        checks += compare_rgb(model, graphs[RGB], cases)
    return graphs, replace(parity, checks=tuple(checks))


def with_half(parity: Parity, checks: tuple[Check, ...]) -> Parity:
    """How far the halved graph may be from torch: as far as from the full one, and that one from torch."""
    (samples,) = (check for check in checks if check.what.startswith("samples"))
    levels = max((int(check.largest) for check in checks if check.unit == LEVELS), default=0)
    return replace(
        parity,
        max_difference=parity.max_difference + samples.largest,
        tolerance=parity.tolerance + samples.allowed,
        max_grey_levels=None if parity.max_grey_levels is None else parity.max_grey_levels + levels,
    )
