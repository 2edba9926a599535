"""Every generator with every discriminator and loss that fit together, for two steps; what does not fit says why."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganzoo.catalog import load_catalog
from ganzoo.core.config import Choice, RunConfig
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Data
from ganzoo.training.build import build
from ganzoo.training.device import settled
from ganzoo.training.trainer import train

CATALOG = load_catalog()
COUNT = 16
SMALL = {"width": 8, "widest": 16, "hidden": 8, "layers": 2}  # options that make networks quick, where they exist
CLASSES = tuple("abcdefghij")
LABELS = np.arange(COUNT) % 10
RANDOM = np.random.default_rng(0)
DATA = {
    "pictures": Data(RANDOM.integers(0, 256, (COUNT, 1, 16, 16), np.uint8), LABELS, CLASSES),
    "points": Data(RANDOM.standard_normal((COUNT, 2), np.float32), LABELS, CLASSES),
}


def small(kind: str, name: str) -> Choice:
    """The component with its smallest networks."""
    spec = getattr(CATALOG, kind)[name]
    known = to_plain(spec.options())
    options = {key: value for key, value in SMALL.items() if isinstance(known.get(key), int)}
    return Choice(name=name, options=to_plain(parse_options(spec.options, options, kind)))


def config(generator: str, discriminator: str, loss: str) -> RunConfig:
    return RunConfig(
        recipe="matrix",
        dataset=Choice(name="toy"),
        latents=small("latents", "normal"),
        generator=small("generators", generator),
        discriminator=small("discriminators", discriminator),
        loss=small("losses", loss),
        batch_size=4,
        steps=2,
        samples_every=1000,
    )


@pytest.mark.parametrize("discriminator", list(CATALOG.discriminators.items))
@pytest.mark.parametrize("generator", list(CATALOG.generators.items))
def test_networks_and_losses_fit_together_or_say_why(
    generator: str, discriminator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somewhere, on pictures or on points, the pair trains with every loss; elsewhere one sentence says what would."""
    monkeypatch.setattr("ganzoo.training.trainer.save_samples", lambda *_: None)
    played, reasons = 0, []
    for kind, data in DATA.items():
        for loss in CATALOG.losses.items:
            try:
                played += plays(config(generator, discriminator, loss), data, tmp_path / kind / loss)
            except (BadData, BadSetting) as error:
                reasons.append(str(error))
    assert all("\n" not in reason and len(reason) < 400 for reason in reasons)
    assert played + len(reasons) == len(DATA) * len(CATALOG.losses.items)
    assert played or not kinds_of(generator, "generators") & kinds_of(discriminator, "discriminators")


def kinds_of(name: str, shelf: str) -> set[str]:
    """The kinds of samples that a network fits."""
    spec, found = getattr(CATALOG, shelf)[name], set()
    sizes = (64,) if shelf == "generators" else ()
    for kind, data in DATA.items():
        with suppress(BadData, BadSetting):
            spec.build(data.spec, *sizes, spec.options())
            found.add(kind)
    return found


def plays(config: RunConfig, data: Data, folder: Path) -> bool:
    parts: Any = build(config, data, CATALOG, torch.device("cpu"))
    with settled(parts, config):
        state = train(parts, config, RunFolder(folder), lambda event: None, lambda text: None)
    return state.step == 2
