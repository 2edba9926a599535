"""Files appear whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from ganzoo.core.errors import GanzooError
from ganzoo.core.files import leftovers, sha256, write_text, written_whole


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


@pytest.mark.skipif(os.name != "posix", reason="only POSIX lets a folder be flushed")
def test_a_folder_s_names_reach_the_disk_after_the_file_s_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the content, then the name: a power cut between the two leaves the old file."""
    order: list[str] = []
    flush, replace = os.fsync, Path.replace

    def watched_flush(descriptor: int) -> None:
        order.append("folder" if os.path.samestat(os.fstat(descriptor), tmp_path.stat()) else "file")
        flush(descriptor)

    def watched_replace(path: Path, target: Path) -> Path:
        order.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", watched_flush)
    monkeypatch.setattr(Path, "replace", watched_replace)
    write_text(tmp_path / "file.txt", "text")
    assert order == ["file", "rename", "folder"]


@pytest.mark.skipif(os.name != "posix", reason="only POSIX lets a folder be flushed")
def test_a_file_system_that_cannot_flush_folders_is_good_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def refuse(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), tmp_path.stat()):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    write_text(tmp_path / "file.txt", "text")
    assert (tmp_path / "file.txt").read_text() == "text"


def test_an_unfinished_file_is_known_by_its_name(tmp_path: Path) -> None:
    with written_whole(tmp_path / "step-1.png") as unfinished:
        unfinished.touch()
        for name in (".notes.tmp", "file.12.tmp", ".12.tmp", ".file.12.tmp.bak", "step-1.png"):
            (tmp_path / name).touch()
        assert leftovers(tmp_path) == [unfinished]
    assert leftovers(tmp_path) == []
    assert leftovers(tmp_path / "missing") == []


def test_what_safetensors_leaves_when_it_is_killed_is_known_too(tmp_path: Path) -> None:
    """It writes into a file with a name of its own, which it then renames."""
    (tmp_path / ".tmpVxpWhK").touch()
    (tmp_path / ".tmp-mine").touch()
    assert leftovers(tmp_path) == [tmp_path / ".tmpVxpWhK"]


def test_a_known_digest(tmp_path: Path) -> None:
    """SHA-256 of "abc", FIPS 180-2, appendix B.1."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
