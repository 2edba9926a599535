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
def export(run: Path | None, onnx: bool, name: str | None, out: Path, force: bool) -> None:
    """Export RUN, by default the newest in ./runs, to a folder that an app with only onnxruntime can use.

    The bundle is compared with torch before it is written; where the two differ, nothing is written.

    \b
      ganzoo export --onnx
      ganzoo export --onnx runs/vanilla-mlp-001 --name digits
    """
    from ganzoo.core.errors import UsageError
    from ganzoo.core.manifest import read_manifest
    from ganzoo.core.run_folder import RunFolder, newest_run

    if not onnx:
        raise UsageError("Say which format: `ganzoo export --onnx`.")

    folder = RunFolder(run) if run else newest_run(Path("runs"))
    click.echo(f"Exporting {folder.path}…")

    from ganzoo.export.bundle import export as export_run

    bundle = export_run(folder, out, name, force=force)
    manifest = read_manifest(bundle)
    size = sum(file.stat().st_size for file in bundle.iterdir())
    click.echo(
        f"Wrote {bundle} ({size / 1e6:.1f} MB) from step {manifest.training.step:,}. onnxruntime agrees with torch to "
        f"{manifest.parity.max_difference:.1g}.\nNext: ganzoo sample {bundle}"
    )
