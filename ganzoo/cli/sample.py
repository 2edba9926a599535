"""`ganzoo sample`: draw from an exported model. Needs no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganzoo.sampling.providers import Device


@click.command()
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option(
    "-n", "--count", type=click.IntRange(min=1), default=64, show_default=True, help="How many samples to draw."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Sample i uses seed + i.")
@click.option("--label", help="Of models that draw by label: the class's number or name; without it they take turns.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("samples.png"),
    show_default=True,
    help="A picture (.png, .jpg, .webp), or .npy for the numbers.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="What to draw on; auto is a GPU where there is one.",
)
def sample(bundle: Path | None, count: int, seed: int, label: str | None, output: Path, device: "Device") -> None:
    """Draw samples from BUNDLE, by default the newest in ./exported_models.

    The same seed gives the same sample, whatever else is drawn with it.

    \b
      ganzoo sample exported_models/vanilla-mlp
      ganzoo sample exported_models/vanilla-mlp -n 1000 --seed 7 -o samples.npy
      ganzoo sample exported_models/cgan --label 3
    """
    from ganzoo.core.errors import UsageError
    from ganzoo.core.manifest import newest_bundle
    from ganzoo.sampling.grid import save_grid
    from ganzoo.sampling.sampler import Sampler

    path = bundle or newest_bundle(Path("exported_models"))
    sampler = Sampler(path, device=device)
    try:
        samples = sampler.sample(count, seed, label)
    except MemoryError as error:
        raise UsageError(
            f"{count} samples do not fit into memory; draw them in parts, each from its --seed."
        ) from error
    save_grid(samples, output)
    click.echo(f"Drew {count} samples from {path} on {sampler.provider}, seeds {seed} to {seed + count - 1}: {output}")
