"""What an exported bundle says of itself: `manifest.json`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ganzoo.core.config import Choice
from ganzoo.core.errors import BadBundle
from ganzoo.core.options import to_plain
from ganzoo.core.specs import SampleSpec

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """What the model was trained on."""

    name: str
    source: str
    licence: str
    samples: int
    digest: str  # sha256 of the samples as trained on
    classes: tuple[str, ...] = ()  # of labelled data, by label


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFacts:
    """Which weights these are."""

    run: str
    step: int  # generator updates
    seed: int
    weights: str  # "ema" or "raw"
    checkpoint: str | None = None  # sha256 of the checkpoint's file; older bundles do not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How far onnxruntime was from torch, in the unit of samples."""

    batch_sizes: tuple[int, ...]
    max_difference: float
    tolerance: float
    max_grey_levels: int | None  # of the uint8 pictures; None for points


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """Any client can check with these that it draws the latents that we drew."""

    seeds: tuple[int, ...]
    latents_sha256: str  # of the float32 latents of these seeds, row by row, little-endian


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The description of a bundle's `generator.onnx`."""

    format: int
    name: str
    recipe: str
    created: str  # ISO 8601, UTC
    sample: SampleSpec
    latents: Choice
    latent_size: int
    conditional: bool = False  # whether the graph takes `label` int64 [N], below `sample.num_classes`
    files: dict[str, str]  # file name → sha256
    dataset: DatasetFacts
    training: TrainingFacts
    parity: Parity
    self_test: SelfTest
    versions: dict[str, str]

    def to_json(self) -> str:
        return msgspec.json.format(msgspec.json.encode(to_plain(self)), indent=2).decode() + "\n"


def read_manifest(bundle: Path) -> Manifest:
    """Raises BadBundle where there is none, or where it is damaged or of another version."""
    path = bundle / "manifest.json"
    try:
        content: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError as error:
        raise BadBundle(f"{bundle} is no bundle: it has no manifest.json. `ganzoo export --onnx` makes one.") from error
    except (OSError, msgspec.DecodeError) as error:
        raise BadBundle(f"Cannot read {path}: {error}. Export it again.") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise BadBundle(f"{bundle} has format {found}, and this ganzoo reads format {FORMAT}; export it again.")
    try:
        return msgspec.convert(content, Manifest)
    except msgspec.ValidationError as error:
        raise BadBundle(f"{path} is damaged: {error}. Export it again.") from error


def newest_bundle(parent: Path) -> Path:
    """The bundle that was exported last. Raises BadBundle where there is none."""
    manifests = sorted(parent.glob("[!.]*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
    if not manifests:
        raise BadBundle(f"There are no bundles in {parent}; make one with `ganzoo export --onnx`.")
    return manifests[-1].parent
