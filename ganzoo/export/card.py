"""The model card: what a bundle's README.md says."""

from ganzoo.core.manifest import Manifest

CARD = """# {name}

![Samples of seeds 0 to 63, in order](preview.png)

A generative adversarial network trained by ganzoo: recipe `{recipe}` on `{dataset}`, seed {seed}, {step:,} updates.
The picture above shows {shown}: drawn in order, none left out.

| | |
|---|---|
| input | `latents` float32 [N, {latent_size}], prior `{prior}` |
| output | {outputs} |
| data | {dataset}, {samples:,} samples, {source}, licence {licence} |
| weights | {weights} |
| onnxruntime against torch | at most {difference:.1e} off, batch sizes {batch_sizes} |

## Draw from it

On the command line, with ganzoo: `ganzoo sample {name} -n 64 --seed 0 -o grid.png`.

With onnxruntime and numpy alone:

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("generator.onnx")
latents = np.random.default_rng(0).{draw}.astype(np.float32)
samples = session.run(["{output}"], {{"latents": latents}})[0]
```
{note}
`manifest.json` says the rest, and holds the files' SHA-256.
"""

DRAWS = {
    "normal": "standard_normal((16, {size}))",
    "uniform": "uniform(-{bound}, {bound}, (16, {size}))",
}

NOTE = """
This draws from the same prior, but not the latents of ganzoo's seeds: those come from `ganzoo.Sampler`.
"""

OTHER = """
The prior `{prior}` has a form of its own, so this line is a stand-in: `ganzoo.Sampler` draws from the real one.
"""


def model_card(manifest: Manifest) -> str:
    """Markdown, with code that runs as it stands in the bundle's folder."""
    picture = manifest.sample.is_picture
    shape = ", ".join(map(str, manifest.sample.shape))
    outputs = f"`samples` float32 [N, {shape}]"
    if picture:
        channels, height, width = manifest.sample.shape
        outputs = f"`images` uint8 [N, {height}, {width}, {channels}]; {outputs} in [-1, 1]"
    prior = manifest.latents
    draw = DRAWS.get(prior.name, DRAWS["normal"]).format(
        size=manifest.latent_size, **{"bound": prior.options.get("bound")}
    )
    return CARD.format(
        name=manifest.name,
        recipe=manifest.recipe,
        dataset=manifest.dataset.name,
        step=manifest.training.step,
        seed=manifest.training.seed,
        shown="seeds 0 to 63" if picture else "2,000 points of seeds 0, 1, 2…",
        latent_size=manifest.latent_size,
        prior=prior.name,
        outputs=outputs,
        samples=manifest.dataset.samples,
        source=manifest.dataset.source,
        licence=manifest.dataset.licence,
        weights="moving average of the generator" if manifest.training.weights == "ema" else "the generator's own",
        difference=manifest.parity.max_difference,
        batch_sizes=", ".join(map(str, manifest.parity.batch_sizes)),
        draw=draw,
        output="images" if picture else "samples",
        note=NOTE if prior.name in DRAWS else OTHER.format(prior=prior.name),
    )
