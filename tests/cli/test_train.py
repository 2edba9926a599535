"""`ganzoo train`, from the command to the files."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import Refused, contents, ganzoo
from PIL import Image

from ganzoo.core.files import sha256
from ganzoo.core.run_folder import RunFolder
from ganzoo.sampling.sampler import Sampler


def trained(*words: str) -> RunFolder:
    """The run that a command made, whose folder it names."""
    done = ganzoo("train", *words)
    assert done.exit_code == 0, done.output
    return RunFolder(Path(re.findall(r"next +ganzoo export --onnx (\S+)", done.stdout)[0]))


def digest(run: RunFolder) -> str:
    return sha256(run.newest_checkpoint())


def make_pictures(folder: Path, count: int = 20) -> Path:
    """Two classes of pictures of several sizes."""
    noise = np.random.default_rng(0)
    for index in range(count):
        path = folder / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (20 + index, 18, 3), np.uint8)).save(path)
    return folder


def whole_way(here: Path, *words: str, steps: str = "30") -> tuple[RunFolder, np.ndarray]:
    """train → export → sample, each with no more words than a first user needs."""
    run = trained("vanilla-mlp", "--steps", steps, *words)
    exported = ganzoo("export", "--onnx")
    assert exported.exit_code == 0, exported.output
    drawn = ganzoo("sample", "-o", "numbers.npy")
    assert drawn.exit_code == 0, drawn.output
    assert ganzoo("sample").exit_code == 0
    with Image.open(here / "samples.png") as picture:
        assert picture.format == "PNG"
    return run, np.load(here / "numbers.npy")


def test_the_whole_way_on_digits(here: Path) -> None:
    run, samples = whole_way(here)
    assert (samples.shape, samples.dtype) == ((64, 8, 8, 1), np.uint8)
    assert run.path == Path("runs/vanilla-mlp-001")
    assert sorted(path.name for path in run.path.iterdir()) == [
        "checkpoints",
        "config.json",
        "log.jsonl",
        "report.html",
        "samples",
    ]
    assert [path.name for path in (run.path / "samples").iterdir()] == ["step-00000030.png"]
    assert sorted(path.name for path in here.iterdir()) == ["exported_models", "numbers.npy", "runs", "samples.png"]


def test_the_whole_way_on_points(here: Path) -> None:
    run, samples = whole_way(here, "--dataset", "ring")
    assert (samples.shape, samples.dtype) == ((64, 2), np.float32)
    assert run.config().dataset.name == "ring"


def test_the_whole_way_on_a_folder_of_one_s_own_pictures(here: Path) -> None:
    """The folder may be named as seen from here; the run remembers where that is."""
    make_pictures(here.parent / "pictures")
    words = ("--dataset", "picture-folder", "--data", "../pictures", "--set", "dataset.size=12")
    run, samples = whole_way(here, *words, "--set", "batch_size=8")
    assert samples.shape == (64, 12, 12, 3)
    assert run.config().data == str(here.parent / "pictures")
    assert run.facts()["data"]["sample"].items() >= {"shape": [3, 12, 12], "num_classes": 2}.items()


def test_the_whole_way_on_mnist(here: Path, real_data: Path) -> None:
    _, samples = whole_way(here, "--dataset", "mnist", "--data", str(real_data))
    assert samples.shape == (64, 28, 28, 1)
    manifest = Sampler("exported_models/vanilla-mlp-001").manifest
    assert (manifest.dataset.name, manifest.dataset.samples) == ("mnist", 60_000)


def test_the_whole_way_on_a_zip_of_photographs(here: Path, real_data: Path) -> None:
    archive = str(real_data / "cifar10" / "test.zip")
    words = ("--dataset", "picture-folder", "--data", archive, "--set", "dataset.size=16")
    run, samples = whole_way(here, *words, steps="10")
    assert samples.shape == (64, 16, 16, 3)
    assert run.facts()["data"]["sample"]["num_classes"] == 10


def test_the_same_command_gives_the_same_bits_and_another_seed_others(here: Path) -> None:
    first, again, other = (trained("vanilla-mlp", "--steps", "5", "--seed", seed) for seed in "778")
    assert [run.path.name for run in (first, again, other)] == [f"vanilla-mlp-00{n}" for n in (1, 2, 3)]
    assert digest(first) == digest(again) != digest(other)


def test_resume_without_words_finishes_what_was_begun(here: Path) -> None:
    """A run of 20 steps, of which a crash left the checkpoint of step 10: the end is that of an undisturbed run."""
    run = trained("vanilla-mlp", "--steps", "20", "--set", "checkpoint_every=10")
    end = digest(run)
    run.newest_checkpoint().unlink()
    assert trained("--resume", str(run.path)) == run
    assert (run.newest_checkpoint().stem, digest(run)) == ("step-00000020", end)


def test_resume_with_more_steps_equals_one_long_run(here: Path) -> None:
    whole = trained("vanilla-mlp", "--steps", "20", "--out", "whole")
    short = trained("vanilla-mlp", "--steps", "12", "--out", "parts")
    longer = trained("--resume", str(short.path), "--steps", "20")
    assert digest(longer) == digest(whole)
    assert longer.config().steps == 20


def test_resuming_a_finished_run_changes_nothing_and_says_so(made: Path, here: Path) -> None:
    shutil.copytree(made / "runs", here / "runs")
    run = RunFolder(here / "runs" / "vanilla-mlp-001")
    before = digest(run)
    done = ganzoo("train", "--resume", str(run.path))
    assert done.exit_code == 0
    assert "had done all its steps before; give it more with --steps" in done.stdout
    assert digest(run) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seed", "1"], "A resumed run keeps its seed"),
        (["--set", "generator.width=8"], r"keeps its generator\.width"),
        (["--dataset", "ring"], "keeps its dataset"),
        (["--out", "x"], "keeps its weights and place"),
        (["--from", "x"], "keeps its weights and place"),
        (["--data", "x"], "'digits' needs no --data"),
        (["--set", "steps=40", "--epochs", "3"], "steps, epochs or minutes; give one"),
    ],
)
def test_resume_changes_no_algorithm(made: Path, refused: Refused, words: list[str], said: str) -> None:
    before = contents(made)
    done = refused(2, "train", "--resume", str(made / "runs" / "vanilla-mlp-001"), *words)
    assert re.search(said, done.stderr)
    assert contents(made) == before


def test_resume_on_data_that_changed_is_refused(here: Path, refused: Refused) -> None:
    pictures = make_pictures(here / "pictures")
    words = ("--dataset", "picture-folder", "--data", "pictures", "--set", "dataset.size=4", "--set", "batch_size=8")
    run = trained("vanilla-mlp", "--steps", "2", *words)
    before = contents(run.path)
    Image.new("RGB", (20, 20)).save(pictures / "a" / "0.png")
    done = refused(1, "train", "--resume", str(run.path), "--steps", "4")
    assert "is not the one that runs/vanilla-mlp-001 was trained on" in done.stderr
    assert contents(run.path) == before


def test_a_run_that_is_judged_names_its_best_and_the_command_that_exports_it(here: Path) -> None:
    """Neither of which needs a classifier here; the command is run as it was printed."""
    words = ("--steps", "6", "--evaluate-every", "2", "--metrics", "density-coverage, diversity", "--keep", "1")
    make_pictures(here / "pictures", 60)
    own = ("--dataset", "picture-folder", "--data", "pictures/a", "--set", "dataset.size=8", "--set", "batch_size=4")
    done = ganzoo("train", "vanilla-mlp", *words, *own)
    assert done.exit_code == 0, done.output

    said = re.findall(
        r"^step (\d): coverage\[pixels\] [\d.]+,.* the best.*; density .*, mean distance", done.stdout, re.M
    )
    assert said == ["2", "4", "6"]
    step, command = re.findall(r"^  best +step (\d), by coverage\[pixels\] [\d.]+: ganzoo (.*)$", done.stdout, re.M)[0]
    run = RunFolder(Path("runs/vanilla-mlp-001"))
    assert run.best_checkpoint() == run.checkpoint_file(int(step))
    assert ganzoo(*shlex.split(command)).exit_code == 0
    assert Sampler("exported_models/vanilla-mlp-001").manifest.training.step == int(step)

    longer = ganzoo(
        "train", "--resume", str(run.path), "--steps", "8", "--evaluate-every", "1", "--best-by", "coverage"
    )
    assert longer.exit_code == 0, longer.output
    assert len(re.findall(r"^step [78]: coverage", longer.stdout, re.M)) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--metrics", "modes,parzen"], "modes counts modes that are known, and those of digits are not"),
        (["--metrics", "fid"], "No metric is called 'fid'; known are: "),
        (["--metrics", "parzen", "--best-by", "log-likelihood"], "parzen has no number that can decide"),
        (["--best-by", "fd"], "'fd' of frechet-distance cannot decide which checkpoint is the best; "),
    ],
)
def test_who_cannot_judge_is_told_before_there_is_a_run(
    here: Path, refused: Refused, words: list[str], said: str
) -> None:
    done = refused(1 if "modes,parzen" in words else 2, "train", "vanilla-mlp", "--evaluate-every", "10", *words)
    assert said in done.stderr
    assert not list(here.iterdir())


def test_resume_finds_data_that_were_moved(here: Path, refused: Refused) -> None:
    """Where they are the same to the last byte; the run remembers their new place."""
    pictures = make_pictures(here / "pictures")
    words = ("--dataset", "picture-folder", "--data", "pictures", "--set", "dataset.size=4", "--set", "batch_size=8")
    whole = trained("vanilla-mlp", "--steps", "4", *words)
    run = trained("vanilla-mlp", "--steps", "2", *words)
    make_pictures(here / "others", count=22)
    shutil.move(pictures, here / "moved")
    before = contents(run.path)

    done = refused(1, "train", "--resume", str(run.path), "--steps", "4")
    assert "There is nothing at" in done.stderr
    done = refused(1, "train", "--resume", str(run.path), "--steps", "4", "--data", "others")
    assert f"is not the one that {run.path} was trained on" in done.stderr
    assert contents(run.path) == before

    trained("--resume", str(run.path), "--steps", "4", "--data", "moved")
    assert digest(run) == digest(whole)
    assert run.config().data == str(here / "moved")
    shutil.move(here / "moved", here / "again")
    assert trained("--resume", str(run.path), "--steps", "5", "--data", "again").newest_checkpoint().stem.endswith("5")


def test_out_is_where_runs_are_made(here: Path) -> None:
    run = trained("vanilla-mlp", "--steps", "1", "--out", "deep/er")
    assert run.path == Path("deep/er/vanilla-mlp-001")


def test_quiet_says_nothing(here: Path) -> None:
    done = ganzoo("train", "vanilla-mlp", "--steps", "2", "--quiet")
    assert (done.exit_code, done.output) == (0, "")
    assert RunFolder(Path("runs/vanilla-mlp-001")).checkpoints()


def test_one_s_own_recipe_trains_by_its_path(here: Path) -> None:
    from ganzoo.catalog import load_catalog

    shutil.copy(load_catalog().recipes["vanilla-mlp"], here / "mine.toml")
    assert trained("./mine.toml", "--steps", "1").path == Path("runs/mine-001")


def test_without_a_terminal_about_ten_lines_tell_how_it_goes(here: Path) -> None:
    done = ganzoo("train", "vanilla-mlp", "--steps", "40", "--set", "log_every=1")
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines] == [f"{tenth}0%" for tenth in range(1, 11)]
    number = r"-?\d+\.\d+"
    assert all(
        re.fullmatch(
            rf" *\d+%  step \d+  [\d,]+ samples/s  loss D {number} G {number}  D\(x\) {number}  "
            rf"D\(G\(z\)\) {number}  V {number} = -log 4 [+-] {number}",
            line,
        )
        for line in lines
    )
    assert "Training vanilla-mlp on digits, 40 steps, in runs/vanilla-mlp-001" in done.stdout


def test_the_config_is_the_whole_truth(made: Path) -> None:
    """What `config.json` says is enough to repeat the run, by Python or by hand."""
    facts = json.loads((made / "runs" / "vanilla-mlp-001" / "config.json").read_text())
    assert facts["config"]["steps"] == 30
    assert facts["config"]["log_every"] == 10
    assert facts["config"]["generator"]["options"]["depth"] == 2
