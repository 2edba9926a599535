"""Models that draw by label: exported with an input `label`, and sampled class by class."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

import ganzoo
from ganzoo.cli import main
from ganzoo.core.errors import BadBundle, ExportFailed, UsageError
from ganzoo.core.manifest import DatasetFacts, read_manifest
from ganzoo.core.specs import SampleSpec
from ganzoo.export import bundle
from ganzoo.export.bundle import Trained, export
from ganzoo.sampling.sampler import GENERATOR, Sampler
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal

NAMES = ("nought", "one", "two")
PICTURE = SampleSpec((1, 4, 4), len(NAMES))
PRIOR = Normal(NormalOptions(size=5))


class ByLabel(nn.Module):
    """A class's brightness, and a trace of the latent."""

    def __init__(self) -> None:
        super().__init__()
        self.brightness = nn.Embedding(len(NAMES), 1)
        self.trace = nn.Linear(5, 16, bias=False)
        with torch.no_grad():
            self.brightness.weight.copy_(torch.tensor([[-0.8], [0.0], [0.8]]))
            self.trace.weight.mul_(0.01)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        return (self.brightness(labels) + self.trace(latents)).clamp(-1, 1).unflatten(1, (1, 4, 4))


class OfTheFirst(ByLabel):
    """A mistake: everybody gets the label of the first."""

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        return super().forward(latents, labels[:1].expand(len(latents)))


def exported(folder: Path, generator: nn.Module, patch: pytest.MonkeyPatch) -> Path:
    """The bundle of a generator that was never trained, of a run that has a configuration alone."""
    run = ganzoo.train("vanilla-mlp", steps=1, out=folder / "runs", quiet=True, settings={"latents.size": 5})
    data = DatasetFacts(name="toy", source="-", licence="-", samples=9, digest="", classes=NAMES)
    trained = Trained(run, run.config(), data, PICTURE, generator.eval(), PRIOR, 1, "", conditional=True)
    patch.setattr(bundle, "load_trained", lambda *_, **__: trained)
    return export(run, folder / "models", "by-label")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return exported(tmp_path, ByLabel(), monkeypatch)


def brightness(pictures: np.ndarray) -> list[float]:
    """Of each picture, uint8 [N, 4, 4, 1], in [-1, 1]."""
    return [round(float(value), 1) for value in pictures.reshape(len(pictures), -1).mean(1) / 127.5 - 1]


def test_labels_take_turns_by_seed_or_are_chosen_by_number_or_name(model: Path) -> None:
    sampler = Sampler(model, device="cpu")
    assert read_manifest(model).conditional
    assert brightness(sampler.sample(4, seed=2)) == [0.8, -0.8, 0.0, 0.8]
    assert brightness(sampler.sample(2, seed=-1)) == [0.8, -0.8]
    assert brightness(sampler.sample(3, label=1)) == brightness(sampler.sample(3, label="one")) == [0.0] * 3
    assert brightness(sampler.sample(2, label="2")) == [0.8] * 2
    np.testing.assert_array_equal(sampler.sample(4, label=0)[3:], sampler.sample(1, seed=3, label=0))


def test_the_graph_takes_labels_as_an_input(model: Path) -> None:
    """Plain onnxruntime, and any size of batch."""
    session = onnxruntime.InferenceSession(model / GENERATOR, providers=["CPUExecutionProvider"])
    ports = {port.name: (port.type, port.shape) for port in session.get_inputs()}
    assert ports == {"latents": ("tensor(float)", ["N", 5]), "label": ("tensor(int64)", ["N"])}
    for labels in ([2], [0, 2, 1, 1, 0]):
        inputs = {"latents": np.zeros((len(labels), 5), np.float32), "label": np.array(labels)}
        (images,) = session.run(["images"], inputs)
        assert brightness(images) == [[-0.8, 0.0, 0.8][label] for label in labels]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (3, "no label 3; labels are 0 to 2.$"),
        ("3", "no label '3'; labels are 0 to 2.$"),
        (-1, "no label -1"),
        ("tow", "did you mean 'two'"),
        ("", "no label ''"),
    ],
)
def test_a_label_that_there_is_not_is_refused(model: Path, label: int | str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Sampler(model, device="cpu").sample(2, label=label)


@pytest.mark.parametrize("labels", [None, [0], [0, 3], [-1, 0], [0.0, 1.0], [[0, 1]]])
def test_labels_of_another_shape_or_range_are_refused(model: Path, labels: object) -> None:
    sampler = Sampler(model, device="cpu")
    latents = sampler.latents(np.arange(2))
    with pytest.raises(UsageError, match="give 2 whole numbers in 0…2"):
        sampler.generate(latents, None if labels is None else np.array(labels))


def test_the_command_line_chooses_a_label(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "samples.npy"
    runner = CliRunner()
    done = runner.invoke(main, ["sample", str(model), "-n", "2", "--label", "two", "-o", str(out), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert brightness(np.load(out)) == [0.8, 0.8]
    wrong = runner.invoke(main, ["sample", str(model), "--label", "three", "-o", str(out), "--device", "cpu"])
    assert wrong.exit_code != 0


def test_the_card_s_code_runs_as_it_stands(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = (model / "README.md").read_text(encoding="utf-8")
    assert "`label` int64 [N] in 0…2: nought, one, two" in card
    names: dict[str, np.ndarray] = {}
    monkeypatch.chdir(model)
    exec(card.split("```python")[1].split("```")[0], names)
    assert brightness(names["images"]) == [[-0.8, 0.0, 0.8][n % 3] for n in range(16)]


def test_a_model_without_labels_refuses_one(tmp_path: Path) -> None:
    run = ganzoo.train("vanilla-mlp", steps=1, out=tmp_path / "runs", quiet=True)
    sampler = Sampler(export(run, tmp_path / "models"), device="cpu")
    with pytest.raises(UsageError, match="does not draw by label"):
        sampler.sample(1, label=0)
    with pytest.raises(UsageError, match="does not draw by label"):
        sampler.generate(sampler.latents(np.arange(1)), np.zeros(1, np.int64))


def test_a_bundle_whose_graph_has_no_such_input_is_refused(model: Path) -> None:
    path = model / "manifest.json"
    path.write_text(path.read_text().replace('"conditional": true', '"conditional": false'))
    with pytest.raises(BadBundle, match="should take latents"):
        Sampler(model, device="cpu")


def test_a_generator_that_mixes_up_labels_is_not_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportFailed, match="differs by"):
        exported(tmp_path, OfTheFirst(), monkeypatch)
    assert not (tmp_path / "models" / "by-label").exists()
