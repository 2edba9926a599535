"""Whether a bundle is whole, and its graphs are those that its manifest describes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.core.errors import BadBundle
from ganzoo.core.files import sha256
from ganzoo.core.manifest import GENERATOR, LATENTS, Manifest
from ganzoo.core.specs import SampleSpec
from ganzoo.sampling.runtime import ort

Ports = Mapping[str, Sequence[Any]]  # name → sizes: a number where the graph fixes it


def check_files(folder: Path, files: dict[str, str]) -> None:
    """Raises BadBundle unless every file that the manifest names is there, and is what was exported."""
    for name in (LATENTS, GENERATOR):
        if name not in files:
            raise BadBundle(f"The manifest of {folder} does not name {name}; export it again.")
    for name, digest in files.items():
        path = folder / name
        # A manifest may come from anyone, and has no business elsewhere.
        if Path(name).name != name or not name.isprintable():
            raise BadBundle(f"The manifest of {folder} names {name!r}, outside of the bundle; do not use it.")
        try:
            found = sha256(path)
        except OSError as error:
            raise BadBundle(f"Cannot read {path}: {error.strerror}. Copy or export the bundle again.") from error
        if found != digest:
            raise BadBundle(f"{path} is not the file that was exported: its SHA-256 differs. Export it again.")


def check_latents_graph(session: ort.InferenceSession, manifest: Manifest) -> None:
    """Raises BadBundle where it is not seed [N] → latents [N, Z]."""
    size = manifest.latent_size
    check_ports(session, {"seed": ()}, "latents", (size,), f"{LATENTS} of {manifest.name}")


def check_generator_graph(session: ort.InferenceSession, manifest: Manifest) -> str:
    """The name of the output to ask for. Raises BadBundle where the graph is not what the manifest describes."""
    name, (shape, _) = output_name(manifest.sample), output_of(manifest)
    inputs: dict[str, tuple[int, ...] | None] = {"latents": (manifest.latent_size,)}
    if manifest.conditional:
        inputs["label"] = ()
    if manifest.truncation == "input":
        inputs["truncation"] = None
    check_ports(session, inputs, name, shape, f"{GENERATOR} of {manifest.name}")
    return name


def check_ports(
    session: ort.InferenceSession,
    inputs: Mapping[str, tuple[int, ...] | None],
    output: str,
    shape: tuple[int, ...],
    whose: str,
) -> None:
    """Inputs as sizes after the batch, None for one without a batch; raises BadBundle where the graph has others."""
    taken = {port.name: port.shape for port in session.get_inputs()}
    given = {port.name: port.shape for port in session.get_outputs()}
    right = taken.keys() == inputs.keys() and all(agree(taken[name], inputs[name]) for name in inputs)
    if not right or not agree(given.get(output, ()), shape):
        expected = " and ".join(f"{name} {written(sizes)}" for name, sizes in inputs.items())
        raise BadBundle(
            f"{whose} should take {expected} and give {output} {written(shape)}, but takes {taken} and gives {given}. "
            "Export it again."
        )


def written(sizes: tuple[int, ...] | None) -> str:
    return "[]" if sizes is None else f"[{', '.join(map(str, ('N', *sizes)))}]"


def agree(found: Sequence[Any], expected: tuple[int, ...] | None) -> bool:
    """Whether all sizes that the graph fixes are as they should be, and the first is N."""
    if expected is None:
        return not found
    if len(found) != 1 + len(expected) or isinstance(found[0], int):
        return False
    return all(not isinstance(a, int) or a == b for a, b in zip(found[1:], expected, strict=True))


def output_name(sample: SampleSpec) -> str:
    """What a generator's graph gives to people."""
    return "images" if sample.is_picture else "samples"


def output_of(manifest: Manifest) -> tuple[tuple[int, ...], Any]:
    """Shape and type of one sample as a sampler returns it."""
    shape = manifest.sample.shape
    if not manifest.sample.is_picture:
        return shape, np.float32
    channels, height, width = shape
    return (height, width, channels), np.uint8
