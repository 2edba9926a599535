"""The command line in this process, and runs and bundles made with it."""

from pathlib import Path

import pytest
from click.testing import Result
from command import Refused, ganzoo


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `runs/vanilla-mlp-001` of 30 steps and `exported_models/vanilla-mlp-001`; not to be written to."""
    folder = tmp_path_factory.mktemp("made")
    trained = ganzoo("train", "vanilla-mlp", "--steps", "30", "--set", "log_every=10", "--out", str(folder / "runs"))
    assert trained.exit_code == 0, trained.output
    run = folder / "runs" / "vanilla-mlp-001"
    exported = ganzoo("export", "--onnx", str(run), "--out", str(folder / "exported_models"))
    assert exported.exit_code == 0, exported.output
    return folder


@pytest.fixture
def refused() -> Refused:
    """Runs a command and sees to it that it fails as it should."""

    def run(exit_code: int, *words: str) -> Result:
        done = ganzoo(*words)
        assert done.exit_code == exit_code, done.output
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
        assert "Error: Error" not in done.stderr
        assert "Traceback" not in done.output
        return done

    return run
