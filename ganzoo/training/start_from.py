"""A new run that begins with another run's weights."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from torch import Tensor

from ganzoo.catalog import Catalog
from ganzoo.core.errors import BadRun, GanzooError
from ganzoo.core.files import sha256
from ganzoo.core.manifest import Manifest, read_manifest
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Code
from ganzoo.latents import Latents
from ganzoo.training.build import build_prior, code_of
from ganzoo.training.checkpoint import modules, read_checkpoint, under
from ganzoo.training.state import TrainState

NAMED = 8  # tensors that do not fit, named in one sentence; the others are counted


def start_from(state: TrainState, path: Path, say: Callable[[str], None]) -> None:
    """Give both players and the average the weights of `path`: a run, a bundle, or one checkpoint.

    All else starts anew: the step, the optimizers, and the state of losses and the like. Raises BadRun, and changes
    nothing, where there are no such weights or they do not fit.
    """
    file = weights_of(path)
    step, values = read_checkpoint(file)
    check_fits(file, state, values)
    for part, module in modules(state).items():
        module.load_state_dict(under(part, values))
    say(f"Starting from the weights of {file}, after {step:,} steps.")


def check_same_code(path: Path, prior: Latents, catalog: Catalog) -> None:
    """Raise BadRun where both priors have a code, and the other run's lies otherwise in the latents' columns.

    A checkpoint that is no longer in its run's folder does not say.
    """
    run = RunFolder(weights_of(path).parent.parent)
    theirs = Code()
    with suppress(GanzooError):  # no settings, or a plugin that is no longer there
        theirs = code_of(build_prior(run.config(), catalog))
    ours = code_of(prior)
    if theirs.size and ours.size and theirs != ours:
        raise BadRun(
            f"In the latents of {run.path}, the codes are {in_words(theirs)}, and here {in_words(ours)}, so its "
            f"networks would take them for others; set the latents as {run.config_file} has them."
        )


def in_words(code: Code) -> str:
    return f"categories of {list(code.categories)} values and {code.continuous} numbers"


def weights_of(path: Path) -> Path:
    """The checkpoint that `path` means: itself, a run's newest, or the one that a bundle was exported from.

    Raises BadRun where there is none.
    """
    if path.is_file():
        return path
    if (path / "config.json").is_file():
        return RunFolder(path).newest_checkpoint()
    if (path / "manifest.json").is_file():
        return exported_from(path, read_manifest(path))
    found = "neither a run, a bundle nor a checkpoint" if path.exists() else "not there"
    raise BadRun(f"{path} is {found}; name a folder that `ganzoo train` made, or a file in its checkpoints/.")


def exported_from(bundle: Path, manifest: Manifest) -> Path:
    """The checkpoint behind a bundle, in `runs` here or beside the bundle's own folder; its run may have a new name.

    Raises BadRun where it is not there, or no longer.
    """
    facts = manifest.training
    places = sorted({Path("runs"), bundle.resolve().parent.parent / "runs"})
    runs = [RunFolder(path.parent) for place in places for path in place.glob("*/config.json")]
    runs.sort(key=lambda run: (run.path.name != facts.run, run.path))
    files = {run.checkpoint_file(facts.step): run for run in runs}
    for path, run in files.items():
        if path.is_file() and is_its_checkpoint(path, run, manifest):
            return path
    for path, run in files.items():
        if run.path.name == facts.run and not path.exists() and is_same_run(run, manifest):
            raise BadRun(f"{bundle} was exported from {path}, which was deleted since; name {run.path} for its newest.")
    raise BadRun(
        f"{bundle} holds no weights that can be trained, and the checkpoint that it was exported from, of step "
        f"{facts.step:,} of {facts.run}, is in no run in {' or '.join(map(str, places))}; name that run's folder."
    )


def is_its_checkpoint(path: Path, run: RunFolder, manifest: Manifest) -> bool:
    """Whether a bundle was exported from this file; of an older one, that does not say, whether the run is its own."""
    expected = manifest.training.checkpoint
    if expected is None:
        return run.path.name == manifest.training.run and is_same_run(run, manifest)
    with suppress(OSError):  # a run that goes on may delete it right now
        return sha256(path) == expected
    return False


def is_same_run(run: RunFolder, manifest: Manifest) -> bool:
    """Whether a run of the right name has the recipe, the seed and the data of the bundle's."""
    facts, config = run.facts(), run.config()
    data = facts.get("data")
    found = data.get("digest") if isinstance(data, dict) else None
    return (config.recipe, config.seed, found) == (manifest.recipe, manifest.training.seed, manifest.dataset.digest)


def check_fits(file: Path, state: TrainState, values: dict[str, Tensor]) -> None:
    """Raise BadRun that names the tensors which only one of the two has, or whose shapes differ."""
    wrong = []
    for part, module in modules(state).items():
        ours, theirs = module.state_dict(), under(part, values)
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            here, there = (shape_in(tensors, key) for tensors in (ours, theirs))
            if here != there:
                wrong.append(f"{part}/{key} is {there} there and {here} here")
    if wrong:
        more = f", and {len(wrong) - NAMED} more differ" if len(wrong) > NAMED else ""
        raise BadRun(
            f"The weights of {file} do not fit this run: {'; '.join(wrong[:NAMED])}{more}. "
            "Choose the networks, the size of pictures and the classes that they were trained with."
        )


def shape_in(tensors: dict[str, Tensor], key: str) -> str:
    return str(list(tensors[key].shape)) if key in tensors else "absent"
