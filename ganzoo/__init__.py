"""A zoo of generative adversarial networks behind one trainer.

    import ganzoo

    run = ganzoo.train("vanilla-mlp", steps=2000)
    bundle = ganzoo.export(run)
    pictures = ganzoo.Sampler(bundle).sample(16, seed=0)  # uint8 [16, 8, 8, 1]

Importing ganzoo stays light: torch is imported when a run starts, onnxruntime when a sampler opens.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ganzoo.export  # noqa: F401 - an empty package; loaded later, it would take the place of the function `export`

if TYPE_CHECKING:
    from ganzoo.core.run_folder import RunFolder
    from ganzoo.sampling.sampler import Sampler

__all__ = ["Sampler", "export", "resume", "train"]


def train(
    recipe: str,
    *,
    settings: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    out: str | Path = "runs",
    device: str = "auto",
    loggers: Iterable[str] = (),
    start_from: str | Path | None = None,
    quiet: bool = False,
    **top: Any,
) -> "RunFolder":
    """Train a recipe by name, or your own TOML file by its path; returns the run's folder.

    `loggers` are names such as "tensorboard"; `start_from` is a run, a checkpoint or a bundle to take weights from.
    `top` are top-level settings (`steps=2000, seed=1, dataset="mnist"`), `settings` are any by their dotted keys
    (`{"generator.width": 32}`). Raises ganzoo.api.GanzooError with a sentence that says what to do.
    """
    from ganzoo import session
    from ganzoo.training.display import Display

    changes = [(key.split("."), value) for key, value in {**top, **(settings or {})}.items()]
    own = Path(data) if data is not None else None
    origin = Path(start_from) if start_from is not None else None
    return session.start(recipe, changes, own, Path(out), device, Display(quiet=quiet), loggers, origin)


def resume(
    run: "RunFolder | str | Path",
    *,
    data: str | Path | None = None,
    device: str = "auto",
    loggers: Iterable[str] = (),
    quiet: bool = False,
    **settings: Any,
) -> "RunFolder":
    """Go on with a run as if it had never stopped.

    `data` is where your own folder or file lies now, if it was moved. `settings` may be those that do not change the
    run's algorithm: `steps`, `epochs` or `minutes` give it another length.
    """
    from ganzoo import session
    from ganzoo.training.display import Display

    changes, own = [([key], value) for key, value in settings.items()], Path(data) if data is not None else None
    return session.resume(_folder(run), changes, device, Display(quiet=quiet), loggers, own)


def export(
    run: "RunFolder | str | Path",
    *,
    out: str | Path = "exported_models",
    name: str | None = None,
    force: bool = False,
    checkpoint: str | int = "last",
    raw: bool = False,
    fp16: bool = False,
    single_file: bool = False,
    head: str | None = None,
    opset: int = 18,
) -> Path:
    """Export a run to ONNX; returns the bundle's folder. Raises ganzoo.api.GanzooError where torch disagrees.

    `checkpoint` is "last", "best" or a step; `raw` takes the generator's own weights instead of their moving average;
    `fp16` halves the files; `single_file` adds one from seeds to samples, and `head="uint8-rgb"` one of RGB pictures.
    """
    from ganzoo.export.bundle import export as export_run
    from ganzoo.export.graphs import Wishes

    wishes = Wishes(half=fp16, single_file=single_file, head=head, opset=opset)
    return export_run(_folder(run), Path(out), name, force=force, checkpoint=str(checkpoint), raw=raw, wishes=wishes)


def __getattr__(name: str) -> Any:
    if name == "Sampler":
        from ganzoo.sampling.sampler import Sampler

        return Sampler
    raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")


def _folder(run: "RunFolder | str | Path") -> "RunFolder":
    from ganzoo.core.run_folder import RunFolder

    return run if isinstance(run, RunFolder) else RunFolder(Path(run))
