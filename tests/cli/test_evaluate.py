"""`ganzoo evaluate`: runs, bundles and data sets, and what is said of bad input."""

import json
from math import log
from pathlib import Path

import numpy as np
import pytest
from command import Refused, ganzoo
from PIL import Image

from ganzoo.core.run_folder import RunFolder
from ganzoo.evaluation import classifier, targets
from ganzoo.evaluation.scores import Score, difference, read_scores
from ganzoo.sampling.sampler import Sampler


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classifiers that have learnt for a moment."""
    monkeypatch.setitem(classifier.SETTINGS, "updates", 150)


def scores(here: Path, *words: str) -> dict[str, Score]:
    """By name, without the extractor's."""
    done = ganzoo("evaluate", *words, "--json", str(here / "scores.json"))
    assert done.exit_code == 0, done.output
    return {score.name.partition("[")[0]: score for score in read_scores(here / "scores.json")}


def test_a_run_and_its_bundle_have_the_same_scores(here: Path, made: Path) -> None:
    """To 3 digits; drawn by torch and by onnxruntime."""
    run = scores(here, str(made / "runs" / "vanilla-mlp-001"), "--samples", "200")
    bundle = scores(here, str(made / "exported_models" / "vanilla-mlp-001"), "--samples", "200")

    assert {"FD", "KD", "precision", "density", "classifier score", "log-likelihood", "copies"} <= set(run)
    assert list(run) == list(bundle)
    for name, score in run.items():
        np.testing.assert_allclose(bundle[name].value, score.value, rtol=2e-3, atol=2e-3)
    assert abs(difference(run["FD"], bundle["FD"])) <= 2e-3 * float(np.max(run["FD"].value))


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `runs/cgan-001`, which draws by label, of 60 steps, and `exported_models/cgan-001`."""
    folder = tmp_path_factory.mktemp("conditional")
    settings = ["--dataset", "digits", "--steps", "60", "--set", "batch_size=32"]
    for words in (
        ["train", "cgan", *settings, "--out", "runs"],
        ["export", "--onnx", "runs/cgan-001", "--out", "exported_models"],
    ):
        done = ganzoo(*(str(folder / word) if word.startswith(("runs", "exported")) else word for word in words))
        assert done.exit_code == 0, done.output
    return folder


def test_a_run_that_draws_by_label_and_its_bundle_have_the_same_scores(here: Path, conditional: Path) -> None:
    """All of them to 3 digits, or, of shares, to one sample of 300, which one grey level may put on another side."""
    run = scores(here, str(conditional / "runs" / "cgan-001"), "--samples", "300")
    bundle = scores(here, str(conditional / "exported_models" / "cgan-001"), "--samples", "300")

    assert list(run) == list(bundle)
    for name, score in run.items():
        np.testing.assert_allclose(bundle[name].value, score.value, rtol=1e-3, atol=1.001 / 300)
    assert 0 < float(run["label agreement"].value) < 0.7 < float(run["label agreement"].floor)


def test_a_bundle_is_compared_with_the_data_that_it_was_trained_on(here: Path) -> None:
    """With the same options, not with their defaults; which older bundles, that do not say them, take."""
    few = ["--set", "dataset.samples=700", "--steps", "5", "--out", "runs"]
    for words in (
        ["train", "vanilla-mlp", "--dataset", "ring", *few],
        ["export", "--onnx", "runs/vanilla-mlp-001", "--out", "."],
    ):
        assert ganzoo(*words).exit_code == 0
    run = scores(here, "runs/vanilla-mlp-001", "--samples", "200", "--metrics", "diversity")
    bundle = scores(here, "vanilla-mlp-001", "--samples", "200", "--metrics", "diversity")

    (one,), (other,) = run.values(), bundle.values()
    assert one.provenance.dataset_options["samples"] == 700
    assert one.provenance.dataset_options == other.provenance.dataset_options
    assert one.provenance.dataset_digest == other.provenance.dataset_digest

    manifest = here / "vanilla-mlp-001" / "manifest.json"
    older = json.loads(manifest.read_text())
    del older["dataset"]["options"]
    manifest.write_text(json.dumps(older))
    (old,) = scores(here, "vanilla-mlp-001", "--samples", "200", "--metrics", "diversity").values()
    assert old.provenance.dataset_options["samples"] == 100_000


@pytest.fixture
def bars(here: Path) -> list[str]:
    """`stacked-mnist` of two digits, where digit k is a bar at the height 2 k, as words for the command line."""
    folder = here / "mnist"
    folder.mkdir()
    for stem in ("train", "t10k"):
        labels = np.arange(200) % 10
        pictures = np.zeros((200, 28, 28), np.uint8)
        for row in (0, 1):
            pictures[np.arange(200), 2 * labels + row + 4, 4:24] = 255
        for name, content in (("images-idx3", pictures), ("labels-idx1", labels.astype(np.uint8))):
            head = bytes([0, 0, 8, content.ndim]) + np.array(content.shape, ">i4").tobytes()  # bytes, so many axes
            (folder / f"{stem}-{name}-ubyte").write_bytes(head + content.tobytes())
    return ["--data", "mnist", "--set", "dataset.digits=2", "--set", "dataset.samples=3000"]


def test_modes_of_stacked_digits_are_counted_by_a_classifier_of_one_channel(
    here: Path, bars: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All hundred of real ones, and three of three: log 100 / 3 from evenly spread, if these three are."""
    monkeypatch.setattr(classifier, "SETTINGS", classifier.SETTINGS | {"updates": 30, "batch": 20})
    modes = ["--metrics", "modes", *bars]
    whole = scores(here, "stacked-mnist", "--samples", "1000", *modes)
    some = scores(here, "stacked-mnist", "--samples", "300", "--classes", "00,17,99", *modes)

    assert (whole["covered"].value, whole["covered"].floor) == (100, 100)
    assert float(whole["reverse kl"].value) == pytest.approx(99 / 2000, rel=0.3)
    assert float(whole["reverse kl to data"].value) == pytest.approx(99 / 2000, rel=0.3)
    assert (some["covered"].value, some["well covered"].value) == (3, 3)
    assert float(some["reverse kl"].value) == pytest.approx(log(100 / 3), abs=0.05)
    source = whole["covered"].provenance
    assert source.extractor == "stacked-mnist-channel-cnn"
    assert source.extractor_accuracy == 1


