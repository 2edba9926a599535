"""`ganzoo sample`: draw from an exported model. Needs no torch."""

from pathlib import Path

import click

from ganzoo.cli.options import drawing_device


@click.command()
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option(
    "-n", "--count", type=click.IntRange(min=1), default=64, show_default=True, help="How many samples to draw."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Sample i uses seed + i.")
@click.option("--label", help="Of models that draw by label: the class's number or name; without it they take turns.")
@click.option(
    "--truncation",
    type=float,
    default=1.0,
    show_default=True,
    help="Below 1: nearer to the mean, with less variety and fewer failures.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("samples.png"),
    show_default=True,
    help="A picture (.png, .jpg, .webp), or .npy for the numbers.",
)
@drawing_device
def sample(
    bundle: Path | None, count: int, seed: int, label: str | None, truncation: float, output: Path, device: str
) -> None:
    """Draw samples from BUNDLE, by default the newest in ./exported_models.

    The same seed gives the same sample, whatever else is drawn with it. BUNDLE may also be an .onnx file of anyone's
    that makes pictures or points of normal latents [N, Z].

    \b
      ganzoo sample exported_models/vanilla-mlp
      ganzoo sample exported_models/vanilla-mlp -n 1000 --seed 7 -o samples.npy
      ganzoo sample exported_models/projection-gan --label 3 --truncation 0.7
      ganzoo sample somebody-elses.onnx
    """
    from ganzoo.core.errors import UsageError
    from ganzoo.core.manifest import newest_bundle
    from ganzoo.sampling.foreign import ForeignSampler
    from ganzoo.sampling.grid import checked_suffix, save_grid
    from ganzoo.sampling.sampler import Sampler

    checked_suffix(output)
    path = bundle or newest_bundle(Path("exported_models"))
    foreign = path.suffix == ".onnx" and path.is_file()
    sampler = ForeignSampler(path, device) if foreign else Sampler(path, device)
    try:
        samples = sampler.sample(count, seed, label, truncation)
    except MemoryError as error:
        raise UsageError(
            f"{count} samples do not fit into memory; draw them in parts, each from its --seed."
        ) from error
    save_grid(samples, output)
    guessed = " Its latents are taken to be standard normals." if foreign else ""
    click.echo(
        f"Drew {count} samples from {path} on {sampler.provider}, seeds {seed} to {seed + count - 1}: {output}{guessed}"
    )
