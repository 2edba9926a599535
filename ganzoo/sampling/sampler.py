"""Draw samples from an exported bundle: seed → words → latents → pictures or points.

N = batch, Z = latent size, (C, H, W) = shape of a picture, D = numbers in a point.
"""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from jaxtyping import Float32, Int64

from ganzoo.catalog import load_catalog
from ganzoo.core.errors import BadBundle, BadSetting, GanzooError, UnknownName, UsageError, did_you_mean, first_line
from ganzoo.core.files import sha256
from ganzoo.core.manifest import Manifest, read_manifest
from ganzoo.core.options import parse_options
from ganzoo.latents import Latents, seed_words
from ganzoo.sampling.providers import Device, open_session

GENERATOR = "generator.onnx"
MOST_AT_ONCE = 256  # samples that go through the generator together…
NUMBERS_AT_ONCE = 2**24  # …or fewer, where they are large: memory grows with both


class Sampler:
    """A bundle that has proved to be whole, and to draw the latents that its exporter drew."""

    manifest: Manifest
    provider: str  # what runs the generator, e.g. "CPUExecutionProvider"

    def __init__(self, bundle: Path | str, device: Device = "auto") -> None:
        """Raises BadBundle for a bundle that is missing, damaged or of another version; see also `open_session`."""
        folder = Path(bundle)
        self.manifest = read_manifest(folder)
        check_files(folder, self.manifest.files)
        self.prior = build_prior(self.manifest)
        check_latents(self.manifest, self.prior)
        self.session = open_session(folder / GENERATOR, device)
        self.output = check_graph(self.session, self.manifest)
        self.provider: str = self.session.get_providers()[0]

    def sample(self, count: int, seed: int = 0, label: int | str | None = None) -> np.ndarray:
        """What `generate` gives for the seeds `seed`, `seed` + 1, …; sample i is the same at any `count`.

        `label`, a class's number or name, is for models that draw by label; without it a sample's is its seed modulo
        the number of classes. Raises UsageError where `count` is below 1, a seed would not fit int64, or there is no
        such label.
        """
        if count < 1:
            raise UsageError(f"Ask for at least 1 sample, not {count}.")
        if not -(2**63) <= seed <= 2**63 - count:
            raise UsageError(f"Seeds {seed}…{seed + count - 1} do not all lie in -2^63…2^63 - 1; choose another.")
        seeds = seed + np.arange(count, dtype=np.int64)
        return self.generate(self.latents(seeds), self.labels(seeds, label))

    def labels(self, seeds: Int64[np.ndarray, "batch"], label: int | str | None) -> Int64[np.ndarray, "batch"] | None:
        """The label of each seed's sample; None where the model draws without."""
        if not self.manifest.conditional:
            if label is not None:
                raise UsageError(f"{self.manifest.name} does not draw by label; leave the label out.")
            return None
        count = self.manifest.sample.num_classes
        if label is None:
            return seeds % count
        return np.full_like(seeds, label_number(label, count, self.manifest.dataset.classes))

    def latents(self, seeds: "Int64[np.ndarray, 'batch'] | Sequence[int]") -> Float32[np.ndarray, "batch latent"]:
        """The latent of each seed, whatever the other seeds. Raises UsageError for what is no int64 [N]."""
        array = np.asarray(seeds)
        if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and array.max() > 2**63 - 1):
            raise UsageError("Seeds are a list of whole numbers in -2^63…2^63 - 1.")
        return self.prior.from_words(seed_words(array.astype(np.int64), self.prior.words))

    def generate(
        self, latents: Float32[np.ndarray, "batch latent"], labels: "Int64[np.ndarray, 'batch'] | None" = None
    ) -> np.ndarray:
        """Pictures uint8 [N, H, W, C], or points float32 [N, D], for latents [N, Z], of the user's making or ours.

        Models that draw by label need labels int64 [N]. Raises UsageError for latents or labels of another shape or
        range, and for latents with a number that is not finite.
        """
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused below
            array = np.ascontiguousarray(latents, np.float32)
        size = self.manifest.latent_size
        if array.ndim != 2 or array.shape[1] != size or not len(array):
            raise UsageError(f"This bundle takes latents float32 [N, {size}], N at least 1, not {list(array.shape)}.")
        if not np.isfinite(array).all():
            raise UsageError("Latents must be finite, and these hold NaN or infinity.")
        inputs = {"latents": array}
        if self.manifest.conditional or labels is not None:
            inputs["label"] = checked_labels(labels, len(array), self.manifest)
        return self.run(inputs)

    def run(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """The generator, in chunks, so that memory stays bounded whatever N."""
        count = len(inputs["latents"])
        sample = self.manifest.sample
        chunk = max(1, min(MOST_AT_ONCE, NUMBERS_AT_ONCE // sample.size))
        shape, kind = output_of(self.manifest)
        result = np.empty((count, *shape), kind)
        for start in range(0, count, chunk):
            part = {name: values[start : start + chunk] for name, values in inputs.items()}
            result[start : start + chunk] = run_once(self.session, self.output, part)
        return result


def label_number(label: int | str, count: int, names: Sequence[str]) -> int:
    """A class's number, for its number or its name. Raises UsageError where there is no such class."""
    if isinstance(label, str) and label in names:
        return names.index(label)
    with suppress(ValueError):
        number = int(label)
        if 0 <= number < count:
            return number
    known = f"; {did_you_mean(str(label), names)}" if names else "."
    raise UsageError(f"There is no label {label!r}; labels are 0 to {count - 1}{known}")


def checked_labels(labels: Any, count: int, manifest: Manifest) -> Int64[np.ndarray, "batch"]:
    """Labels as the graph takes them. Raises UsageError where they are missing, superfluous or out of range."""
    classes = manifest.sample.num_classes
    if not manifest.conditional:
        raise UsageError(f"{manifest.name} does not draw by label; leave the labels out.")
    array = np.asarray([] if labels is None else labels)
    if array.shape != (count,) or array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= classes:
        raise UsageError(f"{manifest.name} draws by label; give {count} whole numbers in 0…{classes - 1}.")
    return array.astype(np.int64)


def run_once(session: ort.InferenceSession, output: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Raises GanzooError where onnxruntime fails, e.g. for want of memory, and where samples are lost on the way."""
    count = len(inputs["latents"])
    try:
        result: np.ndarray = session.run([output], inputs)[0]
    except Exception as error:  # onnxruntime's exceptions share no base
        raise GanzooError(f"The generator failed on {count} latents: {first_line(error)}.") from error
    if len(result) != count:  # a batch that was frozen at export; numpy would repeat a single sample
        raise BadBundle(f"{GENERATOR} made {len(result)} samples of {count} latents. Export it again.")
    return result


def check_files(folder: Path, files: dict[str, str]) -> None:
    """Raises BadBundle unless every file that the manifest names is there, and is what was exported."""
    if GENERATOR not in files:
        raise BadBundle(f"The manifest of {folder} does not name {GENERATOR}; export it again.")
    for name, digest in files.items():
        path = folder / name
        if Path(name).name != name:  # a manifest may come from anyone, and has no business elsewhere
            raise BadBundle(f"The manifest of {folder} names {name!r}, outside of the bundle; do not use it.")
        try:
            found = sha256(path)
        except OSError as error:
            raise BadBundle(f"Cannot read {path}: {error.strerror}. Copy or export the bundle again.") from error
        if found != digest:
            raise BadBundle(f"{path} is not the file that was exported: its SHA-256 differs. Export it again.")


def build_prior(manifest: Manifest) -> Latents:
    """The prior that the manifest names. Raises BadBundle where no plugin here provides it, or not as it was."""
    name, size = manifest.latents.name, manifest.latent_size
    try:
        spec = load_catalog().latents[name]
        prior = spec.build(parse_options(spec.options, manifest.latents.options, "latents"))
    except UnknownName as error:
        raise BadBundle(f"{manifest.name} needs the prior {name!r}: install the plugin that provides it.") from error
    except BadSetting as error:
        raise BadBundle(f"The prior {name!r} here does not take this bundle's options: {error}") from error
    if prior.size != size:
        raise BadBundle(f"The prior {name!r} makes latents of size {prior.size}, and {manifest.name} takes {size}.")
    return prior


def check_latents(manifest: Manifest, prior: Latents) -> None:
    """Raises BadBundle unless the prior draws, here and now, the latents that it drew at export."""
    try:
        found = latents_sha256(prior, manifest.self_test.seeds)
    except OverflowError as error:
        raise BadBundle(f"The self-test of {manifest.name} has a seed that is no int64. Export it again.") from error
    if found != manifest.self_test.latents_sha256:
        raise BadBundle(
            f"The prior {manifest.latents.name!r} draws other latents here than where {manifest.name} was exported, "
            "so its pictures would be others too. Install the plugin's version of that time, or export again."
        )


def latents_sha256(prior: Latents, seeds: Iterable[int]) -> str:
    """The hash of a manifest's self-test: of the float32 latents of these seeds, row by row, little-endian."""
    words = seed_words(np.array(list(seeds), np.int64), prior.words)
    return hashlib.sha256(prior.from_words(words).astype("<f4").tobytes()).hexdigest()


def check_graph(session: ort.InferenceSession, manifest: Manifest) -> str:
    """The name of the output to ask for. Raises BadBundle where the graph is not what the manifest describes."""
    name = "images" if manifest.sample.is_picture else "samples"
    inputs = {port.name: port.shape for port in session.get_inputs()}
    outputs = {port.name: port.shape for port in session.get_outputs()}
    expected, (shape, _) = (None, manifest.latent_size), output_of(manifest)
    taken, given = inputs.get("latents", ()), outputs.get(name, ())
    names = {"latents", "label"} if manifest.conditional else {"latents"}
    if inputs.keys() != names or not agree(taken, expected) or not agree(given, (None, *shape)):
        raise BadBundle(
            f"{GENERATOR} of {manifest.name} should take latents [N, {manifest.latent_size}]"
            f"{' and label [N]' * manifest.conditional} and give {name} "
            f"[N, {', '.join(map(str, shape))}], but takes {inputs} and gives {outputs}. Export it again."
        )
    return name


def agree(found: Sequence[Any], expected: Sequence[int | None]) -> bool:
    """Whether all sizes that the graph fixes, those that are numbers, are as they should be; the first is N."""
    if len(found) != len(expected) or isinstance(found[0], int):
        return False
    return all(not isinstance(a, int) or a == b for a, b in zip(found[1:], expected[1:], strict=True))


def output_of(manifest: Manifest) -> tuple[tuple[int, ...], Any]:
    """Shape and type of one sample as `generate` returns it."""
    shape = manifest.sample.shape
    if not manifest.sample.is_picture:
        return shape, np.float32
    channels, height, width = shape
    return (height, width, channels), np.uint8