def test_any_checkpoint_of_a_run_can_be_scored(here: Path) -> None:
    done = ganzoo("train", "mlp-ring", "--steps", "4", "--set", "checkpoint_every=2", "--out", "runs")
    assert done.exit_code == 0, done.output
    few = ["runs/mlp-ring-001", "--metrics", "diversity", "--samples", "100"]
    early, late = (scores(here, *few, "--checkpoint", which)["mean distance"] for which in ("2", "last"))

    assert early.provenance.target.endswith("step 2")
    assert late.provenance.target.endswith("step 4")
    assert early.value != late.value
    assert "has no checkpoint of step 3" in ganzoo("evaluate", *few, "--checkpoint", "3").stderr


def test_two_channels_are_trained_drawn_and_exported(here: Path, bars: list[str]) -> None:
    """Drawn in red and green."""
    few = ["--dataset", "stacked-mnist", *bars, "--set", "batch_size=16", "--steps", "2", "--out", "runs"]
    for words in (
        ["train", "vanilla-mlp", *few],
        ["export", "--onnx", "runs/vanilla-mlp-001", "--out", "."],
        ["sample", "vanilla-mlp-001", "-n", "4", "-o", "grid.png"],
    ):
        done = ganzoo(*words)
        assert done.exit_code == 0, done.output
    picture = np.asarray(Image.open(here / "grid.png"))

    assert picture.shape[2] == 3
    assert picture[4:40, 4:40, :2].any()
    assert not picture[4:40, 4:40, 2].any()


def test_one_s_own_pictures_are_scored_against_a_data_set(here: Path) -> None:
    """`--data` and `dataset.channels` are those of what is scored."""
    random = np.random.default_rng(0)
    (here / "own").mkdir()
    for number in range(60):
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(here / "own" / f"{number}.png")
    few = ["--against", "digits", "--samples", "50", "--metrics", "precision-recall", "--features", "pixels"]
    found = scores(here, "picture-folder", "--data", "own", "--set", "dataset.channels=1", *few)

    assert found["precision"].provenance.dataset == "digits"
    assert found["precision"].value == 0
    assert float(found["precision"].floor) > 0.5


