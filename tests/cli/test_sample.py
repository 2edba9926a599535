"""`ganzoo sample`, from the command to the files."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from command import Refused, contents, ganzoo, ganzoo_process
from PIL import Image


@pytest.fixture
def bundle(made: Path, here: Path) -> Path:
    """A bundle of its own in the current folder."""
    shutil.copytree(made / "exported_models", here / "exported_models")
    return here / "exported_models" / "vanilla-mlp-001"


def drawn(*words: str) -> np.ndarray:
    done = ganzoo("sample", *words, "-o", "x.npy")
    assert done.exit_code == 0, done.output
    return np.load("x.npy")


def test_the_newest_bundle_draws_64_pictures_in_one(bundle: Path, here: Path) -> None:
    done = ganzoo("sample")
    assert done.exit_code == 0
    assert done.stdout == (
        "Drew 64 samples from exported_models/vanilla-mlp-001 on CPUExecutionProvider, seeds 0 to 63: samples.png\n"
    )
    with Image.open("samples.png") as picture, Image.open(bundle / "preview.png") as preview:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(preview))


def test_sample_i_uses_seed_plus_i(bundle: Path) -> None:
    whole = drawn("-n", "6", "--seed", "-2")
    np.testing.assert_array_equal(drawn("-n", "3", "--seed", "1"), whole[3:])


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "webp", "PNG"])
def test_the_suffix_chooses_the_format(suffix: str, bundle: Path) -> None:
    assert ganzoo("sample", str(bundle), "-n", "2", "-o", f"deep/er/x.{suffix}").exit_code == 0
    with Image.open(f"deep/er/x.{suffix}") as picture:
        assert picture.format == {"jpg": "JPEG"}.get(suffix, suffix.upper())


@pytest.mark.parametrize("output", ["x.gif", "x", "x.png.txt", "folder"])
def test_another_suffix_is_refused_with_those_that_there_are(output: str, bundle: Path, refused: Refused) -> None:
    Path("folder").mkdir()
    assert "end its name in .png, .jpg, .jpeg, .webp or .npy" in refused(2, "sample", "-o", output).stderr


def test_a_file_in_the_way_of_the_output_s_folder_is_kept(bundle: Path, here: Path, refused: Refused) -> None:
    (here / "mine").write_text("precious")
    assert "Cannot write mine/x.png" in refused(1, "sample", "-o", "mine/x.png").stderr
    assert (here / "mine").read_text() == "precious"


def test_a_folder_called_like_the_output_is_kept(bundle: Path, here: Path, refused: Refused) -> None:
    (here / "x.png").mkdir()
    (here / "x.png" / "precious").touch()
    assert "Cannot write x.png" in refused(1, "sample", "-o", "x.png").stderr
    assert [path.name for path in (here / "x.png").iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seed", str(2**63 - 10)], "do not all lie in -2^63…2^63 - 1"),
        (["-n", str(10**15)], "do not fit into memory"),
    ],
)
def test_numbers_that_cannot_be_are_wrong_usage(words: list[str], said: str, bundle: Path, refused: Refused) -> None:
    assert said in refused(2, "sample", *words).stderr


def no_file(bundle: Path) -> None:
    (bundle / "generator.onnx").unlink()


def other_file(bundle: Path) -> None:
    with (bundle / "generator.onnx").open("ab") as file:
        file.write(b"\0")


def other_version(bundle: Path) -> None:
    change(bundle, format=99)


def other_latents(bundle: Path) -> None:
    test = json.loads((bundle / "manifest.json").read_text())["self_test"]
    change(bundle, self_test=test | {"latents_sha256": "0" * 64})


def no_manifest(bundle: Path) -> None:
    (bundle / "manifest.json").unlink()


def cut_manifest(bundle: Path) -> None:
    (bundle / "manifest.json").write_text((bundle / "manifest.json").read_text()[:99])


def change(bundle: Path, **values: object) -> None:
    path = bundle / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_file, "Cannot read exported_models/vanilla-mlp-001/generator.onnx"),
        (other_file, "its SHA-256 differs. Export it again"),
        (other_version, "has format 99, and this ganzoo reads format 2; install a newer ganzoo"),
        (other_latents, "draws other latents here than where it was exported"),
        (no_manifest, "it has no manifest.json"),
        (cut_manifest, "Export it again"),
    ],
)
def test_a_bundle_that_is_not_as_exported_draws_nothing(
    spoil: object, said: str, bundle: Path, here: Path, refused: Refused
) -> None:
    assert callable(spoil)
    spoil(bundle)
    (here / "samples.png").write_bytes(b"precious")
    before = contents(here)
    assert said in refused(1, "sample", "exported_models/vanilla-mlp-001").stderr
    assert contents(here) == before


def test_a_process_draws_and_prints_nothing_of_its_tools(bundle: Path, here: Path) -> None:
    done = ganzoo_process("sample", "-n", "4", cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Drew 4 samples")


def test_truncation_draws_nearer_to_the_mean(bundle: Path, refused: Refused) -> None:
    """At 0 all latents are 0, and all pictures are one."""
    whole, none = drawn("-n", "5"), drawn("-n", "5", "--truncation", "0")
    np.testing.assert_array_equal(none, np.repeat(none[:1], 5, 0))
    assert whole.std(0).mean() > drawn("-n", "5", "--truncation", "0.5").std(0).mean() > 0
    assert "Truncation is a number" in refused(2, "sample", "--truncation", "nan").stderr


def test_a_file_that_is_no_bundle_is_drawn_from_with_a_word_of_warning(bundle: Path, refused: Refused) -> None:
    """The bundle's own graph as if it were a stranger's: images come first, and are bytes."""
    assert "name the bundle's folder" in refused(1, "sample", str(bundle / "generator.onnx")).stderr
    model = onnx.load(bundle / "generator.onnx")
    del model.metadata_props[:]
    onnx.save(model, "strange.onnx")
    done = ganzoo("sample", "strange.onnx", "-n", "3", "-o", "y.npy")
    assert done.exit_code == 0, done.output
    assert "taken to be standard normals" in done.stdout
    np.testing.assert_array_equal(np.load("y.npy"), drawn(str(bundle), "-n", "3"))
