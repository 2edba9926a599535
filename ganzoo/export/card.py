"""The model card: what a bundle's README.md says."""

import re
from importlib.resources import files
from string import Template

from ganzoo.core.manifest import RGB, SINGLE, Manifest

CHANNELS_OF_PPM = 3  # any other picture is written as a grey one, its channels side by side


def model_card(manifest: Manifest) -> str:
    """Markdown, with code that runs as it stands in the bundle's folder: the lines of `card.md` that apply, filled in.

    A line that begins with `?word` is for bundles with that word in `traits` alone.
    """
    template = files("ganzoo.export").joinpath("card.md").read_text(encoding="utf-8")
    lines = [re.fullmatch(r"(?:\?(\w+) ?)?(.*)", line) for line in template.splitlines()]
    has = traits(manifest)
    kept = [match[2] for match in lines if match and match[1] in {None, *has}]
    return Template("\n".join(kept) + "\n").substitute(facts(manifest))


def traits(manifest: Manifest) -> set[str]:
    """What of the template applies to the model."""
    found = {
        "picture": manifest.sample.is_picture,
        "points": not manifest.sample.is_picture,
        "label": manifest.conditional,
        "truncation": manifest.truncation == "input",
        "scale": manifest.truncation == "scale",
        "single": SINGLE in manifest.files,
        "rgb": RGB in manifest.files,
    }
    return {trait for trait, has in found.items() if has}


def facts(manifest: Manifest) -> dict[str, object]:
    """What the template's words stand for."""
    training, parity, data = manifest.training, manifest.parity, manifest.dataset
    classes = manifest.sample.num_classes or 1
    return picture_facts(manifest) | {
        "name": manifest.name,
        "recipe": manifest.recipe,
        "step": f"{training.step:,}",
        "seed": training.seed,
        "shown": shown(manifest),
        "latent_size": manifest.latent_size,
        "prior": prior(manifest),
        "inputs": inputs(manifest),
        "outputs": outputs(manifest),
        "output": "images" if manifest.sample.is_picture else "samples",
        "classes": classes,
        "last": classes - 1,
        "dataset": data.name,
        "samples": f"{data.samples:,}",
        "source": cell(data.source),
        "licence": cell(data.licence),
        "weights": weights(manifest),
        "difference": f"{parity.max_difference:.1e}",
        "tolerance": f"{parity.tolerance:.0e}",
        "batch_sizes": ", ".join(map(str, parity.batch_sizes)),
        "versions": ", ".join(f"{package} {version}" for package, version in manifest.versions.items()),
    }


def picture_facts(manifest: Manifest) -> dict[str, object]:
    """What comes out, and how a file of it is written in C++."""
    shape = manifest.sample.shape
    if not manifest.sample.is_picture:
        return {"result": f"float32 [16, {sizes(shape)}]", "result_sizes": sizes(shape), "size": manifest.sample.size}
    channels, height, width = shape
    in_colour = channels == CHANNELS_OF_PPM
    result = sizes((height, width, channels))
    return {
        "result": f"uint8 [16, {result}]",
        "result_sizes": result,
        "file": "pictures.ppm" if in_colour else "pictures.pgm",
        "magic": "P6" if in_colour else "P5",
        "columns": width if in_colour else width * channels,
        "row": width * channels,
        "height": height,
        "width": width,
    }


def shown(manifest: Manifest) -> str:
    """What the preview is."""
    if manifest.sample.is_picture:
        return "the pictures of seeds 0 to 63"
    if manifest.sample.size == 1:
        return "the distribution of seeds 0 to 1,999: each number (right), and the share below it (up)"
    return "the points of seeds 0 to 1,999" + (", two of their coordinates" if manifest.sample.size > 2 else "")


def prior(manifest: Manifest) -> str:
    """Where latents come from, e.g. `uniform`, bound 0.25."""
    options = manifest.latents.options.items()
    return f"`{manifest.latents.name}`" + "".join(f", {key} {value}" for key, value in options if key != "size")


def inputs(manifest: Manifest) -> str:
    """What the generator's graph takes; at most ten classes by name."""
    found = f"`latents` float32 [N, {manifest.latent_size}]"
    if manifest.conditional:
        names = ", ".join(map(cell, manifest.dataset.classes[:10]))
        more = ", …" if len(manifest.dataset.classes) > 10 else ""
        found += f"; `label` int64 [N] in 0…{manifest.sample.num_classes - 1}: {names}{more}"
    if manifest.truncation == "input":
        found += "; `truncation` float32 []: 1, or less for samples nearer to the mean"
    return found


def outputs(manifest: Manifest) -> str:
    """What the generator's graph gives, with types and shapes."""
    samples = f"`samples` float32 [N, {sizes(manifest.sample.shape)}]"
    if not manifest.sample.is_picture:
        return samples
    channels, height, width = manifest.sample.shape
    return f"`images` uint8 [N, {sizes((height, width, channels))}]; {samples} in [-1, 1]"


def weights(manifest: Manifest) -> str:
    """Which ones, and how they lie in the files."""
    whose = "moving average of the generator's" if manifest.training.weights == "ema" else "the generator's own"
    return whose + (", stored as float16" if manifest.stored_as == "float16" else "")


def sizes(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def cell(text: str) -> str:
    """Text that cannot end its cell of a table, or the table."""
    return " ".join(text.split()).replace("|", "\\|")