def test_real_samples_score_as_the_floor_and_worse_where_classes_are_missing(here: Path) -> None:
    whole = scores(here, "digits")
    some = scores(here, "digits", "--classes", "0,1,2")

    assert all(score.value == score.floor for score in whole.values())
    assert float(some["FD"].value) > 2 * float(some["FD"].floor)
    assert float(some["recall"].value) < float(some["recall"].floor) - 0.2
    assert float(some["coverage"].value) < 0.5
    assert some["FD"].provenance.target == "digits, classes 0, 1, 2"


def test_every_score_says_where_it_comes_from(here: Path) -> None:
    found = scores(here, "digits", "--samples", "100", "--seed", "4", "--metrics", "frechet-distance,diversity")

    assert list(found) == ["FD", "mean distance"]
    source = found["FD"].provenance
    assert found["FD"].name == f"FD[digits-cnn@{source.extractor_hash[:8]}]"
    assert (source.generated, source.real, source.floor, source.seed) == (100, 100, 100, 4)
    assert source.extractor_accuracy is not None
    assert source.extractor_accuracy > 0.5
    assert {"ganzoo", "torch", "numpy", "scikit-learn"} <= set(source.versions)
    assert (found["mean distance"].provenance.extractor, found["mean distance"].provenance.training) == ("", 1697)
    assert "FID" not in (here / "scores.json").read_text()
    assert json.loads((here / "scores.json").read_text())["command"].startswith("ganzoo")


def test_the_table_shows_value_floor_and_origin(here: Path) -> None:
    done = ganzoo("evaluate", "digits", "--samples", "50", "--metrics", "frechet-distance,classifier")

    assert done.exit_code == 0
    assert done.stdout.split()[:4] == ["score", "value", "floor", "samples"]
    assert "\nFD[digits-cnn@" in done.stdout
    assert ": 50 samples, seed 0, against 50 of digits" in done.stdout
    assert "% of the pictures that it did not learn from" in done.stdout
    assert "shares" not in done.stdout


def test_points_are_scored_by_what_fits_them(here: Path) -> None:
    found = scores(here, "ring", "--samples", "300", "--set", "dataset.samples=2000")

    assert {score.provenance.metric for score in found.values()} == {"diversity", "modes", "nearest", "parzen"}
    assert found["covered"].value == 8
    assert found["high quality"].value == found["high quality"].floor


def test_own_pictures_without_labels_are_compared_by_pixels(here: Path, made: Path) -> None:
    """A bundle against data that it was not trained on, which is said."""
    np.save(here / "own.npy", np.random.default_rng(0).integers(0, 255, (80, 8, 8, 1), np.uint8))
    bundle, own = str(made / "exported_models" / "vanilla-mlp-001"), ["--against", "npz", "--data", "own.npy"]

    done = ganzoo("evaluate", bundle, *own)

    assert done.exit_code == 0, done.output
    assert "FD[pixels]" in done.stdout
    assert "classifier" not in done.stdout
    assert "these data are not those that the model was trained on (digits, " in done.stderr


