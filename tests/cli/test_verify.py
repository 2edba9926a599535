"""`ganzoo verify`: a bundle that draws what it drew passes, and any other does not."""

import json
import shutil
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from command import Refused, contents, ganzoo

MODELS = Path(__file__).parents[2] / "exported_models"


@pytest.fixture
def bundle(made: Path, here: Path) -> Path:
    """A bundle of its own in the current folder."""
    shutil.copytree(made / "exported_models", here / "exported_models")
    return here / "exported_models" / "vanilla-mlp-001"


@pytest.mark.parametrize("name", sorted(path.parent.name for path in MODELS.glob("*/manifest.json")))
def test_every_model_that_we_ship_draws_what_it_drew(name: str) -> None:
    done = ganzoo("verify", str(MODELS / name), "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert "draws what it drew at export: seeds 0, 1, 2, 3, -1, 9223372036854775807" in done.stdout


def test_it_says_what_was_compared_where_and_changes_nothing(bundle: Path) -> None:
    before = contents(bundle)
    done = ganzoo("verify")
    assert done.exit_code == 0, done.output
    for words in ("latents, here and at export", "grey levels", "CPUExecutionProvider", "onnxruntime 1.", "Python 3."):
        assert words in done.stdout
    assert contents(bundle) == before


def test_pictures_that_are_other_ones_fail_it(bundle: Path, refused: Refused) -> None:
    path = bundle / "manifest.json"
    content = json.loads(path.read_text())
    pixels = bytearray(b64decode(content["self_test"]["samples"]))
    pixels[100] ^= 0x10
    content["self_test"]["samples"] = b64encode(bytes(pixels)).decode()
    path.write_text(json.dumps(content))
    done = refused(1, "verify", str(bundle))
    assert "does not draw here what it drew at export (samples, here and at export)" in done.stderr
    assert "16" in done.stdout


def test_a_file_that_changed_fails_it(bundle: Path, refused: Refused) -> None:
    with (bundle / "latents.onnx").open("ab") as file:
        file.write(b"\0")
    assert "latents.onnx is not the file that was exported" in refused(1, "verify", str(bundle)).stderr


def test_a_gpu_that_is_not_there_is_no_cpu(bundle: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.sampling.providers.cuda_devices", lambda: 0)
    assert "--device cpu" in refused(1, "verify", str(bundle), "--device", "cuda").stderr
