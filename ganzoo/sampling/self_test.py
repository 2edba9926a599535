"""A bundle's self-test: what its exporter drew, and whether the machine at hand draws the same."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.core.errors import BadBundle
from ganzoo.core.manifest import GENERATOR, RGB, SINGLE, Check, Manifest, SelfTest
from ganzoo.core.specs import SampleSpec
from ganzoo.sampling.integrity import output_name, output_of
from ganzoo.sampling.providers import Device, open_session
from ganzoo.sampling.runtime import ort
from ganzoo.sampling.sampler import Sampler, run_once, sha256_of

SEEDS = (0, 1, 2, 3, -1, 2**63 - 1)
LARGEST_SIDE = 32  # pixels of a picture that are kept, across and down
GREY_LEVELS = 1.0
OF_POINTS = 1e-4  # of the largest number, that another machine may be off by


def expected_of(sample: SampleSpec, latents: np.ndarray, samples: np.ndarray) -> SelfTest:
    """The self-test that these latents and samples of `SEEDS` make."""
    picture = sample.is_picture
    stride = -(-max(sample.shape[1:]) // LARGEST_SIDE) if picture else 1
    kept = samples[:, ::stride, ::stride] if picture else samples.astype("<f4")
    return SelfTest(
        seeds=SEEDS,
        latents_sha256=sha256_of(latents),
        stride=stride,
        samples=b64encode(np.ascontiguousarray(kept).tobytes()).decode("ascii"),
        tolerance=GREY_LEVELS if picture else OF_POINTS * max(1.0, float(np.abs(samples).max())),
    )


def kept_samples(manifest: Manifest) -> np.ndarray:
    """What the self-test holds, uint8 [seeds, H, W, C] or float32 [seeds, D]. Raises BadBundle where it is damaged."""
    test, (shape, kind) = manifest.self_test, output_of(manifest)
    if len(shape) == 3:
        shape = (-(-shape[0] // test.stride), -(-shape[1] // test.stride), shape[2])
    try:
        data = b64decode(test.samples, validate=True)
        found = np.frombuffer(data, np.dtype(kind).newbyteorder("<"))
        return found.reshape(len(test.seeds), *shape)
    except (NotBase64, ValueError) as error:
        raise BadBundle(f"The self-test of {manifest.name} is damaged: {error}. Export it again.") from error


def run_self_test(folder: Path, device: Device = "auto") -> tuple[Sampler, list[Check]]:
    """Open the bundle, draw its self-test, and say how far off it is; the latents' bits are checked by the opening.

    Raises BadBundle where the bundle is damaged, or its latents are other ones here; see also `open_session`.
    """
    sampler = Sampler(folder, device)
    manifest = sampler.manifest
    test, stride = manifest.self_test, manifest.self_test.stride
    drawn = drawn_for(sampler, test.seeds)
    alone = np.concatenate([drawn_for(sampler, (seed,)) for seed in test.seeds])
    unit = "grey levels" if manifest.sample.is_picture else "the points' unit"
    allowed = min(test.tolerance, GREY_LEVELS) if manifest.sample.is_picture else test.tolerance
    kept = drawn[:, ::stride, ::stride] if manifest.sample.is_picture else drawn

    def check(what: str, found: np.ndarray, expected: np.ndarray) -> Check:
        return Check(what=what, largest=off(found, expected), allowed=allowed, unit=unit)

    checks = [
        Check(what="latents, here and at export", largest=0.0, allowed=0.0, unit="bits"),
        check("samples, here and at export", kept, kept_samples(manifest)),
        check("samples, alone and in a batch", alone, drawn),
    ]
    if SINGLE in manifest.files:
        checks.append(check(f"{SINGLE} and {GENERATOR}", single(folder, sampler, device), drawn))
    if RGB in manifest.files:
        checks.append(check(f"{RGB} and {GENERATOR}", rgb(folder, sampler, device), drawn))
    return sampler, checks


def drawn_for(sampler: Sampler, seeds: tuple[int, ...]) -> np.ndarray:
    numbers = np.array(seeds, np.int64)
    return sampler.generate(sampler.latents(numbers), sampler.labels(numbers, None))


def single(folder: Path, sampler: Sampler, device: Device) -> np.ndarray:
    """What the single file draws for the self-test's seeds."""
    seeds = np.array(sampler.manifest.self_test.seeds, np.int64)
    session = open_session(folder / SINGLE, device)
    return drawn_by(session, sampler, {"seed": seeds}, output_name(sampler.manifest.sample))


def rgb(folder: Path, sampler: Sampler, device: Device) -> np.ndarray:
    """What the head of RGB pictures draws, channels last again, and as many of them as the samples have."""
    latents = sampler.latents(sampler.manifest.self_test.seeds)
    pictures = drawn_by(open_session(folder / RGB, device), sampler, {"latents": latents}, "images")
    return pictures.transpose(0, 2, 3, 1)[..., : sampler.manifest.sample.shape[0]]


def drawn_by(session: ort.InferenceSession, sampler: Sampler, inputs: dict[str, Any], output: str) -> np.ndarray:
    """One more file of the bundle, with the labels and the truncation of the self-test."""
    seeds = np.array(sampler.manifest.self_test.seeds, np.int64)
    labels = sampler.labels(seeds, None)
    more = {"label": labels, "truncation": np.array(1, np.float32)}
    names = {port.name for port in session.get_inputs()}
    given = inputs | {name: value for name, value in more.items() if name in names and value is not None}
    return run_once(session, output, given, len(seeds))


def off(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference; infinite where the shapes differ."""
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found.astype(np.float64) - expected).max())
