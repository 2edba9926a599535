"""Scores agree with torch-fidelity's: of its functions on the same features, and of its network on the same pictures.

Inception's weights cannot be had on every machine, so that the network has random ones, in a file of the same layout.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from client_tools import skipping
from torch import nn

from benchmarks.clients.tools import fidelity
from ganzoo.api import Evidence, Exhibit
from ganzoo.catalog import load_catalog
from ganzoo.core.files import sha256
from ganzoo.core.options import parse_options
from ganzoo.evaluation import inception
from ganzoo.evaluation.judges import Judges
from ganzoo.training.display import Display

pytestmark = pytest.mark.clients

AGREE = 1e-3
COUNT = 30  # pictures of each kind


@pytest.fixture(scope="module", autouse=True)
def package() -> Iterator[ModuleType]:
    """torch-fidelity, in this process."""
    with skipping():
        folder = str(fidelity())
    sys.path.append(folder)
    import_module("vision")  # before torch-fidelity, which needs it
    yield import_module("torch_fidelity")
    sys.path.remove(folder)


def ours(name: str, evidence: Evidence, **options: Any) -> dict[str, Any]:
    spec = load_catalog().metrics[name]
    return dict(spec.build(parse_options(spec.options, options, name))(evidence))


def shown(generated: np.ndarray, real: np.ndarray) -> Evidence:
    return Evidence(Exhibit(generated, features=generated), Exhibit(real, features=real), real, 0)


def clouds(n: int, m: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unlike ones that overlap, as features are: none is negative, and many are 0; float32 [N, F] and [M, F]."""
    random = np.random.default_rng(n * m + size)
    skew = np.eye(size) + 0.5 * random.standard_normal((size, size)) / np.sqrt(size)
    generated = 1.1 * random.standard_normal((n, size)) @ skew + 1.5 / np.sqrt(size)
    return tuple(rows.clip(0).astype(np.float32) for rows in (generated, random.standard_normal((m, size))))


# Its functions, on the same features


@pytest.mark.parametrize(("n", "m", "size"), [(300, 300, 8), (200, 700, 64), (500, 90, 128)])
def test_the_frechet_distance_agrees(n: int, m: int, size: int) -> None:
    """Also where there are fewer samples than features."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    generated, real = clouds(n, m, size)
    statistics = [fid_features_to_statistics(torch.from_numpy(rows)) for rows in (generated, real)]
    expected = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]

    assert expected > 0.1
    assert ours("frechet-distance", shown(generated, real)) == pytest.approx({"FD": expected}, rel=AGREE)


@pytest.mark.parametrize(("n", "m", "size"), [(300, 300, 8), (200, 700, 64), (500, 90, 128)])
def test_the_kernel_distance_agrees(n: int, m: int, size: int) -> None:
    """To 1e-3 where one subset has all samples; to within what chance explains where subsets are drawn."""
    from torch_fidelity.metric_kid import kid_features_to_metric

    def expected(generated: np.ndarray, real: np.ndarray, subsets: int, subset_size: int) -> dict[str, float]:
        found = kid_features_to_metric(
            torch.from_numpy(generated),
            torch.from_numpy(real),
            kid_subsets=subsets,
            kid_subset_size=subset_size,
            verbose=False,
        )
        return {"KD": found["kernel_inception_distance_mean"], "KD spread": found["kernel_inception_distance_std"]}

    generated, real = clouds(n, m, size)
    few = min(n, m)
    exact = expected(generated[:few], real[:few], 1, few)
    drawn = expected(generated, real, 2000, few // 2)
    found = ours("kernel-distance", shown(generated, real), subsets=2000, subset_size=few // 2)

    assert exact["KD"] > 1e-3
    whole = ours("kernel-distance", shown(generated[:few], real[:few]), subsets=1, subset_size=few)
    assert whole == pytest.approx(exact, rel=AGREE, abs=1e-6)
    assert abs(found["KD"] - drawn["KD"]) < 5 * drawn["KD spread"] / np.sqrt(2000)
    assert found["KD spread"] == pytest.approx(drawn["KD spread"], rel=0.1)


@pytest.mark.parametrize(("n", "m", "size"), [(300, 300, 3), (200, 700, 16), (500, 90, 64)])
@pytest.mark.parametrize("neighbours", [1, 3])
def test_precision_and_recall_agree(n: int, m: int, size: int, neighbours: int) -> None:
    from torch_fidelity.metric_prc import prc_features_to_metric

    generated, real = (torch.from_numpy(rows).double() for rows in clouds(n, m, size))
    expected = prc_features_to_metric(generated, real, prc_neighborhood=neighbours, verbose=False)
    found = ours("precision-recall", shown(generated.numpy(), real.numpy()), neighbours=neighbours)

    assert 0.01 < expected["precision"] < 0.99
    assert found == pytest.approx({name: expected[name] for name in found}, abs=AGREE)


def test_precision_and_recall_agree_where_distances_tie() -> None:
    """On a grid: the edge of a neighbourhood belongs to it."""
    from torch_fidelity.metric_prc import prc_features_to_metric

    random = np.random.default_rng(0)
    generated, real = (random.integers(0, side, (150, 3)).astype(np.float64) for side in (12, 9))
    tensors = (torch.from_numpy(rows) for rows in (generated, real))
    expected = prc_features_to_metric(*tensors, prc_neighborhood=3, verbose=False)
    found = ours("precision-recall", shown(generated, real))

    assert 0.1 < expected["precision"] < 0.95
    assert found == pytest.approx({name: expected[name] for name in found}, abs=AGREE)


# Its network, on the same pictures


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as Inception's, of random weights that keep the scale of what passes through."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save({}, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = FeatureExtractorInceptionV3("random", ["2048"], feature_extractor_weights_path=str(path))
    torch.manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    network.fc.weight *= 30  # so that classes are told apart
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Unlike pictures of two kinds, uint8 [N, H, W, C]: steep gradients with little noise, and the other way round."""
    random = np.random.default_rng(0)
    return noisy_gradients(random, 100, 30), noisy_gradients(random, 60, 50)


