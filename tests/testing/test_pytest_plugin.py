"""`pytest --ganzoo-plugin NAME` and `ganzoo plugins check NAME`, as a plugin's author runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ganzoo.catalog import load_catalog
from ganzoo.cli import main
from ganzoo.testing import checks
from strangers import RAISES, install


def run_pytest(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    environment = {**os.environ, **environment}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_each_promise_is_a_test_beside_the_author_s_own(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    count = len(list(checks(load_catalog(), "latents")))
    done = run_pytest(tmp_path, "--ganzoo-plugin", "latents")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{count + 1} passed" in done.stdout


def test_an_unknown_plugin_is_wrong_usage(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "--ganzoo-plugin", "latnets")
    assert done.returncode == 4
    assert "did you mean 'latents'" in done.stderr


def test_a_plugin_that_is_not_used_fails_rather_than_passes(tmp_path: Path) -> None:
    install(tmp_path / "site", "broken", RAISES)
    done = run_pytest(tmp_path, "--ganzoo-plugin", "broken", PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 4
    assert "Plugin broken is not used: RuntimeError: no [luck] today" in done.stderr


def test_the_command_says_what_it_checked() -> None:
    done = CliRunner().invoke(main, ["plugins", "check", "latents"])
    assert done.exit_code == 0, done.output
    assert "latents normal: draws the same bits in numpy and torch" in done.output
    assert "keeps all of its promises" in done.output


def test_the_command_fails_where_a_promise_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load_catalog().latents["normal"]
    prior = spec.build(spec.options())
    monkeypatch.setattr(type(prior), "from_words", lambda self, words: words[:, :2])
    done = CliRunner().invoke(main, ["plugins", "check", "latents"])
    assert done.exit_code == 1
    assert "latents normal: draws each latent by itself" in done.output
    assert "Plugin latents breaks" in done.output
