"""Extractors, classifiers, the deal of real samples, and scores that say where they come from."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from ganzoo.core.errors import BadData, GanzooError, UsageError
from ganzoo.core.specs import Data
from ganzoo.evaluation import classifier as classifiers
from ganzoo.evaluation.classifier import Classifier, classifier_of, learnt_from, unseen
from ganzoo.evaluation.features import OnnxExtractor, Pixels, title
from ganzoo.evaluation.real import Real, deal, number_of, of_classes, training_samples
from ganzoo.evaluation.scores import Provenance, Score, difference, read_scores, write_scores
from ganzoo.evaluation.targets import finite
from ganzoo.training.display import Display

CPU = torch.device("cpu")


def bright_or_dark(count: int = 200, size: int = 8) -> Data:
    """Two classes that any network tells apart."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, count)
    samples = random.integers(0, 60, (count, 1, size, size)) + 190 * labels[:, None, None, None]
    return Data(samples.astype(np.uint8), labels.astype(np.int64), ("dark", "bright"))


def trained(data: Data, digest: str = "0" * 64) -> Classifier:
    return classifier_of(data, "toy", digest, CPU, Display(quiet=True))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classifiers that have learnt for a moment."""
    monkeypatch.setitem(classifiers.SETTINGS, "updates", 60)


# The classifier


def test_a_classifier_learns_from_one_half_and_is_examined_on_the_other(short: None) -> None:
    data = bright_or_dark()
    rows = learnt_from(200)
    wrong = replace(data, labels=data.labels.copy())
    wrong.labels[unseen(200)] ^= 1

    assert sorted([*rows, *unseen(200)]) == list(range(200))
    assert len(rows) == 100
    assert trained(data).accuracy == 1
    assert trained(wrong, "1" * 64).accuracy == 0


def test_a_classifier_is_trained_once_and_the_process_s_random_numbers_stay(
    short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = trained(bright_or_dark())
    monkeypatch.setattr(classifiers, "train", lambda *_: pytest.fail("it was kept"))

    again = trained(bright_or_dark())

    assert (again.hash, again.accuracy) == (first.hash, first.accuracy)
    assert torch.equal(torch.get_rng_state(), before)
    pictures = np.zeros((3, 8, 8, 1), np.uint8)
    np.testing.assert_array_equal(again.features(pictures), first.features(pictures))
    np.testing.assert_allclose(again.probabilities(pictures).sum(1), 1, rtol=1e-5)


def test_a_damaged_classifier_is_trained_anew(short: None, own_cache: Path) -> None:
    first = trained(bright_or_dark())
    (path,) = own_cache.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:100])

    assert trained(bright_or_dark()).hash == first.hash


def test_other_data_and_other_settings_have_classifiers_of_their_own(
    short: None, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(bright_or_dark())
    trained(bright_or_dark(), "1" * 64)
    monkeypatch.setitem(classifiers.SETTINGS, "updates", 61)
    trained(bright_or_dark())

    assert len(list(own_cache.rglob("*.safetensors"))) == 3


def test_pictures_of_any_size_have_128_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifiers, "SETTINGS", classifiers.SETTINGS | {"updates": 2, "batch": 4})
    for size in (5, 70):
        found = trained(bright_or_dark(20, size), f"{size:064}")
        assert found.features(np.zeros((2, size, size, 1), np.uint8)).shape == (2, 128)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (replace(bright_or_dark(), labels=None, classes=()), "has no labels"),
        (Data(np.zeros((9, 2), np.float32)), "holds points"),
        (bright_or_dark(20, 3), "too small"),
    ],
)
def test_data_that_no_classifier_learns_from_are_refused(data: Data, words: str) -> None:
    with pytest.raises(BadData, match=words):
        trained(data)


def stacked(count: int = 300) -> Data:
    """Pictures of two channels, each of which shows one of `bright_or_dark`: four classes."""
    single = bright_or_dark()
    assert isinstance(single.samples, np.ndarray)
    assert single.labels is not None
    drawn = np.random.default_rng(1).integers(0, len(single.labels), (count, 2))
    labels = single.labels[drawn] @ np.array([2, 1])
    return Data(single.samples[drawn][:, :, 0], labels, ("dd", "db", "bd", "bb"), parts=single)


def test_the_channels_of_stacked_pictures_are_told_one_by_one(short: None) -> None:
    """By the classifier of single pictures, whose accuracy is said; none has to learn all combinations."""
    data = stacked()
    judge = trained(data)
    pictures = np.ascontiguousarray(data.samples[np.arange(300)].transpose(0, 2, 3, 1))
    single = replace(judge, by_channel=False)

    assert (judge.name, judge.accuracy) == ("toy-channel-cnn", 1)
    np.testing.assert_array_equal(judge.labels(pictures), data.labels)
    probabilities = judge.probabilities(pictures)
    first, second = (single.probabilities(pictures[..., channel, None]) for channel in (0, 1))
    np.testing.assert_allclose(probabilities, np.einsum("na,nb->nab", first, second).reshape(300, 4), rtol=1e-4)
    np.testing.assert_allclose(judge.features(pictures)[:, 128:], single.features(pictures[..., 1, None]), rtol=1e-4)


def test_one_that_counts_modes_learns_longer(short: None, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    monkeypatch.setattr(classifiers, "train", lambda _network, _data, count, *_: counts.append(count))

    trained(bright_or_dark())
    trained(stacked())

    assert counts == [60, 240]


# Extractors


def test_pixels_are_values_in_0_to_1() -> None:
    found = Pixels().features(np.array([[[[0], [255]]], [[[51], [255]]]], np.uint8))

    np.testing.assert_allclose(found, [[0, 1], [0.2, 1]], rtol=1e-6)
    assert title(Pixels()) == "pixels"


def graph(folder: Path, **facts: Any) -> Path:
    """An extractor that adds up height and width of its input [N, C, H, W], so that features are channels' sums."""
    entry = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["N", "A", "B", "C"])
    out = helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["N", "F"])
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
    node = helper.make_node("ReduceSum", ["pictures", "axes"], ["sums"], keepdims=0)
    model = helper.make_model(
        helper.make_graph([node], "toy", [entry], [out], [axes]), opset_imports=[helper.make_opsetid("", 18)]
    )
    model.ir_version = 8
    path = folder / "toy.onnx"
    onnx.save(model, path)
    if facts:
        path.with_suffix(".json").write_text(json.dumps({"name": "toy", "height": 2, "width": 1} | facts))
    return path


