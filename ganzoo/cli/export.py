"""`ganzoo export`: a run becomes a bundle."""

from pathlib import Path

import click


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--onnx", is_flag=True, help="Write ONNX, the format that there is.")
@click.option("--name", help="The bundle's name.  [default: the run's]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("exported_models"),
    show_default=True,
    help="Where the bundle's folder is made.",
)
@click.option("--force", is_flag=True, help="Replace a bundle of that name.")
@click.option(
    "--checkpoint", metavar="last|best|STEP", default="last", show_default=True, help="Which of the run's weights."
)
@click.option("--raw", is_flag=True, help="The generator's own weights, not their moving average.")
@click.option("--fp16", is_flag=True, help="Store weights as float16: half the size; all is computed in float32.")
@click.option("--single-file", is_flag=True, help="Add single.onnx, from seeds to samples in one file.")
@click.option("--head", metavar="uint8-rgb", help="Add uint8-rgb.onnx, to bytes [N, 3, H, W] for scores.")
@click.option("--opset", type=int, default=18, show_default=True, help="Of the graphs; 18 runs on onnxruntime 1.15.")
def export(
    run: Path | None,
    onnx: bool,
    name: str | None,
    out: Path,
    force: bool,
    checkpoint: str,
    raw: bool,
    fp16: bool,
    single_file: bool,
    head: str | None,
    opset: int,
) -> None:
    """Export RUN, by default the newest in ./runs, to a folder that an app with only onnxruntime can use.

    The bundle is compared with torch before it is written; where the two differ, nothing is written.

    \b
      ganzoo export --onnx
      ganzoo export --onnx runs/vanilla-mlp-001 --name digits
      ganzoo export --onnx --fp16 --single-file --checkpoint 4000
    """
    import ganzoo
    from ganzoo.core.errors import UsageError
    from ganzoo.core.run_folder import RunFolder, newest_run

    if not onnx:
        raise UsageError("Say which format: `ganzoo export --onnx`.")

    folder = RunFolder(run) if run else newest_run(Path("runs"))
    click.echo(f"Exporting {folder.path}…")
    bundle = ganzoo.export(
        folder,
        out=out,
        name=name,
        force=force,
        checkpoint=checkpoint,
        raw=raw,
        fp16=fp16,
        single_file=single_file,
        head=head,
        opset=opset,
    )
    tell(bundle)


def tell(bundle: Path) -> None:
    """What was compared, what was written, and what to do next."""
    from shlex import quote

    from ganzoo.cli.checks import show_checks
    from ganzoo.core.manifest import read_manifest

    manifest = read_manifest(bundle)
    show_checks(manifest.parity.checks)
    size = sum(file.stat().st_size for file in bundle.iterdir())
    weights = "moving average" if manifest.training.weights == "ema" else "generator's own weights"
    click.echo(
        f"Wrote {bundle} ({size / 1e6:.1f} MB) from step {manifest.training.step:,}: {weights}, stored as "
        f"{manifest.stored_as}.\nNext: ganzoo sample {quote(str(bundle))}"
    )
