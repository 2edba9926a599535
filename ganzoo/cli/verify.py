"""`ganzoo verify`: does a bundle draw here what it drew where it was made? Needs no torch."""

from pathlib import Path

import click

from ganzoo.cli.options import drawing_device


@click.command()
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@drawing_device
def verify(bundle: Path | None, device: str) -> None:
    """Run the self-test of BUNDLE, by default the newest in ./exported_models, on this machine.

    Its files must be those that were exported, its seeds must give the same latents to the last bit, and its samples
    be those that its exporter drew, pictures to within a grey level. Exits with 1 where they are not.

    \b
      ganzoo verify exported_models/vanilla-mlp
      ganzoo verify exported_models/vanilla-mlp --device cuda
    """
    import platform

    from ganzoo.cli.checks import show_checks
    from ganzoo.core.errors import BadBundle
    from ganzoo.core.manifest import newest_bundle
    from ganzoo.sampling.runtime import ort
    from ganzoo.sampling.self_test import run_self_test

    path = bundle or newest_bundle(Path("exported_models"))
    sampler, checks = run_self_test(path, device)
    show_checks(checks)
    wrong = [check for check in checks if not check.largest <= check.allowed]
    if wrong:
        raise BadBundle(
            f"{path} does not draw here what it drew at export ({', '.join(check.what for check in wrong)}); try "
            "--device cpu, another onnxruntime, or export it again."
        )
    click.echo(
        f"{path} draws what it drew at export: seeds {', '.join(map(str, sampler.manifest.self_test.seeds))} on "
        f"{sampler.provider}, onnxruntime {ort.__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}."
    )
