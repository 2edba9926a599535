"""What the API tells of a model, and how it says that something went wrong."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType


class LatentsFacts(msgspec.Struct):
    """What a generator draws from."""

    prior: str
    size: int  # Z
    walk: Literal["sphere", "line"]  # how two latents are best joined
    categories: list[int]  # values of each categorical code: the first columns of a latent, one-hot
    continuous: int  # codes in (-1, 1): the columns after them


class DatasetFacts(msgspec.Struct):
    """What the model was trained on."""

    name: str
    source: str
    licence: str
    samples: int


class TrainingFacts(msgspec.Struct):
    """Which weights these are."""

    step: int
    seed: int
    weights: str


class ModelFacts(msgspec.Struct):
    """A model, as far as an app has to know it."""

    name: str
    recipe: str
    created: str
    kind: Literal["pictures", "points"]
    shape: list[int]  # channels, height, width; or the numbers of a point
    latents: LatentsFacts
    labels: list[str] | None  # names of classes, in order; null where the model draws without labels
    truncation: Literal["input", "scale", "none"]
    largest_truncation: float
    dataset: DatasetFacts
    training: TrainingFacts
    preview: bool
    most_samples: int  # of one request
    files: dict[str, str]  # file → sha256


class Models(msgspec.Struct):
    """All models."""

    models: list[ModelFacts]


class Problem(msgspec.Struct):
    """What is wrong, in a sentence (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class Samples(msgspec.Struct):
    """Samples, and what they were drawn from: `pictures`, each as a `data:` URL of a PNG, or `points`."""

    model: str
    seeds: list[int] | None
    labels: list[int] | None
    truncation: float
    pictures: list[str] | UnsetType = UNSET
    points: list[list[float]] | UnsetType = UNSET


class Drawn(msgspec.Struct):
    """The latents of seeds."""

    model: str
    seeds: list[int]
    latents: list[list[float]]


class Health(msgspec.Struct):
    """That the server answers, and for how many models."""

    status: Literal["ok"]
    models: int
