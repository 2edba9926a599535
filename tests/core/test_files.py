"""Files appear whole or not at all."""

from pathlib import Path

import pytest

from ganzoo.core.errors import GanzooError
from ganzoo.core.files import sha256, write_text, written_whole


def test_a_crash_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    with pytest.raises(ZeroDivisionError), written_whole(path) as unfinished:
        unfinished.write_text("half of the n")
        1 / 0  # noqa: B018

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_takes_the_old_one_s_place(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "old")
    write_text(path, "new")

    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_place_that_cannot_be_written_is_named_with_a_remedy(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(GanzooError, match=r"Cannot write .*\. Choose another place\."):
        write_text(blocker / "below", "text")
    assert blocker.read_text() == ""


def test_a_known_digest(tmp_path: Path) -> None:
    """SHA-256 of "abc", FIPS 180-2, appendix B.1."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
