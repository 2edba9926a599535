"""Inception's weights are the right ones or none, and scores of its features are called what papers call them."""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from math import exp, log
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from ganzoo.api import BadData, Evidence, Exhibit
from ganzoo.catalog import load_catalog
from ganzoo.cli import main
from ganzoo.core.errors import GanzooError, UsageError
from ganzoo.core.options import parse_options
from ganzoo.evaluation import classifier, inception
from ganzoo.evaluation.inception import Inception, inception_of
from ganzoo.evaluation.scores import read_scores
from ganzoo.training.display import Display

CPU = torch.device("cpu")
CONTENT = b"weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
TRACK = Display(quiet=True).track


class StandIn(torch.nn.Module):
    """Takes and makes what torch-fidelity's network does: each colour's mean and first pixel are its features."""

    def __init__(self, name: str, features: list[str], feature_extractor_weights_path: str) -> None:
        super().__init__()
        assert (name, features) == ("inception-v3-compat", ["2048"])
        assert Path(feature_extractor_weights_path).read_bytes() == CONTENT
        self.fc = torch.nn.Linear(6, 4)
        torch.nn.init.eye_(self.fc.weight)
        self.sizes: list[int] = []

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor]:
        assert (pictures.dtype, pictures.ndim, pictures.shape[1]) == (torch.uint8, 4, 3)
        self.sizes.append(len(pictures))
        return (torch.cat([pictures.float().mean((2, 3)), pictures[:, :, 0, 0].float()], 1),)


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name, of which only the network is used."""
    module = ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.FeatureExtractorInceptionV3 = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, module.__name__, module)


class Site(SimpleHTTPRequestHandler):
    """Files of a folder, without a word on the screen."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a web server, which has the weights."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "weights").write_bytes(CONTENT)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(folder))) as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{running.server_port}/weights"
        monkeypatch.setattr(inception, "WEIGHTS", replace(inception.WEIGHTS, urls=(url,), digest=f"sha256:{DIGEST}"))
        yield folder
        running.shutdown()
        thread.join()


def kept(cache: Path) -> Path:
    return cache / "inception" / "weights-inception-2015-12-05-6726825d.pth"


# The weights


def test_the_digest_is_that_which_the_file_s_name_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    digest = inception.WEIGHTS.digest.removeprefix("sha256:")

    assert len(digest) == 64
    assert all(f"-{digest[:8]}.pth" in name for name in (inception.WEIGHTS.name, *inception.WEIGHTS.urls))


def test_the_weights_are_downloaded_once(server: Path, own_cache: Path) -> None:
    assert inception_of(None, CPU, TRACK).hash == DIGEST
    (server / "weights").unlink()

    assert inception_of(None, CPU, TRACK).hash == DIGEST
    assert kept(own_cache).read_bytes() == CONTENT


def test_weights_at_a_path_need_no_network(server: Path, own_cache: Path, tmp_path: Path) -> None:
    (server / "weights").rename(tmp_path / "mine.pth")

    assert inception_of(tmp_path / "mine.pth", CPU, TRACK).hash == DIGEST
    assert not kept(own_cache).exists()


def test_where_there_is_no_network_the_user_is_told_which_file_to_put_where(server: Path, own_cache: Path) -> None:
    (server / "weights").unlink()
    with pytest.raises(BadData) as raised:
        inception_of(None, CPU, TRACK)

    told = str(raised.value)
    assert "404" in told
    assert f"put the file into {own_cache / 'inception'}" in told
    assert f"--features inception:FOLDER/{inception.WEIGHTS.name}" in told
    assert "--data" not in told


def test_another_file_in_its_place_is_never_kept_or_opened(server: Path, own_cache: Path) -> None:
    (server / "weights").write_bytes(b"others")
    with pytest.raises(BadData, match="digest"):
        inception_of(None, CPU, TRACK)

    assert not kept(own_cache).exists()


@pytest.mark.parametrize("content", [CONTENT[:-1], b"", b"others"])
def test_a_damaged_or_other_file_is_told_by_its_digest_before_it_is_opened(
    own_cache: Path, tmp_path: Path, content: bytes
) -> None:
    """In the cache, and at a path; what is no longer there is downloaded again."""
    for file in (kept(own_cache), tmp_path / "mine.pth"):
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes(content)
    with pytest.raises(BadData, match=f"{DIGEST}; remove it"):
        inception_of(None, CPU, TRACK)
    with pytest.raises(BadData, match=hashlib.sha256(content).hexdigest()):
        inception_of(tmp_path / "mine.pth", CPU, TRACK)
    kept(own_cache).unlink()

    assert inception_of(None, CPU, TRACK).hash == DIGEST


def test_a_path_with_nothing_at_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        inception_of(tmp_path / "gone.pth", CPU, TRACK)


def test_a_missing_package_is_named_before_anything_is_downloaded(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.delitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3")
    with pytest.raises(GanzooError, match=r"pip install 'ganzoo\[inception\]'"):
        inception_of(None, CPU, TRACK)

    assert not kept(own_cache).exists()


def test_a_torchvision_of_another_torch_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_name: str) -> Any:
        raise RuntimeError("operator torchvision::nms does not exist\nand a long story")

    monkeypatch.setattr(inception, "import_module", fails)
    with pytest.raises(GanzooError, match=r"torchvision does not work .*\(operator torchvision::nms does not exist\);"):
        inception_of(None, CPU, TRACK)


# What it sees


