"""The model card: what a bundle's README.md says."""

from ganzoo.core.manifest import Manifest

CARD = """# {name}

![{shown}](preview.png)

A generative adversarial network trained by ganzoo: recipe `{recipe}` on `{dataset}`, seed {seed}, {step:,} updates.
The picture above shows {shown}, drawn in order, none left out.

| | |
|---|---|
| input | `latents` float32 [N, {latent_size}], prior `{prior}`{options}{label} |
| output | {outputs} |
| data | {dataset}, {samples:,} samples; {source}; licence: {licence} |
| weights | {weights} |
| onnxruntime and torch | differ by {difference:.1e} at most; {tolerance:.0e} is allowed; batches of {batch_sizes} |
| made with | {versions} |

## Draw from it

With ganzoo, in this folder: `ganzoo sample . -n 64 --seed 0 -o grid.png`

{code}
`manifest.json` says the rest, and holds the SHA-256 of `generator.onnx`.
"""

PLAIN = """With onnxruntime and numpy alone, in this folder:

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("generator.onnx")
{draw}
inputs = {{"latents": latents.astype(np.float32){label}}}
samples = session.run(["{output}"], inputs)[0]  # {result}
```

These latents come from the same prior, but are not those of ganzoo's seeds: `ganzoo.Sampler(".").sample(16)` draws
those, and needs no torch.
"""

OWN = """In Python, in this folder; ganzoo draws from the prior `{prior}`, and needs no torch for it:

```python
import ganzoo

samples = ganzoo.Sampler(".").sample(16, seed=0)  # {result}
```

Anything else that runs ONNX works too, and has to draw the latents from that prior by itself.
"""

# What draws 16 latents from a prior, by the prior's name.
DRAWS = {
    "normal": "latents = np.random.default_rng(0).standard_normal((16, {size}))",
    "uniform": "latents = np.random.default_rng(0).uniform(-{bound}, {bound}, (16, {size}))",
    "spherical": "latents = np.random.default_rng(0).standard_normal((16, {size}))\n"
    "latents *= {size}**0.5 / np.linalg.norm(latents, axis=1, keepdims=True)",
}


def model_card(manifest: Manifest) -> str:
    """Markdown, with code that runs as it stands in the bundle's folder."""
    prior, training, parity = manifest.latents, manifest.training, manifest.parity
    return CARD.format(
        name=manifest.name,
        recipe=manifest.recipe,
        dataset=manifest.dataset.name,
        step=training.step,
        seed=training.seed,
        shown=shown(manifest),
        latent_size=manifest.latent_size,
        prior=prior.name,
        options="".join(f", {key} {value}" for key, value in prior.options.items() if key != "size"),
        label=label_input(manifest),
        outputs=outputs(manifest),
        samples=manifest.dataset.samples,
        source=cell(manifest.dataset.source),
        licence=cell(manifest.dataset.licence),
        weights="moving average of the generator's" if training.weights == "ema" else "the generator's own",
        difference=parity.max_difference,
        tolerance=parity.tolerance,
        batch_sizes=", ".join(map(str, parity.batch_sizes)),
        versions=", ".join(f"{package} {version}" for package, version in manifest.versions.items()),
        code=code(manifest),
    )


def shown(manifest: Manifest) -> str:
    """What the preview is."""
    if manifest.sample.is_picture:
        return "the pictures of seeds 0 to 63"
    if manifest.sample.size == 1:
        return "the distribution of seeds 0 to 1,999: each number (right), and the share below it (up)"
    return "the points of seeds 0 to 1,999" + (", two of their coordinates" if manifest.sample.size > 2 else "")


def label_input(manifest: Manifest) -> str:
    """The graph's other input, where it has one; at most ten classes by name."""
    if not manifest.conditional:
        return ""
    names = ", ".join(map(cell, manifest.dataset.classes[:10]))
    more = ", …" if len(manifest.dataset.classes) > 10 else ""
    return f"; `label` int64 [N] in 0…{manifest.sample.num_classes - 1}: {names}{more}"


def outputs(manifest: Manifest) -> str:
    """The graph's outputs, with types and shapes."""
    samples = f"`samples` float32 [N, {sizes(manifest.sample.shape)}]"
    if not manifest.sample.is_picture:
        return samples
    channels, height, width = manifest.sample.shape
    return f"`images` uint8 [N, {sizes((height, width, channels))}]; {samples} in [-1, 1]"


def code(manifest: Manifest) -> str:
    """How to draw 16 samples in Python."""
    prior, picture, result = manifest.latents, manifest.sample.is_picture, result_of(manifest)
    if prior.name not in DRAWS:
        return OWN.format(prior=prior.name, result=result)
    draw = DRAWS[prior.name].format(size=manifest.latent_size, bound=prior.options.get("bound"))
    label = f', "label": np.arange(16) % {manifest.sample.num_classes}' if manifest.conditional else ""
    return PLAIN.format(draw=draw, output="images" if picture else "samples", result=result, label=label)


def result_of(manifest: Manifest) -> str:
    if not manifest.sample.is_picture:
        return f"float32 [16, {sizes(manifest.sample.shape)}]"
    channels, height, width = manifest.sample.shape
    return f"uint8 [16, {sizes((height, width, channels))}]"


def sizes(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def cell(text: str) -> str:
    """Text that cannot end its cell of a table."""
    return text.replace("|", "\\|")
