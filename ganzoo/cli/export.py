"""`ganzoo export`: a run becomes a bundle; runs and bundles become a site, or a model repository for Triton."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

BUNDLES, REPOSITORIES = Path("exported_models"), Path("triton_models")
PLACE = click.Path(path_type=Path)


@click.command()
@click.argument("sources", metavar="[SOURCE]...", nargs=-1, type=PLACE)
@click.option("--onnx", is_flag=True, help="Write ONNX, for apps.")
@click.option("--web", metavar="DIR", type=PLACE, help="Write a static site that draws in the visitor's browser.")
@click.option("--ort-web", type=PLACE, help="With --web: onnxruntime-web as npm installs it.  [default: from a CDN]")
@click.option(
    "--layout",
    type=click.Choice(["bundle", "triton"]),
    default="bundle",
    show_default=True,
    help="Of --onnx: a bundle, or a model repository for NVIDIA Triton.",
)
@click.option("--name", help="The model's name.  [default: the run's]")
@click.option(
    "--out", type=PLACE, help=f"Where --onnx makes a folder.  [default: {BUNDLES}; {REPOSITORIES} for triton]"
)
@click.option("--force", is_flag=True, help="Replace what was exported to the same place.")
@click.option(
    "--checkpoint", metavar="last|best|STEP", default="last", show_default=True, help="Which of the run's weights."
)
@click.option("--raw", is_flag=True, help="The generator's own weights, not their moving average.")
@click.option("--fp16", is_flag=True, help="Store weights as float16: half the size; all is computed in float32.")
@click.option("--single-file", is_flag=True, help="Add single.onnx, from seeds to samples in one file.")
@click.option("--head", metavar="uint8-rgb", help="Add uint8-rgb.onnx, to bytes [N, 3, H, W] for scores.")
@click.option("--opset", type=int, default=18, show_default=True, help="Of the graphs; 18 runs on onnxruntime 1.15.")
def export(
    sources: tuple[Path, ...],
    onnx: bool,
    web: Path | None,
    ort_web: Path | None,
    layout: str,
    out: Path | None,
    force: bool,
    name: str | None,
    checkpoint: str,
    raw: bool,
    fp16: bool,
    single_file: bool,
    head: str | None,
    opset: int,
) -> None:
    """Export runs, by default the newest in ./runs, to a folder that an app with only onnxruntime can use.

    The bundle is compared with torch before it is written; where the two differ, nothing is written. For a site, and
    for Triton, a SOURCE may also be a bundle, which is taken as it is.

    \b
      ganzoo export --onnx
      ganzoo export --onnx runs/vanilla-mlp-001 --name digits
      ganzoo export --onnx --fp16 --single-file --checkpoint 4000
      ganzoo export --web site exported_models/acgan exported_models/vanilla-mlp
      ganzoo export --onnx --layout triton exported_models/acgan
    """
    triton = layout == "triton"
    check_wishes(len(sources), onnx=onnx, web=web, ort_web=ort_web, triton=triton, out=out, name=name)
    check_site(web, ort_web, force)
    keep = out or BUNDLES if onnx and not triton else None
    wishes = {"checkpoint": checkpoint, "raw": raw, "fp16": fp16, "single_file": single_file, "head": head}
    with bundles_of(sources, keep, force, {"name": name, "opset": opset, **wishes}) as bundles:
        if triton:
            export_repository(bundles[0], out or REPOSITORIES, force)
        if web is not None:
            export_site(bundles, web, ort_web, force)


def check_wishes(
    count: int, *, onnx: bool, web: Path | None, ort_web: Path | None, triton: bool, out: Path | None, name: str | None
) -> None:
    """Raise UsageError for options that do not go together."""
    from ganzoo.core.errors import UsageError

    if not onnx and web is None:
        raise UsageError("Say which format: `ganzoo export --onnx`, or `ganzoo export --web DIR` for a site.")
    if count > 1 and (onnx or name is not None):
        raise UsageError("Several at once go into a site, each under its own name: leave out --onnx and --name.")
    if not onnx and (triton or out is not None):
        raise UsageError("--layout and --out are for --onnx; add it, or leave them out.")
    if ort_web is not None and web is None:
        raise UsageError("--ort-web is for --web DIR; add it, or leave it out.")


def check_site(web: Path | None, ort_web: Path | None, force: bool) -> None:
    """What would stop a site after all of its models were exported stops it now."""
    if web is not None:
        from ganzoo.serving.site import check_target

        check_target(web, ort_web, force)


@contextmanager
def bundles_of(
    sources: Sequence[Path], keep: Path | None, force: bool, of_runs: Mapping[str, Any]
) -> Iterator[list[Path]]:
    """Bundles as they are, and those of runs, which are exported to `keep`, or for as long as they are needed.

    Raises UsageError where something is asked of a bundle that only the export of a run can do.
    """
    from tempfile import TemporaryDirectory

    from ganzoo.core.run_folder import newest_run

    places = sources or (newest_run(Path("runs")).path,)
    with TemporaryDirectory(prefix="ganzoo-") as passing:
        bundles = []
        for number, source in enumerate(places):
            if keep is None and (source / "manifest.json").is_file():
                check_untouched(source, of_runs)
                bundles.append(source)
            elif keep is None:
                bundles.append(export_run(source, Path(passing) / str(number), False, of_runs))
            else:
                bundles.append(export_run(source, keep, force, of_runs))
                tell_bundle(bundles[-1])
        yield bundles


def check_untouched(bundle: Path, of_runs: Iterable[str]) -> None:
    """Raise UsageError where one of these options was given."""
    from click.core import ParameterSource

    from ganzoo.core.errors import UsageError

    context = click.get_current_context()
    given = [name for name in of_runs if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if given:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{bundle} is a bundle, which is taken as it is; leave out {words}, or name a run.")


def export_run(run: Path, out: Path, force: bool, of_runs: Mapping[str, Any]) -> Path:
    """The run's bundle; also shows what was compared."""
    import ganzoo
    from ganzoo.cli.checks import show_checks
    from ganzoo.core.manifest import read_manifest

    click.echo(f"Exporting {run}…")
    bundle = ganzoo.export(run, out=out, force=force, **of_runs)
    show_checks(read_manifest(bundle).parity.checks)
    return bundle


