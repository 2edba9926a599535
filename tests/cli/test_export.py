"""`ganzoo export`, from the command to the files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import Refused, contents, ganzoo, ganzoo_process

from ganzoo.core.manifest import read_manifest
from ganzoo.sampling.sampler import Sampler


@pytest.fixture
def runs(made: Path, here: Path) -> Path:
    """The current folder, with a run of its own."""
    shutil.copytree(made / "runs", here / "runs")
    return here


def test_the_newest_run_is_exported_under_its_name(runs: Path) -> None:
    done = ganzoo("export", "--onnx")
    assert done.exit_code == 0
    assert "Exporting runs/vanilla-mlp-001…" in done.stdout
    assert "Wrote exported_models/vanilla-mlp-001 (" in done.stdout
    assert "from step 30: moving average, stored as float32" in done.stdout
    assert "images of onnxruntime and torch, batch 7" in done.stdout
    assert "Next: ganzoo sample exported_models/vanilla-mlp-001" in done.stdout
    assert Sampler("exported_models/vanilla-mlp-001").sample(2).shape == (2, 8, 8, 1)


def test_name_and_out_say_what_and_where(runs: Path) -> None:
    assert ganzoo("export", "--onnx", "runs/vanilla-mlp-001", "--name", "mine", "--out", "deep/er").exit_code == 0
    assert read_manifest(runs / "deep" / "er" / "mine").name == "mine"


def test_a_bundle_is_kept_unless_forced(runs: Path, refused: Refused) -> None:
    ganzoo("export", "--onnx")
    before = contents(runs / "exported_models")
    done = refused(2, "export", "--onnx")
    assert "choose another --name, or replace it with --force" in done.stderr
    assert contents(runs / "exported_models") == before
    assert ganzoo("export", "--onnx", "--force").exit_code == 0


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_a_name_is_no_path(name: str, runs: Path, refused: Refused) -> None:
    assert "is no folder's name" in refused(2, "export", "--onnx", "--name", name, "--force").stderr
    assert [path.name for path in runs.iterdir()] == ["runs"]


def test_a_damaged_checkpoint_is_named_with_a_way_out(runs: Path, refused: Refused) -> None:
    checkpoint = runs / "runs" / "vanilla-mlp-001" / "checkpoints" / "step-00000030.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    done = refused(1, "export", "--onnx")
    assert "step-00000030.safetensors is damaged" in done.stderr
    assert "Delete it to go on from the checkpoint before it" in done.stderr
    assert not (runs / "exported_models").exists()


@pytest.mark.parametrize("name", ["config.json", "checkpoint"])
def test_a_run_of_another_version_is_refused(name: str, runs: Path, refused: Refused) -> None:
    run = runs / "runs" / "vanilla-mlp-001"
    path = run / "config.json" if name == "config.json" else next((run / "checkpoints").iterdir())
    old, new = (b'"format": 1', b'"format": 9') if name == "config.json" else (rb"\"format\": 2", rb"\"format\": 9")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    before = contents(run)
    for command in (["export", "--onnx"], ["train", "--resume", str(run), "--steps", "40"]):
        assert "was written by another version of ganzoo (format 9)" in refused(1, *command).stderr
    after = contents(run)
    assert {key for key in before if before[key] != after.get(key)} <= {"config.json", "report.html"}


def test_a_process_exports_and_prints_nothing_of_its_tools(runs: Path) -> None:
    """torch and onnxruntime have much to say that is of no use to a user."""
    done = ganzoo_process("export", "--onnx", cwd=runs)
    assert (done.returncode, done.stderr) == (0, "")
    first = [line.split()[0] for line in done.stdout.splitlines()]
    assert (first[:2], first[-2:]) == (["Exporting", "compared"], ["Wrote", "Next:"])
    assert set(first[2:-2]) == {"samples", "images"}


def test_a_checkpoint_can_be_chosen_and_its_raw_weights(runs: Path, refused: Refused) -> None:
    assert ganzoo("export", "--onnx", "--checkpoint", "30", "--raw", "--name", "own").exit_code == 0
    training = read_manifest(runs / "exported_models" / "own").training
    assert (training.step, training.weights) == (30, "raw")
    assert "has no checkpoint of step 25; it has 30" in refused(1, "export", "--onnx", "--checkpoint", "25").stderr
    assert "marked as its best" in refused(1, "export", "--onnx", "--checkpoint", "best").stderr
    assert "say last, best, or the number of a step" in refused(2, "export", "--onnx", "--checkpoint", "first").stderr
    assert [path.name for path in (runs / "exported_models").iterdir()] == ["own"]


def test_more_files_and_half_the_size_are_asked_for(runs: Path, refused: Refused) -> None:
    assert ganzoo("export", "--onnx", "--name", "plain").exit_code == 0
    words = ["--fp16", "--single-file", "--head", "uint8-rgb", "--name", "all"]
    assert ganzoo("export", "--onnx", *words).exit_code == 0
    models = runs / "exported_models"
    assert sorted(path.name for path in (models / "all").glob("*.onnx")) == [
        "generator.onnx",
        "latents.onnx",
        "single.onnx",
        "uint8-rgb.onnx",
    ]
    halved, whole = ((models / name / "generator.onnx").stat().st_size for name in ("all", "plain"))
    assert halved < 0.55 * whole
    assert read_manifest(models / "all").stored_as == "float16"
    done = ganzoo("verify", "exported_models/all")
    assert done.exit_code == 0, done.output
    assert "single.onnx and generator.onnx" in done.stdout
    assert "There is no head 'rgb'" in refused(2, "export", "--onnx", "--head", "rgb", "--name", "x").stderr
    assert "There is no export to opset 17" in refused(2, "export", "--onnx", "--opset", "17", "--name", "x").stderr
    assert sorted(path.name for path in models.iterdir()) == ["all", "plain"]


def test_exporting_twice_in_two_processes_gives_the_same_bytes(runs: Path) -> None:
    """Hashes of names and of memory differ from one process to the next."""
    script = "import sys, ganzoo; ganzoo.export('runs/vanilla-mlp-001', out=sys.argv[1])"
    for out in ("a", "b"):
        subprocess.run([sys.executable, "-c", script, out], cwd=runs, check=True)
    first, second = ((runs / out / "vanilla-mlp-001" / "generator.onnx").read_bytes() for out in ("a", "b"))
    assert first == second


# A site, and a model repository for Triton


def test_a_site_of_the_newest_run_leaves_no_bundle_beside_it(runs: Path) -> None:
    done = ganzoo("export", "--web", "site")
    assert done.exit_code == 0, done.output
    assert "Exporting runs/vanilla-mlp-001…" in done.stdout
    assert "images of onnxruntime and torch, batch 7" in done.stdout
    assert "ganzoo sample" not in done.stdout
    assert "Wrote site (" in done.stdout
    assert ", a site of 1 model for any host of files." in done.stdout
    assert done.stdout.endswith("Next: python -m http.server --directory site\n")
    assert sorted(path.name for path in runs.iterdir()) == ["runs", "site"]
    assert Sampler("site/models/vanilla-mlp-001").sample(2).shape == (2, 8, 8, 1)


def test_a_run_becomes_a_bundle_and_a_site_at_once(runs: Path) -> None:
    done = ganzoo("export", "--onnx", "--web", "site", "--name", "mine", "--fp16")
    assert done.exit_code == 0, done.output
    assert "Wrote exported_models/mine (" in done.stdout
    for file in ("latents.onnx", "generator.onnx"):
        bundle, site = (Path(folder, "mine", file) for folder in ("exported_models", "site/models"))
        assert bundle.read_bytes() == site.read_bytes()
    assert read_manifest(Path("site/models/mine")).stored_as == "float16"


def test_runs_and_bundles_share_a_site(made: Path, runs: Path) -> None:
    shutil.copytree(made / "runs" / "vanilla-mlp-001", runs / "runs" / "other")
    bundle = str(made / "exported_models" / "vanilla-mlp-001")
    assert ganzoo("export", "--web", "site", "runs/other", bundle).exit_code == 0
    assert sorted(path.name for path in Path("site/models").iterdir()) == ["other", "vanilla-mlp-001"]


def test_what_would_stop_a_site_stops_it_before_models_are_exported(runs: Path, refused: Refused) -> None:
    Path("mine").mkdir()
    for words in (["--web", "mine"], ["--web", "mine", "--force"], ["--web", "site", "--ort-web", "runs"]):
        assert "Exporting" not in refused(2, "export", *words).stdout
    assert sorted(path.name for path in runs.iterdir()) == ["mine", "runs"]


def test_a_site_is_replaced_on_request_and_its_bundle_too(runs: Path, refused: Refused) -> None:
    assert ganzoo("export", "--onnx", "--web", "site").exit_code == 0
    assert "site exists" in refused(2, "export", "--onnx", "--web", "site").stderr
    assert ganzoo("export", "--onnx", "--web", "site", "--force").exit_code == 0


@pytest.mark.parametrize("layout", ["run", "bundle"])
def test_a_model_repository_is_made_of_a_run_or_a_bundle(layout: str, made: Path, runs: Path) -> None:
    source = str(made / "exported_models" / "vanilla-mlp-001") if layout == "bundle" else "runs/vanilla-mlp-001"
    done = ganzoo("export", "--onnx", "--layout", "triton", source)
    assert done.exit_code == 0, done.output
    assert ("images of onnxruntime and torch, batch 7" in done.stdout) == (layout == "run")
    repository = runs / "triton_models" / "vanilla-mlp-001"
    assert done.stdout.endswith(f"Next: tritonserver --model-repository={repository}\n")
    names = ["vanilla-mlp-001", "vanilla-mlp-001_generator", "vanilla-mlp-001_latents"]
    assert sorted(path.name for path in repository.iterdir()) == names
    model = repository / "vanilla-mlp-001_generator" / "1" / "model.onnx"
    assert model.read_bytes() == (made / "exported_models" / "vanilla-mlp-001" / "generator.onnx").read_bytes()
    assert not (runs / "exported_models").exists()


def test_name_and_out_say_what_and_where_for_triton_too(runs: Path) -> None:
    assert ganzoo("export", "--onnx", "--layout", "triton", "--name", "mine", "--out", "deep/er").exit_code == 0
    assert (runs / "deep" / "er" / "mine" / "mine" / "config.pbtxt").is_file()


BUNDLE = "bundle"  # stands for one's folder
REFUSED: dict[str, tuple[list[str], str]] = {
    "no format": ([], "Say which format: `ganzoo export --onnx`, or `ganzoo export --web DIR`"),
    "several bundles": (["--onnx", "a", "b"], "Several at once go into a site"),
    "one name for several": (["--web", "site", "a", "b", "--name", "c"], "each under its own name"),
    "a layout without --onnx": (["--web", "site", "--layout", "triton"], "--layout and --out are for --onnx"),
    "a place without --onnx": (["--web", "site", "--out", "x"], "--layout and --out are for --onnx"),
    "a runtime without a site": (["--onnx", "--ort-web", "x"], "--ort-web is for --web DIR"),
    "half a bundle": (["--web", "site", BUNDLE, "--fp16", "--raw"], "is taken as it is; leave out --raw, --fp16"),
    "a step of a bundle": (["--onnx", "--layout", "triton", BUNDLE, "--checkpoint", "last"], "leave out --checkpoint"),
    "another name for a bundle": (["--web", "site", BUNDLE, "--name", "x"], "leave out --name, or name a run"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_refused(case: str, made: Path, runs: Path, refused: Refused) -> None:
    words, reason = REFUSED[case]
    bundle = str(made / "exported_models" / "vanilla-mlp-001")
    done = refused(2, "export", *[bundle if word == BUNDLE else word for word in words])
    assert reason in done.stderr
    assert [path.name for path in runs.iterdir()] == ["runs"]


@pytest.mark.parametrize("words", [["--web", "site"], ["--onnx", "--layout", "triton"]])
def test_what_is_neither_a_run_nor_a_bundle_is_refused(words: list[str], here: Path, refused: Refused) -> None:
    Path("mine").mkdir()
    for place in ("mine", "nowhere"):
        assert f"{place} is no run: it has no config.json" in refused(1, "export", *words, place).stderr
    assert "There are no runs in runs" in refused(1, "export", *words).stderr
    assert [path.name for path in here.iterdir()] == ["mine"]
