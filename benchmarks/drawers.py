"""Who draws in `benchmarks.sampling`: one bundle in onnxruntime, and the same generator in torch.

N = batch, (C, H, W) = shape of a picture, D = numbers in a point.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo import Sampler
from ganzoo.core.manifest import GENERATOR, LATENTS
from ganzoo.sampling.providers import open_session


class Contest:
    """All that draw from one generator, each with this many threads."""

    def __init__(self, bundle: Path, generator: nn.Module, threads: int) -> None:
        self.generator = generator
        self.threads = threads
        self.sampler = Sampler(bundle, "cpu")
        self.sampler.seeder = open_session(bundle / LATENTS, "cpu", threads)
        self.sampler.session = open_session(bundle / GENERATOR, "cpu", threads)

    @contextmanager
    def settled(self) -> Iterator[None]:
        """While this lasts: torch in inference mode, on so many threads."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            with torch.inference_mode():
                yield
        finally:
            torch.set_num_threads(before)

    def contenders(self, batch: int, *, compiled: bool = False) -> dict[str, Callable[[], object]]:
        """By name, what draws a batch for the seeds 0, 1, …: uint8 [N, H, W, C] or float32 [N, D].

        All but `seeds` have the latents already.
        """
        sampler, seeds = self.sampler, np.arange(batch)
        labels = sampler.labels(seeds, None)
        inputs = {"latents": sampler.latents(seeds)} | ({} if labels is None else {"label": labels})
        if sampler.manifest.truncation == "input":
            inputs["truncation"] = np.array(1, np.float32)
        tensors = {name: torch.from_numpy(values) for name, values in inputs.items()}
        optional = [tensors["truncation"]] if "truncation" in tensors else []
        draw = partial(drawn, self.generator)
        given = (tensors["latents"], tensors.get("label"), *optional)
        found: dict[str, Callable[[], object]] = {
            "torch": partial(draw, *given),
            "onnxruntime": lambda: sampler.session.run([sampler.output], inputs)[0],
            "seeds": partial(sampler.sample, batch),
        }
        if compiled:
            torch.compiler.reset()
            found["compiled"] = partial(torch.compile(draw, dynamic=False), *given)
        return found


def drawn(generator: nn.Module, *inputs: Tensor | None) -> Tensor:
    """What a bundle's graph gives for these: pictures uint8 [N, H, W, C], or points float32 [N, D]."""
    samples: Tensor = generator(*inputs)
    if samples.ndim == 2:
        return samples
    levels = (samples * 127.5).add_(128).clamp_(0, 255)  # the cast rounds down
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()
