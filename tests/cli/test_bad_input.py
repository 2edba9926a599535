"""What users get wrong is answered in one sentence, with exit code 2 for wrong usage and 1 for the rest.

Nothing that was there before is lost, and nothing is written that would be in the way afterwards.
"""

import gzip
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from command import Refused, contents, ganzoo, ganzoo_process
from PIL import Image

from ganzoo import session
from ganzoo.cli import main
from ganzoo.training import processes

TRAIN = ("train", "vanilla-mlp", "--steps", "2")
WRONG_USAGE: dict[str, tuple[list[str], str]] = {
    "neither recipe nor run": (["train"], "Name a recipe, e.g. `ganzoo train vanilla-mlp`, or a run to --resume"),
    "both": (["train", "vanilla-mlp", "--resume", "runs/x"], "not both"),
    "two lengths": ([*TRAIN, "--minutes", "1"], "give one of the three, not minutes and steps"),
    "a typing error in a recipe": (["train", "vanila-mlp"], "did you mean 'vanilla-mlp'?"),
    "an unknown recipe": (["train", "zzz"], "No recipe is called 'zzz'; known are: "),
    "no such file": (["train", "nowhere.toml"], "Cannot read the recipe nowhere.toml"),
    "an unknown data set": ([*TRAIN, "--dataset", "digit"], "did you mean 'digits'?"),
    "an unknown loss": ([*TRAIN, "--set", "loss=minmax"], "did you mean 'minimax'?"),
    "an unknown setting": ([*TRAIN, "--set", "generator.widht=3"], "did you mean 'generator.width'?"),
    "no assignment": ([*TRAIN, "--set", "generator.width"], "write KEY=VALUE"),
    "a word for a number": ([*TRAIN, "--set", "generator.width=wide"], "expected `int`, got `str`"),
    "a number out of range": ([*TRAIN, "--set", "batch_size=0"], "expected `int` >= 1"),
    "a rate below zero": ([*TRAIN, "--set", "generator_optimizer.learning_rate=-1"], "cannot work with these settings"),
    "a rate that is none": ([*TRAIN, "--set", "generator_optimizer.learning_rate=nan"], "cannot work with these"),
    "endless epochs": (["train", "vanilla-mlp", "--epochs", "inf"], "cannot work with these settings"),
    "epochs below zero": (["train", "vanilla-mlp", "--epochs", "-1"], "Setting epochs: expected `float` > 0"),
    "minutes below zero": (["train", "vanilla-mlp", "--minutes", "-1"], "Setting minutes: expected `float` > 0"),
    "a seed too large": ([*TRAIN, "--seed", str(2**64)], "Setting seed: expected `int` <="),
    "data that is not needed": ([*TRAIN, "--data", "."], "'digits' needs no --data"),
    "data that is needed": ([*TRAIN, "--dataset", "picture-folder"], "say which with --data PATH"),
    "no format": (["export"], "`ganzoo export --onnx`"),
}


@pytest.mark.parametrize("case", WRONG_USAGE)
def test_wrong_usage_is_told_before_anything_is_written(case: str, here: Path, refused: Refused) -> None:
    command, words = WRONG_USAGE[case]
    assert words in refused(2, *command).stderr
    assert not list(here.iterdir())