def noisy_gradients(random: np.random.Generator, steepness: float, noise: float) -> np.ndarray:
    slopes = random.uniform(-steepness, steepness, (2, COUNT, 1, 1, 3))
    lines = np.linspace(-1, 1, 32)
    values = 128 + slopes[0] * lines[:, None, None] + slopes[1] * lines[None, :, None]
    values += random.normal(0, 1, values.shape) * random.uniform(0, noise, (COUNT, 1, 1, 1))
    return values.clip(0, 255).astype(np.uint8)


class Pictures(torch.utils.data.Dataset):
    """As torch-fidelity takes them: uint8 [3, H, W] each."""

    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy())

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.pictures[index]


def test_fid_kid_is_precision_and_recall_are_those_of_torch_fidelity(
    package: ModuleType, weights: Path, pictures: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of `calculate_metrics` with the same file of weights: pictures are resized and rounded by nobody in between."""
    generated, real = pictures
    parts, whole = 5, {"kid_subsets": 1, "kid_subset_size": COUNT}
    expected = package.calculate_metrics(
        input1=Pictures(generated),
        input2=Pictures(real),
        cuda=False,
        fid=True,
        kid=True,
        isc=True,
        prc=True,
        isc_splits=parts,
        samples_shuffle=False,
        feature_extractor="inception-v3-compat",  # which is the default for all but precision and recall
        feature_extractor_weights_path=str(weights),
        batch_size=20,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
        **whole,
    )
    changed = inception.RemoteFile(weights.name, (), f"sha256:{sha256(weights)}")
    monkeypatch.setattr(inception, "WEIGHTS", changed)
    judges = Judges(inception.inception_of(weights, torch.device("cpu"), Display(quiet=True).track), None)
    samples = (judges.shown(Exhibit(each)) for each in (generated, real))
    evidence = Evidence(*samples, real, 0)

    found = {
        "frechet_inception_distance": ours("frechet-distance", evidence)["FD"],
        "kernel_inception_distance_mean": ours("kernel-distance", evidence, subsets=1, subset_size=COUNT)["KD"],
        "inception_score_mean": ours("inception-score", evidence, parts=parts)["IS"],
        "inception_score_std": ours("inception-score", evidence, parts=parts)["IS spread"],
        **ours("precision-recall", evidence),
    }
    assert expected["inception_score_mean"] > 1.1
    assert found == pytest.approx({name: expected[name] for name in found}, rel=AGREE)