def export_repository(bundle: Path, out: Path, force: bool) -> None:
    from shlex import quote

    from ganzoo.export.triton import write_repository

    target = write_repository(bundle, out, force=force)
    click.echo(
        f"Wrote {target} ({megabytes(target)}), a model repository for Triton, whose model {target.name} "
        f"draws.\nNext: tritonserver --model-repository={quote(str(target.absolute()))}"
    )


def export_site(bundles: Sequence[Path], target: Path, ort_web: Path | None, force: bool) -> None:
    from shlex import quote

    from ganzoo.serving.site import write_site

    write_site(target, bundles, ort_web, force=force)
    models = "1 model" if len(bundles) == 1 else f"{len(bundles)} models"
    click.echo(
        f"Wrote {target} ({megabytes(target)}), a site of {models} for any host of files.\n"
        f"Next: python -m http.server --directory {quote(str(target))}"
    )


def tell_bundle(bundle: Path) -> None:
    """What was written, and what to do next."""
    from shlex import quote

    from ganzoo.core.manifest import read_manifest

    manifest = read_manifest(bundle)
    weights = "moving average" if manifest.training.weights == "ema" else "generator's own weights"
    click.echo(
        f"Wrote {bundle} ({megabytes(bundle)}) from step {manifest.training.step:,}: {weights}, stored as "
        f"{manifest.stored_as}.\nNext: ganzoo sample {quote(str(bundle))}"
    )


def megabytes(folder: Path) -> str:
    return f"{sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6:.1f} MB"