@pytest.mark.parametrize("command", [["train", "zzz"], [*TRAIN[:3], "many"]], ids=["our error", "click's"])
def test_of_several_processes_one_says_what_is_wrong(
    command: list[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them fail, whether torchrun has heard of it or not."""
    heard: list[str] = []

    def first(text: str) -> bool:
        heard.append(text)
        return len(heard) == 1

    monkeypatch.setattr(processes, "first_to_say", first)
    monkeypatch.setenv("WORLD_SIZE", "2")
    speaks, is_silent = ganzoo(*command), ganzoo(*command)
    assert "Error: " in speaks.stderr
    assert is_silent.output == ""
    assert speaks.exit_code == is_silent.exit_code == 2
    assert heard[0] == heard[1]
    assert heard[0] in speaks.stderr


@pytest.mark.parametrize(
    "command",
    [
        [*TRAIN[:3], "0"],
        [*TRAIN[:3], "many"],
        [*TRAIN, "--seed", "-1"],
        [*TRAIN, "--no-such-option"],
        ["sample", "-n", "0"],
        ["sample", "-n", "-3"],
        ["sample", "--seed", "one"],
        ["no-such-command"],
    ],
    ids=" ".join,
)
def test_what_the_parser_refuses_names_the_command_and_its_help(command: list[str], here: Path) -> None:
    done = ganzoo(*command)
    assert done.exit_code == 2
    assert done.stderr.startswith("Usage: ganzoo ")
    assert "--help' for help" in done.stderr
    assert not list(here.iterdir())


OTHER: dict[str, tuple[list[str], str]] = {
    "a batch larger than the data": ([*TRAIN, "--set", "batch_size=1798"], "use --set batch_size=1797 or less"),
    "networks larger than the memory": (
        [*TRAIN, "--set", f"generator.width={10**12}"],
        "There is not enough memory for this run",
    ),
    "no data there": ([*TRAIN, "--dataset", "picture-folder", "--data", "nowhere"], "There is nothing at"),
    "a folder without the files": (
        [*TRAIN, "--dataset", "mnist", "--data", "."],
        "lacks train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz",
    ),
    "a folder without pictures": ([*TRAIN, "--dataset", "picture-folder", "--data", "."], "There are no pictures in"),
    "no such run": (["train", "--resume", "nowhere"], "nowhere is no run"),
    "no run at all": (["export", "--onnx"], "There are no runs in runs; start one with"),
    "no run to export": (["export", "--onnx", "nowhere"], "nowhere is no run"),
    "no bundle at all": (["sample"], "There are no bundles in exported_models; make one with"),
    "no such bundle": (["sample", "nowhere"], "nowhere is no bundle"),
}


@pytest.mark.parametrize("case", OTHER)
def test_other_mistakes_are_told_before_anything_is_written(case: str, here: Path, refused: Refused) -> None:
    command, words = OTHER[case]
    assert words in refused(1, *command).stderr
    assert not list(here.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_not_there_cannot_be_had(here: Path, made: Path, refused: Refused) -> None:
    assert "finds no CUDA device here; use --device cpu" in refused(1, *TRAIN, "--device", "cuda").stderr
    bundle = str(made / "exported_models" / "vanilla-mlp-001")
    assert "use --device cpu" in refused(1, "sample", bundle, "--device", "cuda").stderr
    assert not list(here.iterdir())


def idx(*shape: int) -> bytes:
    """A whole IDX file of zeros."""
    head = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    return head + bytes(int(np.prod(shape)))


IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
DAMAGED: dict[str, tuple[str, bytes, str]] = {
    "cut archive": (IMAGES, gzip.compress(idx(70, 28, 28))[:-20], "cannot be unpacked"),
    "no archive": (IMAGES, b"<html>Not found</html>", "cannot be unpacked"),
    "empty": (IMAGES, b"", "it begins with nothing"),
    "cut inside": (IMAGES, gzip.compress(idx(70, 28, 28)[:-5]), "but its head says"),
    "other magic": (IMAGES, gzip.compress(idx(70)), "it begins with 00000801, not with 00000803"),
    "other size": (IMAGES, gzip.compress(idx(70, 20, 28)), "28×20 pixels, not 28×28"),
    "fewer labels": (LABELS, gzip.compress(idx(69)), "70 pictures, but"),
    "labels too large": (LABELS, gzip.compress(idx(70)[:-1] + b"\x0b"), "it holds the label 11"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_mnist_files_are_named(case: str, here: Path, refused: Refused) -> None:
    name, content, words = DAMAGED[case]
    folder = here / "mnist"
    folder.mkdir()
    for stem, count in (("train", 70), ("t10k", 5)):
        (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(count, 28, 28)))
        (folder / f"{stem}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(count)))
    (folder / name).write_bytes(content)
    before = contents(here)
    done = refused(1, *TRAIN, "--dataset", "mnist", "--data", "mnist")
    assert words in done.stderr
    assert name in done.stderr
    assert contents(here) == before


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:45])


def other_size(path: Path) -> None:
    Image.new("RGB", (9, 8)).save(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(cut, "The picture 3.png cannot be read"), (other_size, "The pictures differ in size: 0.png has 8×8 pixels")],
)
def test_a_picture_that_does_not_fit_is_named(
    spoil: Callable[[Path], None], words: str, here: Path, refused: Refused
) -> None:
    folder = here / "pictures"
    folder.mkdir()
    for index in range(5):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(folder / f"{index}.png")
    spoil(folder / "3.png")
    assert words in refused(1, *TRAIN, "--dataset", "picture-folder", "--data", "pictures").stderr
    assert [path.name for path in here.iterdir()] == ["pictures"]


def test_a_file_in_the_way_of_the_runs_is_kept(here: Path, refused: Refused) -> None:
    (here / "mine").write_text("precious")
    done = refused(1, *TRAIN, "--out", "mine")
    assert "Cannot write mine: File exists. Choose another place." in done.stderr
    assert contents(here) == {"mine": b"precious"}


# Python would leave the bytecode of what it imports under the limit cut off, for everyone after it.
LIMITED = """
import resource, sys
sys.dont_write_bytecode = True
from ganzoo.cli import main
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.argv[0] = "ganzoo"
main()
"""


@pytest.mark.parametrize("command", ["train", "resume", "export", "sample"])
def test_a_full_disk_is_told_and_loses_nothing(command: str, made: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the system refuses the write half-way."""
    shutil.copytree(made / "runs", tmp_path / "runs")
    shutil.copytree(made / "exported_models", tmp_path / "exported_models")
    (tmp_path / "samples.png").write_bytes(b"precious")
    before = contents(tmp_path)
    words = {
        "train": TRAIN,
        "resume": ("train", "--resume", "runs/vanilla-mlp-001", "--steps", "32"),
        "export": ("export", "--onnx", "--force"),
        "sample": ("sample", "-n", "1000"),
    }[command]
    limit = "20000" if command == "export" else "4000"  # bytes: too few for the checkpoint, and for the report
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, limit, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    what = {"export": "exported_models/vanilla-mlp-001", "sample": "samples.png"}.get(command, "runs/vanilla-mlp-00")
    assert done.stderr.splitlines()[-1].startswith(f"Error: Cannot write {what}")
    assert "report.html" not in done.stderr
    assert "Traceback" not in done.stderr
    after = contents(tmp_path)
    lost = {name for name in before if after.get(name) != before[name]}
    assert lost <= {f"runs/vanilla-mlp-001/{name}" for name in ("log.jsonl", "config.json", "report.html")}
    assert not [name for name in after if name.endswith(".tmp")]


def test_debug_shows_where_an_error_came_from(here: Path) -> None:
    done = ganzoo("--debug", "train", "zzz")
    assert done.exit_code == 2
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: No recipe is called 'zzz'; known are: ")


def test_a_bug_of_ours_is_no_user_s_mistake(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its traceback."""

    def broken(*args: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(session, "build", broken)
    done = CliRunner().invoke(main, TRAIN)
    assert isinstance(done.exception, ZeroDivisionError)
    assert done.exit_code == 1
    assert not list(here.iterdir())


def test_a_process_says_the_same(tmp_path: Path) -> None:
    done = ganzoo_process("train", "zzz", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: No recipe is called 'zzz'")
