"""What an exported bundle says of itself: `manifest.json`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ganzoo.core.config import Choice
from ganzoo.core.errors import BadBundle
from ganzoo.core.numbers import Count, NotNegative
from ganzoo.core.options import to_plain
from ganzoo.core.specs import SampleSpec

FORMAT = 2
LATENTS, GENERATOR = "latents.onnx", "generator.onnx"  # seeds → latents → samples
SINGLE, RGB = "single.onnx", "uint8-rgb.onnx"  # that a bundle may hold too: seeds → samples, latents → RGB pictures


# How samples are drawn nearer to the mean: by the graph's input `truncation`, or by scaling its latents.
Truncation = Literal["input", "scale", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """What the model was trained on."""

    name: str
    source: str
    licence: str
    samples: int
    digest: str  # sha256 of the samples as trained on
    classes: tuple[str, ...] = ()  # of labelled data, by label
    options: dict[str, Any] = field(default_factory=dict)  # as they were set; of older bundles, which do not say, none


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFacts:
    """Which weights these are."""

    run: str
    step: int  # generator updates
    seed: int
    weights: str  # "ema" or "raw"
    checkpoint: str | None = None  # sha256 of the checkpoint's file; older bundles do not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was compared at export."""

    what: str  # e.g. "samples of onnxruntime and torch, batch 7"
    largest: float  # difference that was found
    allowed: float
    unit: str  # e.g. "grey levels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How far onnxruntime was from torch, in the unit of samples."""

    batch_sizes: tuple[int, ...]
    max_difference: float
    tolerance: float
    max_grey_levels: int | None  # of the uint8 pictures; None for points
    checks: tuple[Check, ...] = ()  # all that was compared, in order


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """Any client can check with these that it draws what we drew: latents bit for bit, samples nearly.

    The label of a seed, where the model draws by label, is the seed modulo the number of classes; truncation is 1.
    """

    seeds: Annotated[tuple[int, ...], Meta(min_length=1)]
    latents_sha256: str  # of the float32 latents of these seeds, row by row, little-endian
    stride: Count  # of a picture every so-manieth row and column is kept, from the first on; 1 for points
    samples: str  # base64 of uint8 [seeds, H, W, C] for pictures, of little-endian float32 [seeds, D] for points
    tolerance: NotNegative  # that samples may differ by: in grey levels, or in the unit of points


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The description of a bundle: seeds → `latents.onnx` → `generator.onnx` → samples."""

    format: int
    name: str
    recipe: str
    created: str  # ISO 8601, UTC
    sample: SampleSpec
    latents: Choice
    latent_size: Count
    conditional: bool = False  # whether the graph takes `label` int64 [N], below `sample.num_classes`
    truncation: Truncation = "none"
    stored_as: Literal["float32", "float16"] = "float32"  # how the weights lie in the files; all is computed in float32
    opset: int = 18  # of the graphs; 18 runs on onnxruntime 1.15 and later
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
    except NotADirectoryError as error:
        raise BadBundle(f"{bundle} is no bundle, which is a folder; name the one that holds it.") from error
    except (OSError, msgspec.DecodeError) as error:
        raise BadBundle(f"Cannot read {path}: {error}. Export it again.") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        remedy = "install a newer ganzoo" if newer else "export it again"
        raise BadBundle(f"{bundle} has format {found!r}, and this ganzoo reads format {FORMAT}; {remedy}.")
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
