"""What the health watch says of a run that is over, as it would have said it while the run went on."""

from collections.abc import Iterable
from html import escape
from math import nan

import numpy as np
import torch

from ganzoo.core.errors import GanzooError
from ganzoo.data.memory import take
from ganzoo.report.material import Material
from ganzoo.training.draws import to_unit_range
from ganzoo.training.health import ENOUGH_TO_KNOW_SPREAD, NEEDED, Finding, Health
from ganzoo.training.recorder import spread


def health(material: Material, findings: Iterable[Finding] | None) -> str:
    """The findings as a list, with those of the log where they are not given."""
    if not material.log.lines:
        return ""
    note = ""
    if findings is None:
        findings, note = look_again(material)
    items = "".join(f"<li>{escape(str(each))}</li>" for each in findings)
    said = f'<ul class="findings">{items}</ul>' if items else "<p>The health watch found nothing wrong.</p>"
    return said + (f'<p class="note">{escape(note)}</p>' if note else "")


def look_again(material: Material) -> tuple[list[Finding], str]:
    """All that there is to tell of the log, and what could not be looked at."""
    note = ""
    try:
        real = spread_of(material)
    except GanzooError as error:
        real, note = nan, f"Whether samples became all the same was not looked at, for want of real ones: {error}"
    watch = Health(material.config, material.catalog, real, logits_are_scores=material.logits_are_scores)
    for line in material.log.raw:
        if line.keys() >= NEEDED:
            watch.read(line)
    return watch.findings, note


def spread_of(material: Material) -> float:
    """Of the first real samples. Raises what the data raise."""
    samples = material.data.samples
    first = take(samples, np.arange(min(ENOUGH_TO_KNOW_SPREAD, len(samples))))
    return spread(to_unit_range(torch.from_numpy(first))).item()