def test_pictures_are_rounded_to_bytes_once(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's by `to_uint8`, as every picture of ganzoo's, and a bundle's by its graph; to one grey level the same."""
    folder = made / "runs" / "vanilla-mlp-001"
    run = targets.model_of_run(RunFolder(folder), "cpu").draw(300, 7).samples
    bundle = made / "exported_models" / "vanilla-mlp-001"
    drawn = targets.model_of_bundle(bundle, "cpu").draw(300, 7).samples
    np.testing.assert_array_equal(drawn, Sampler(bundle, "cpu").sample(300, seed=7))
    assert run.dtype == drawn.dtype == np.uint8
    assert np.abs(run.astype(int) - drawn).max() <= 1

    monkeypatch.setattr(targets, "to_uint8", lambda samples: np.full((len(samples), 1, 1, 1), 9, np.uint8))
    assert set(targets.model_of_run(RunFolder(folder), "cpu").draw(300, 7).samples.ravel()) == {9}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["digit"], "There is no run, no bundle and no data set 'digit'; of data sets, did you mean 'digits'?"),
        (["digits", "--metrics", "frechet"], "No metric is called 'frechet'; did you mean 'frechet-distance'?"),
        (["ring", "--checkpoint", "best"], "--checkpoint chooses among those of a run, and ring is none"),
        (["ring", "--metrics", "frechet-distance"], "frechet-distance judges pictures, and ring holds points"),
        (["digits", "--metrics", "modes"], "modes counts modes that are known, and those of digits are not"),
        (["digits", "--features", "pixel"], "There are no features 'pixel'; did you mean 'pixels'?"),
        (["ring", "--features", "classifier"], "No metric that is computed here looks at features; leave out"),
        (["digits", "--features", "inception", "--metrics", "diversity"], "No metric that is computed here looks at"),
        (["digits", "--features", "onnx:gone.onnx"], "There is no file gone.onnx"),
        (["digits", "--set", "parsen.validation=3"], "'parsen.validation'; write METRIC.OPTION, and did you mean"),
        (["digits", "--metrics", "parzen", "--set", "parzen.width=1"], "There is no setting 'parzen.width'"),
        (["digits", "--split", "test"], "There is no setting 'dataset.split'"),
        (["digits", "--against", "ring"], "digits has samples of shape [1, 8, 8], and ring of [2]"),
        (["digits", "--classes", "ten"], "There is no class 'ten'"),
        (
            ["digits", "--samples", "3", "--features", "pixels", "--metrics", "precision-recall"],
            "3 samples have no 3 neighbours each; use more --samples, or fewer neighbours.",
        ),
        (
            [
                "digits",
                "--features",
                "pixels",
                "--metrics",
                "kernel-distance",
                "--set",
                "kernel-distance.subset_size=900",
            ],
            "Subsets of 900 cannot be drawn from 898 samples",
        ),
    ],
)
def test_what_cannot_be_scored_is_said_in_a_sentence(
    here: Path, refused: Refused, words: list[str], problem: str
) -> None:
    done = ganzoo("evaluate", *words)

    assert problem in refused(done.exit_code, "evaluate", *words).stderr
    assert done.exit_code in (1, 2)


def test_a_metric_that_needs_labels_says_so(here: Path, refused: Refused) -> None:
    np.save(here / "own.npy", np.zeros((20, 8, 8, 1), np.uint8))

    done = refused(1, "evaluate", "npz", "--data", "own.npy", "--metrics", "classifier")

    assert "classifier needs labels of two classes that a classifier can learn, and npz has none" in done.stderr


def test_pictures_of_a_single_class_are_compared_by_pixels(here: Path, refused: Refused) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 1), np.uint8)
    np.savez(here / "one.npz", images=pictures, labels=np.zeros(40, np.int64))
    one = ["evaluate", "npz", "--data", "one.npz"]

    for words in ([], ["--features", "pixels"]):
        done = ganzoo(*one, *words)
        assert done.exit_code == 0, done.output
        assert "FD[pixels]" in done.stdout
    assert "npz has a single class" in refused(1, *one, "--features", "classifier").stderr
    assert "classifier needs labels of two classes" in refused(1, *one, "--metrics", "classifier").stderr


def test_a_metric_that_fails_is_left_out_with_a_note_unless_it_was_asked_for(here: Path, refused: Refused) -> None:
    """Two samples are too few for many."""
    few = ["evaluate", "ring", "--samples", "2", "--set", "dataset.samples=100"]
    done = ganzoo(*few)

    assert done.exit_code == 0, done.output
    assert "Note: parzen is left out: 2 real samples cannot both" in done.stderr
    assert "mean distance" in done.stdout
    assert "Error: parzen: 2 real samples" in refused(1, *few, "--metrics", "parzen,diversity").stderr


def test_models_and_folders_that_are_none_are_refused(here: Path, made: Path, refused: Refused) -> None:
    assert "neither a run nor a bundle" in refused(2, "evaluate", ".").stderr
    run = str(made / "runs" / "vanilla-mlp-001")
    assert "--classes chooses among the samples of a data set" in refused(2, "evaluate", run, "--classes", "1").stderr
    assert "samples of shape [1, 8, 8], and ring of [2]" in refused(1, "evaluate", run, "--against", "ring").stderr