def test_an_onnx_extractor_is_given_what_its_side_car_says(tmp_path: Path) -> None:
    """Range and channels: grey 0 and 255 become -1 and 1 in three channels, whose sum over two pixels is 0."""
    pictures = np.array([[[[0]], [[255]]], [[[255]], [[255]]]], np.uint8)  # [2, 2, 1, 1]

    found = OnnxExtractor(graph(tmp_path, range=[-1, 1]), "cpu").features(pictures)

    np.testing.assert_allclose(found, [[0, 0, 0], [2, 2, 2]], atol=1e-6)


def test_an_onnx_extractor_may_want_channels_last_and_raw_values(tmp_path: Path) -> None:
    """[N, H, W, C] summed over its last two axes leaves a number for each row of pixels."""
    pictures = np.array([[[[3]], [[5]]]], np.uint8)

    found = OnnxExtractor(graph(tmp_path, layout="NHWC", channels=1), "cpu").features(pictures)

    np.testing.assert_allclose(found, [[3, 5]])


def test_an_extractor_s_name_says_which_file_and_which_side_car(tmp_path: Path) -> None:
    one = OnnxExtractor(graph(tmp_path, channels=1), "cpu")
    other = OnnxExtractor(graph(tmp_path, channels=3), "cpu")

    assert title(one) == f"toy@{one.hash[:8]}"
    assert one.hash != other.hash


@pytest.mark.parametrize(
    ("facts", "shape", "words"),
    [
        ({"height": 4}, (1, 2, 1, 1), "takes pictures of 4×1 pixels, and these have 2×1"),
        ({"channels": 1}, (1, 2, 1, 3), "takes 1 channels, and these pictures have 3"),
        ({"output": "sum"}, None, "has no output 'sum'; did you mean 'sums'"),
        ({"height": "tall"}, None, "does not say what the graph takes"),
        ({}, None, "is missing; it says what the graph takes"),
    ],
)
def test_an_extractor_that_does_not_fit_is_refused(
    tmp_path: Path, facts: dict[str, Any], shape: tuple[int, ...] | None, words: str
) -> None:
    with pytest.raises((BadData, UsageError), match=words):
        OnnxExtractor(graph(tmp_path, **facts), "cpu").features(np.zeros(shape or (1, 2, 1, 1), np.uint8))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        OnnxExtractor(tmp_path / "gone.onnx")


