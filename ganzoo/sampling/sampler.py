"""Draw samples from an exported bundle: seed → latents → pictures or points.

N = batch, Z = latent size, (C, H, W) = shape of a picture, D = numbers in a point.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganzoo.core.errors import BadBundle, GanzooError, UsageError, first_line
from ganzoo.core.manifest import GENERATOR, LATENTS, Manifest, read_manifest
from ganzoo.sampling.inputs import (
    checked_labels,
    checked_latents,
    checked_seeds,
    checked_truncation,
    labels_of,
    seeds_from,
)
from ganzoo.sampling.integrity import check_files, check_generator_graph, check_latents_graph, output_of
from ganzoo.sampling.providers import Device, open_session
from ganzoo.sampling.runtime import ort

if TYPE_CHECKING:  # it takes 0.06 s, of the 0.4 of a first picture
    from jaxtyping import Float32, Int64

MOST_AT_ONCE = 256  # samples that go through the generator together…
NUMBERS_AT_ONCE = 2**24  # …or fewer, where they are large: memory grows with both


class Sampler:
    """A bundle that has proved to be whole, and to draw the latents that its exporter drew."""

    manifest: Manifest
    provider: str  # what runs the generator, e.g. "CPUExecutionProvider"

    def __init__(self, bundle: Path | str, device: Device = "auto", *, spin: bool = True) -> None:
        """Raises BadBundle for a bundle that is missing, damaged or of another version; see also `open_session`."""
        folder = Path(bundle)
        self.manifest = read_manifest(folder)
        check_files(folder, self.manifest.files)
        self.seeder = open_session(folder / LATENTS, "cpu", spin=spin)  # integers alone, which GPUs gain nothing on
        check_latents_graph(self.seeder, self.manifest)
        self.check_latents()
        self.session = open_session(folder / GENERATOR, device, spin=spin)
        self.output = check_generator_graph(self.session, self.manifest)
        self.provider = self.session.get_providers()[0]

    def sample(self, count: int, seed: int = 0, label: int | str | None = None, truncation: float = 1.0) -> np.ndarray:
        """What `generate` gives for the seeds `seed`, `seed` + 1, …; sample i is the same at any `count`.

        `label`, a class's number or name, is for models that draw by label; without it a sample's is its seed modulo
        the number of classes. Raises UsageError where `count` is below 1, a seed would not fit int64, or there is no
        such label.
        """
        seeds = seeds_from(seed, count)
        labels = self.labels(seeds, label)
        return self.generate(self.latents(seeds), labels, truncation)

    def labels(
        self, seeds: "Int64[np.ndarray, 'batch']", label: int | str | None
    ) -> "Int64[np.ndarray, 'batch'] | None":
        """The label of each seed's sample; None where the model draws without."""
        return labels_of(seeds, label, self.manifest)

    def latents(self, seeds: "Int64[np.ndarray, 'batch'] | Sequence[int]") -> "Float32[np.ndarray, 'batch latent']":
        """The latent of each seed, whatever the other seeds. Raises UsageError for what is no int64 [N]."""
        given = {"seed": checked_seeds(seeds)}
        return in_parts(self.seeder, "latents", given, ((self.manifest.latent_size,), np.float32))

    def generate(
        self,
        latents: "Float32[np.ndarray, 'batch latent']",
        labels: "Int64[np.ndarray, 'batch'] | None" = None,
        truncation: float = 1.0,
    ) -> np.ndarray:
        """Pictures uint8 [N, H, W, C], or points float32 [N, D], for latents [N, Z], of the user's making or ours.

        Models that draw by label need labels int64 [N]. `truncation` below 1 draws nearer to the mean: less variety,
        and fewer failures (Karras et al. 2019, arXiv:1812.04948, appendix B; Brock et al. 2019, arXiv:1809.11096,
        section 3.1). Raises UsageError for latents or labels of another shape or range, for numbers that are not
        finite, and for a truncation other than 1 where the model has none.
        """
        psi = checked_truncation(truncation, self.manifest)
        inputs = {"latents": checked_latents(latents, self.manifest.latent_size)}
        if self.manifest.conditional or labels is not None:
            inputs["label"] = checked_labels(labels, len(inputs["latents"]), self.manifest)
        if self.manifest.truncation == "input":
            inputs["truncation"] = np.array(psi, np.float32)
        elif psi != 1:
            inputs["latents"] = checked_latents(inputs["latents"] * np.float64(psi), self.manifest.latent_size)
        samples = in_parts(self.session, self.output, inputs, output_of(self.manifest))
        if not np.isfinite(samples).all():
            raise UsageError("Some samples are NaN or infinite: these latents, or this truncation, are too large.")
        return samples

    def check_latents(self) -> None:
        """Raises BadBundle unless the latents here and now are those that were drawn at export."""
        test, name = self.manifest.self_test, self.manifest.name
        if not all(-(2**63) <= seed < 2**63 for seed in test.seeds):
            raise BadBundle(f"The self-test of {name} has a seed that is no int64. Export it again.")
        if sha256_of(self.latents(test.seeds)) != test.latents_sha256:
            raise BadBundle(
                f"{LATENTS} of {name} draws other latents here than where it was exported, so its pictures would be "
                f"others too; onnxruntime {ort.__version__} computes its integers wrongly, or the file is another's."
            )


def sha256_of(latents: "Float32[np.ndarray, 'batch latent']") -> str:
    """The hash of a manifest's self-test: of float32 latents, row by row, little-endian."""
    return hashlib.sha256(latents.astype("<f4").tobytes()).hexdigest()


def in_parts(
    session: ort.InferenceSession, output: str, inputs: dict[str, np.ndarray], kind: tuple[tuple[int, ...], type]
) -> np.ndarray:
    """The graph's output, in parts of the batch, so that memory stays bounded; `kind` is shape and type of a row."""
    shape, dtype = kind
    count = max((len(values) for values in inputs.values() if values.ndim), default=0)
    chunk = max(1, min(MOST_AT_ONCE, NUMBERS_AT_ONCE // max(1, int(np.prod(shape)))))
    result: np.ndarray = np.empty((count, *shape), dtype)
    for start in range(0, count, chunk):
        rows = slice(start, start + chunk)
        part = {name: values[rows] if values.ndim else values for name, values in inputs.items()}
        result[rows] = run_once(session, output, part, min(chunk, count - start))
    return result


def run_once(session: ort.InferenceSession, output: str, inputs: dict[str, np.ndarray], count: int) -> np.ndarray:
    """Raises GanzooError where onnxruntime fails, e.g. for want of memory, and where samples are lost on the way."""
    try:
        result: np.ndarray = session.run([output], inputs)[0]
    except Exception as error:  # onnxruntime's exceptions share no base
        raise GanzooError(f"The graph failed on a batch of {count}: {first_line(error)}.") from error
    if len(result) != count:  # a batch that was frozen at export; numpy would repeat a single sample
        raise BadBundle(f"A graph made {len(result)} {output} of a batch of {count}. Export it again.")
    return result
