"""What is measured: games of several sizes, each a recipe of the zoo with changes, on digits."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from ganzoo.catalog import Catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.specs import Data
from ganzoo.recipes import find_recipe, resolve


@dataclass(frozen=True, slots=True)
class Case:
    """One game, and for how long it is measured."""

    name: str
    recipe: str
    shape: tuple[int, int, int]  # of a picture: channels, height, width
    changes: dict[str, Any] = field(default_factory=dict)  # of the recipe's settings, by dotted key
    steps: int = 400  # measured in each round
    warm_up: int = 50  # steps before them; also from one line of the log to the next, so that users have no more
    pictures: int = 60_000  # in the data set
    detaches: bool = True  # whether the plain loop spares the generator a backward pass that is thrown away
    target: float | None = None  # times as fast as the plain loop
    rounds: int = 1  # for each that is asked for: short steps vary more


def dcgan(width: int, **changes: Any) -> dict[str, Any]:
    """Both convolutional networks with that many channels in their largest map; 128 is the paper's width."""
    keys = {key.replace("__", "."): value for key, value in changes.items()}
    return {"batch_size": 64, "generator.width": width, "discriminator.width": width} | keys


PERCEPTRONS = (
    Case("vanilla-mlp, 8x8, batch 64", "vanilla-mlp", (1, 8, 8), {"batch_size": 64}, detaches=False, rounds=3),
    Case("vanilla-mlp, 28x28, batch 64", "vanilla-mlp", (1, 28, 28), {"batch_size": 64}, detaches=False, rounds=3),
    Case(
        "vanilla-mlp, 28x28, batch 100",
        "vanilla-mlp",
        (1, 28, 28),
        {"batch_size": 100},
        detaches=False,
        target=3.0,
        rounds=3,
    ),
)
SMALL, LARGE = (3, 32, 32), (3, 64, 64)
FP32, BF16 = {"precision": "fp32"}, {"precision": "bf16"}
CONVOLUTIONS = (  # at 64x64 the paper's width takes several seconds a step on two cores
    Case("dcgan, 32x32, paper's width 128, fp32", "dcgan-small", SMALL, dcgan(128) | FP32, 3, 1, 5000, target=1.25),
    Case("dcgan, 32x32, paper's width 128, bf16", "dcgan-small", SMALL, dcgan(128) | BF16, 4, 1, 5000, target=3.5),
    Case("dcgan, 64x64, half width 64, fp32", "dcgan-small", LARGE, dcgan(64) | FP32, 2, 1, 2500, target=1.25),
    Case("dcgan, 64x64, half width 64, bf16", "dcgan-small", LARGE, dcgan(64) | BF16, 3, 1, 2500, target=3.5),
)
PENALTIES = (
    Case(
        "wgan-gp, 32x32, width 64, 5 critic steps",
        "wgan-gp",
        SMALL,
        dcgan(64, generator__kernel=4, discriminator__kernel=4, ema_decay=0.999) | FP32,
        steps=2,
        warm_up=1,
        pictures=5000,
    ),
    Case(
        "dcgan with R1 in every step, 32x32, width 64",
        "dcgan-small",
        SMALL,
        dcgan(64, discriminator__norm="none", regularizers__r1={}) | FP32,
        steps=6,
        warm_up=2,
        pictures=5000,
    ),
)
COMPILE = {"compile": "always"}  # in the first steps of the warm-up; neither other loop is compiled
COMPILED = (
    Case(
        "vanilla-mlp, 28x28, batch 64, compiled",
        "vanilla-mlp",
        (1, 28, 28),
        {"batch_size": 64} | COMPILE,
        detaches=False,
    ),
    Case("dcgan, 32x32, width 128, fp32, compiled", "dcgan-small", SMALL, dcgan(128) | FP32 | COMPILE, 3, 1, 5000),
)
CASES = (*PERCEPTRONS, *CONVOLUTIONS, *PENALTIES, *COMPILED)


def configured(case: Case, catalog: Catalog) -> RunConfig:
    """The case as a run that logs at the end of the warm-up, and at the end of what is measured."""
    changes = case.changes | {"steps": case.warm_up + case.steps, "log_every": case.warm_up}
    listed = [(key.split("."), value) for key, value in changes.items()]
    return resolve(find_recipe(case.recipe, catalog), catalog, listed)


def quick(case: Case) -> Case:
    """So short that it shows no more than that everything runs."""
    return replace(case, steps=1, warm_up=1, pictures=500)


def longer(case: Case) -> Case:
    """The case on a GPU, where a step takes milliseconds; a quick one stays so."""
    return case if case.steps == 1 else replace(case, steps=max(case.steps, 200), warm_up=50)


def digits(shape: tuple[int, int, int], count: int) -> Data:
    """That many pictures [C, H, W]: scikit-learn's digits over and over, enlarged or not. What is in them matters:
    on noise the discriminator wins at once, and its gradients become denormal numbers, which are slow."""
    channels, height, width = shape
    small = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)  # [1797, 8, 8]
    rows, columns = np.arange(height)[:, None] * 8 // height, np.arange(width) * 8 // width
    pictures = np.resize(small, (count, 8, 8))[:, None, rows, columns]  # [N, 1, H, W]
    return Data(np.repeat(pictures, channels, axis=1))