# Real samples


def test_no_real_sample_is_dealt_twice_or_was_learnt_from() -> None:
    real = Real("toy", {}, bright_or_dark(), "")

    free, judged = deal(real, 70, 1, learnt=False), deal(real, 70, 1, learnt=True)

    assert (len(free.real), len(free.floor), len(free.spare)) == (70, 70, 130)
    assert (len(judged.real), len(judged.floor), len(judged.spare)) == (50, 50, 50)
    for rows in (free, judged):
        assert not set(rows.real) & set(rows.spare)
        assert set(rows.floor) <= set(rows.spare)
    assert not (set(judged.real) | set(judged.spare)) & set(learnt_from(200))
    assert list(deal(real, 70, 2, learnt=False).real) != list(free.real)


def test_classes_are_chosen_by_name_or_number() -> None:
    real = Real("toy", {}, bright_or_dark(), "")
    assert real.data.labels is not None

    rows = of_classes(real, np.arange(200), ("bright",), 20)

    assert (len(rows), set(real.data.labels[rows])) == (20, {1})
    assert number_of("0", real.data.classes) == 0
    assert number_of("1", ("1", "0")) == 0
    with pytest.raises(UsageError, match="did you mean 'bright'"):
        number_of("brigth", real.data.classes)
    with pytest.raises(BadData, match="no labels"):
        of_classes(replace(real, data=replace(real.data, labels=None, classes=())), rows, ("0",), 20)
    with pytest.raises(BadData, match="No samples"):
        of_classes(real, rows, ("dark",), 20)


def test_what_is_scored_is_no_training_sample() -> None:
    """Else each real sample would be its own copy."""
    real = Real("toy", {}, Data(np.arange(10, dtype=np.float32)[:, None]), "")

    assert training_samples(real, np.array([2, 5])).ravel().tolist() == [0, 1, 3, 4, 6, 7, 8, 9]


def test_points_that_are_no_numbers_are_refused() -> None:
    points = np.array([[0, 1], [np.nan, 1], [np.inf, 0]], np.float32)

    with pytest.raises(GanzooError, match="2 of 3 samples hold NaN or infinity"):
        finite(points)
    assert finite(points[:1]) is not None


# Scores


def a_score(value: float = 3.0, name: str = "FD[toy]", **changes: Any) -> Score:
    facts: dict[str, Any] = {
        "metric": "frechet-distance",
        "options": {},
        "extractor": "toy",
        "extractor_hash": "ab",
        "extractor_accuracy": None,
        "generated": 10,
        "real": 10,
        "floor": 10,
        "training": 0,
        "dataset": "digits",
        "dataset_options": {"split": "train"},
        "dataset_digest": "cd",
        "target": "one",
        "target_hash": "ef",
        "seed": 0,
        "versions": {},
    }
    return Score(name=name, value=value, floor=1.0, provenance=Provenance(**facts | changes))


def test_scores_of_two_generators_compare() -> None:
    assert difference(a_score(5.0), a_score(2.0, target="two", target_hash="gh", seed=1)) == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("extractor_hash", "xy"),
        ("generated", 20),
        ("real", 20),
        ("dataset_digest", "xy"),
        ("dataset_options", {"split": "test"}),
        ("options", {"neighbours": 5}),
        ("name", "KD[toy]"),
    ],
)
def test_unlike_scores_are_not_compared(key: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"since they differ in {key} "):
        difference(a_score(), a_score(**{key: value}))


def test_scores_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    write_scores(path, [a_score(), replace(a_score(), value=[0.5, 0.5], floor=None)], "ganzoo evaluate")

    assert read_scores(path) == [a_score(), replace(a_score(), value=[0.5, 0.5], floor=None)]
    for text in ("{}", "[]", "no JSON", '{"format": 1, "scores": [{}]}'):
        path.write_text(text)
        with pytest.raises(BadData, match="holds no scores"):
            read_scores(path)
