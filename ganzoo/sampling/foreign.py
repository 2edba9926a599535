"""Draw from a bare `.onnx` file that ganzoo did not make: a generator of one input, latents, and nothing said of it.

N = batch, Z = latent size. Its latents are taken to be standard normals, and float pictures to lie in [-1, 1].
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from ganzoo.core.errors import BadBundle, UsageError
from ganzoo.latents import normals, seed_words
from ganzoo.sampling.inputs import checked_latents, seeds_from
from ganzoo.sampling.pixels import to_uint8
from ganzoo.sampling.providers import Device, open_session
from ganzoo.sampling.runtime import ort
from ganzoo.sampling.sampler import MOST_AT_ONCE, run_once

COLOURS = (1, 3, 4)  # channels that pictures have
DRAWN = "tensor(float)"


class ForeignSampler:
    """A generator that has one input, float32 [N, Z] or [N, Z, 1, 1], and gives pictures or points."""

    def __init__(self, path: Path, device: Device = "auto") -> None:
        """Raises BadBundle where the file is no model, or none that can be drawn from without knowing more of it."""
        self.name = path.name
        self.session = open_session(path, device)
        self.provider: str = self.session.get_providers()[0]
        self.port, self.size, self.batch = latents_port(self.session, self.name)
        self.output: str = self.session.get_outputs()[0].name

    def sample(self, count: int, seed: int = 0, label: int | str | None = None, truncation: float = 1.0) -> np.ndarray:
        """Pictures uint8 [N, H, W, C] or points float32 [N, D] of the seeds `seed`, `seed` + 1, ….

        Raises UsageError for a label, which no such model takes, and as a bundle's sampler does; BadBundle where what
        it draws is neither pictures nor points.
        """
        if label is not None:
            raise UsageError(f"{self.name} does not draw by label; leave the label out.")
        normal = normals(seed_words(seeds_from(seed, count), self.size))
        latents = checked_latents(normal * np.float64(truncation), self.size)
        parts = [self.drawn(part) for part in np.split(latents, self.cuts(count))]
        return as_samples(np.concatenate(parts), self.name)

    def cuts(self, count: int) -> list[int]:
        """Where the latents are cut into batches that the graph takes."""
        step = self.batch or MOST_AT_ONCE
        return list(range(step, count, step))

    def drawn(self, latents: Float32[np.ndarray, "batch latent"]) -> np.ndarray:
        """Of a graph whose batch is frozen, a smaller one is filled up with zeros that are drawn in vain."""
        count = len(latents)
        filled = np.zeros((self.batch or count, self.size), np.float32)
        filled[:count] = latents
        shape = (-1, self.size, *(1,) * (len(self.port.shape) - 2))
        return run_once(self.session, self.output, {self.port.name: filled.reshape(shape)}, len(filled))[:count]


def latents_port(session: ort.InferenceSession, name: str) -> tuple[Any, int, int | None]:
    """The input, its Z, and its batch where that is frozen. Raises BadBundle where it takes anything but latents."""
    if "ganzoo" in session.get_modelmeta().custom_metadata_map:
        raise BadBundle(f"{name} is part of a bundle, which says what its latents are; name the bundle's folder.")
    ports = session.get_inputs()
    if len(ports) != 1 or ports[0].type != DRAWN or not is_plain(ports[0].shape):
        taken = ", ".join(f"{each.name} {each.type.removeprefix('tensor')} {each.shape}" for each in ports)
        raise BadBundle(
            f"{name} takes {taken}; ganzoo draws from files with a single input, float [N, Z] or [N, Z, 1, 1], or from "
            "a bundle's folder, which says what its inputs mean."
        )
    batch, size, *_ = ports[0].shape
    return ports[0], size, batch if isinstance(batch, int) else None


def is_plain(shape: Sequence[Any]) -> bool:
    """Whether it is [N, Z] or [N, Z, 1, 1], N open or at least 1."""
    if len(shape) not in (2, 4) or any(isinstance(size, int) and size < 1 for size in shape):
        return False
    return isinstance(shape[1], int) and all(size == 1 for size in shape[2:])


def as_samples(drawn: np.ndarray, name: str) -> np.ndarray:
    """Pictures channels last in bytes, or points. Raises BadBundle for what is neither."""
    if drawn.dtype == np.uint8 and drawn.ndim == 4:
        last = drawn if drawn.shape[-1] in COLOURS else drawn.transpose(0, 2, 3, 1)
        if last.shape[-1] in COLOURS:
            return np.ascontiguousarray(last)
    if drawn.dtype == np.float32 and drawn.ndim == 4 and drawn.shape[1] in COLOURS:
        return to_uint8(drawn)
    if drawn.dtype == np.float32 and drawn.ndim == 2:
        return drawn
    raise BadBundle(
        f"{name} draws {drawn.dtype} {list(drawn.shape)}; ganzoo shows pictures, float [N, C, H, W] in [-1, 1] or "
        "uint8, of 1, 3 or 4 channels, and points, float [N, D]."
    )
