"""Data sets are found where the user has them, and in the cache where not."""

import subprocess
import sys
from pathlib import Path

import pytest
from toy import NAME, Site, fetched, silent, spec_of

from ganzoo.core.errors import BadData, UsageError
from ganzoo.core.specs import RemoteFile
from ganzoo.data.fetch import locate

NOWHERE = "http://127.0.0.1:9/"  # whoever asks there fails


@pytest.mark.parametrize("place", [".", "toy"])
@pytest.mark.parametrize("name", [NAME, "pictures"])
def test_data_may_name_a_data_set_or_a_folder_of_many(tmp_path: Path, place: str, name: str) -> None:
    """And its files may lie unpacked; what they hold is for the plugin to check, since copies are packed anew."""
    folder = tmp_path / place
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"packed by someone else")

    assert fetched(spec_of(NOWHERE), tmp_path) == folder


@pytest.mark.parametrize("place", [".", "toy"])
def test_ganzoo_data_is_looked_through_before_the_network(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / NAME).touch()
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))

    assert fetched(spec_of(NOWHERE)) == tmp_path / place


def test_ganzoo_data_may_lack_a_data_set(
    site: Site, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "nothing here"))

    assert fetched(spec_of(site.url + NAME)) == own_cache / "toy"


def test_files_missing_in_data_are_named_and_not_downloaded(site: Site, tmp_path: Path) -> None:
    files = tuple(RemoteFile(f"{name}.gz", (site.url + NAME,), "md5:0") for name in ("one", "two", "three"))
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "two.gz").touch()
    with pytest.raises(BadData) as raised:
        fetched(spec_of(files=files), tmp_path)

    assert "lacks one.gz, three.gz in" in str(raised.value)
    assert str(tmp_path / "toy") in str(raised.value)
    assert not site.asked


def test_data_that_is_no_folder_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"There is no folder .*absent"):
        fetched(spec_of(NOWHERE), tmp_path / "absent")


def test_a_data_set_of_the_users_own_files_asks_for_them(tmp_path: Path) -> None:
    spec = spec_of(files=(), takes_path=True)

    with pytest.raises(UsageError, match="--data PATH"):
        locate(spec, None, silent)
    with pytest.raises(BadData, match="nothing at"):
        locate(spec, tmp_path / "absent", silent)
    assert fetched(spec, tmp_path) == tmp_path


def test_a_data_set_may_have_files_and_take_a_path(site: Site, tmp_path: Path, own_cache: Path) -> None:
    """The user's path is taken as it is, whatever is there; without one, the files are fetched as for any other."""
    spec = spec_of(site.url + NAME, takes_path=True)

    assert fetched(spec, tmp_path) == tmp_path
    with pytest.raises(BadData, match="nothing at"):
        locate(spec, tmp_path / "absent", silent)
    assert not site.asked
    assert fetched(spec) == own_cache / "toy"


def test_data_sets_may_share_a_folder_of_files(
    site: Site, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one has downloaded, or the user has, serves the other."""
    spec = spec_of(site.url + NAME, folder="other")

    assert fetched(spec) == own_cache / "other"
    (tmp_path / "mine" / "other").mkdir(parents=True)
    (tmp_path / "mine" / "other" / NAME).touch()
    assert fetched(spec, tmp_path / "mine") == tmp_path / "mine" / "other"
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "mine"))
    assert fetched(spec) == tmp_path / "mine" / "other"


def test_a_data_set_without_files_refuses_a_path(tmp_path: Path) -> None:
    spec = spec_of(files=())

    with pytest.raises(UsageError, match="needs no --data"):
        locate(spec, tmp_path, silent)
    assert locate(spec, None, silent).path is None


def test_finding_data_needs_no_torch() -> None:
    code = "import sys, ganzoo.data.fetch; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
