"""What clients need is fetched once, whole or not at all; where that fails, the reason is told."""

from pathlib import Path

import pytest

from benchmarks.clients.tools import CACHE, MissingTool, fetched, run, tool


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE, str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_what_was_fetched_is_not_fetched_again(empty_cache: Path) -> None:
    def fetch(folder: Path) -> None:
        (folder / "library").write_text("1.15", encoding="utf-8")

    def never(folder: Path) -> None:
        raise AssertionError(folder)

    assert fetched("library", fetch) == fetched("library", never) == empty_cache / "library"
    assert [path.name for path in empty_cache.iterdir()] == ["library"]
    assert (empty_cache / "library" / "library").read_text(encoding="utf-8") == "1.15"


def test_a_download_that_breaks_off_leaves_nothing_and_says_why(empty_cache: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "library").touch()
        run(("sh", "-c", "echo reading >&2; echo no network >&2; exit 3"), folder)

    with pytest.raises(MissingTool, match="cannot fetch library: sh failed: no network"):
        fetched("library", half)
    assert list(empty_cache.iterdir()) == []


def test_a_program_that_is_not_installed_is_named() -> None:
    with pytest.raises(MissingTool, match="needs no-such-browser or nor-this-one"):
        tool("no-such-browser", "nor-this-one")
    assert Path(tool("no-such-shell", "sh")).exists()