def test_pictures_reach_the_network_in_order_as_rgb_with_grey_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inception, "AT_ONCE", 3)
    judge = inception_of(None, CPU, TRACK)
    grey = np.random.default_rng(0).integers(0, 256, (7, 4, 5, 1), np.uint8)
    coloured = np.random.default_rng(1).integers(0, 256, (7, 4, 5, 3), np.uint8)

    found = judge.features(np.ascontiguousarray(grey)), judge.features(coloured)

    assert judge.network.sizes == [3, 3, 1, 3, 3, 1]
    np.testing.assert_allclose(found[0], np.repeat([grey.mean((1, 2, 3)), grey[:, 0, 0, 0]], 3, 0).T, rtol=1e-5)
    np.testing.assert_allclose(found[1], np.hstack([coloured.mean((1, 2)), coloured[:, 0, 0]]), rtol=1e-5)
    assert found[0].dtype == np.float32


def test_pictures_of_two_channels_are_refused() -> None:
    with pytest.raises(BadData, match="1 or 3 channels, and these pictures have 2"):
        inception_of(None, CPU, TRACK).features(np.zeros((2, 4, 4, 2), np.uint8))


def test_logits_have_no_biases() -> None:
    """As of torch-fidelity's `logits_unbiased`, with which the score has always been computed."""
    judge = inception_of(None, CPU, TRACK)
    features = np.random.default_rng(0).standard_normal((5, 6)).astype(np.float32)

    np.testing.assert_array_equal(judge.logits(features), features[:, :4])


# The scores


def score(logits: Any, parts: int) -> dict[str, Any]:
    shown = Exhibit(np.zeros((len(logits), 1), np.float32), logits=np.asarray(logits, np.float32))
    spec = load_catalog().metrics["inception-score"]
    metric = spec.build(parse_options(spec.options, {"parts": parts}, spec.name))
    return dict(metric(Evidence(shown, shown, shown.samples, 0)))


def test_sure_and_even_samples_have_the_largest_score_and_unsure_or_like_ones_the_smallest() -> None:
    """Also where probabilities are too small for numbers: the logits lie 2,000 apart."""
    sure = np.eye(8)[np.arange(80) % 8] * 2000

    assert score(sure, 10) == pytest.approx({"IS": 8, "IS spread": 0})
    assert score(np.zeros((80, 8)), 10) == pytest.approx({"IS": 1, "IS spread": 0})
    assert score(sure[np.zeros(80, int)], 10) == pytest.approx({"IS": 1, "IS spread": 0})


def test_the_score_is_the_mean_of_parts_in_the_samples_order() -> None:
    """Found by hand: two samples of 3 to 1 and of 1 to 3, whose mean is even, and then two that are the same."""
    rows = np.log([[3, 1], [1, 3], [3, 1], [3, 1]])
    unlike = exp(0.75 * log(0.75 / 0.5) + 0.25 * log(0.25 / 0.5))

    assert score(rows, 2) == pytest.approx({"IS": (unlike + 1) / 2, "IS spread": (unlike - 1) / 2})


def test_fewer_samples_than_parts_are_refused() -> None:
    with pytest.raises(BadData, match="3 samples have no 4 parts; use more --samples"):
        score(np.zeros((3, 2)), 4)


# The command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ganzoo.evaluation.evaluate.version", lambda name: f"that of {name}")
    return tmp_path


def evaluate(*words: str) -> Result:
    return CliRunner().invoke(main, ["evaluate", "digits", "--samples", "100", *words], catch_exceptions=False)


def test_distances_of_its_features_and_of_no_others_are_called_fid_and_kid(here: Path) -> None:
    metrics = "frechet-distance,kernel-distance,precision-recall,inception-score,diversity"
    done = evaluate("--features", "inception", "--metrics", metrics, "--json", "scores.json")

    assert done.exit_code == 0, done.output
    found = {score.name: score for score in read_scores(here / "scores.json")}
    mark = f"[inception-2015-12-05@{DIGEST[:8]}]"
    names = [f"{name}{mark}" for name in ("FID", "KID", "KID spread", "precision", "recall", "IS", "IS spread")]
    assert list(found) == [*names, "mean distance"]
    source = found[f"FID{mark}"].provenance
    assert (source.extractor_hash, source.extractor_accuracy) == (DIGEST, None)
    assert source.extractor == f"{Inception.name}, {Inception.resize}"
    assert source.versions["torch-fidelity"] == "that of torch-fidelity"
    assert "torch-fidelity" not in found["mean distance"].provenance.versions
    assert f"FID{mark}" in done.stdout


def test_the_inception_score_is_among_all_that_fit_only_where_inception_looks(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(classifier.SETTINGS, "updates", 5)
    assert "IS[" in evaluate("--features", "inception", "--metrics", "inception-score").stdout
    assert "IS[" not in evaluate("--features", "pixels").stdout
    refused = evaluate("--features", "pixels", "--metrics", "inception-score")

    assert refused.exit_code == 1
    assert refused.stderr == "Error: inception-score is made of what Inception sees; add --features inception.\n"


@pytest.mark.parametrize("wrong", ["inception:gone.pth", "inception:"])
def test_a_wrong_path_is_one_sentence(here: Path, wrong: str) -> None:
    done = evaluate("--features", wrong, "--metrics", "frechet-distance")

    assert done.exit_code == 2
    assert done.stderr.startswith("Error: There is no file ")
    assert done.stderr.count("\n") == 1
