"""A download is resumed where it broke, and its file appears whole and checked, or not at all."""

import hashlib
import logging.handlers
import operator
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

import pooch
import pytest
from toy import CONTENT, NAME, Site, fetched, names_in, spec_of

from ganzoo.core.errors import BadData, GanzooError
from ganzoo.data.fetch import locate

T = TypeVar("T")


def test_a_download_lands_in_the_cache_whole_and_alone(site: Site, own_cache: Path) -> None:
    folder = fetched(spec_of(site.url + NAME))

    assert folder == own_cache / "toy"
    assert (folder / NAME).read_bytes() == CONTENT
    assert names_in(folder) == [NAME]


def test_the_second_use_needs_no_network(site: Site) -> None:
    spec = spec_of(site.url + NAME)
    fetched(spec)
    fetched(spec)

    assert len(site.asked) == 1


def test_a_cache_that_has_everything_is_not_written_to(own_cache: Path) -> None:
    """It may be shared, and read-only."""
    (own_cache / "toy").mkdir(parents=True)
    (own_cache / "toy" / NAME).touch()
    fetched(spec_of("http://127.0.0.1:9/"))

    assert [path.name for path in (own_cache / "toy").iterdir()] == [NAME]


def test_a_later_attempt_transfers_only_what_is_missing(site: Site, own_cache: Path) -> None:
    """The connection breaks, the server is away for a while, and the user runs the command again."""
    spec = spec_of(site.url + NAME)
    site.cuts = [150_000, 0]
    with pytest.raises(BadData, match="503"):
        fetched(spec)
    part = own_cache / "toy" / f"{NAME}.part"
    kept = part.stat().st_size
    assert names_in(own_cache / "toy") == [part.name]
    assert 0 < kept <= 150_000

    assert (fetched(spec) / NAME).read_bytes() == CONTENT
    assert site.asked[-1] == f"bytes={kept}-"
    assert site.sent[-1] == len(CONTENT) - kept
    assert names_in(own_cache / "toy") == [NAME]


def test_a_broken_connection_is_taken_up_again_at_once(site: Site) -> None:
    site.cuts = [100_000, 100_000]

    assert (fetched(spec_of(site.url + NAME)) / NAME).read_bytes() == CONTENT
    assert len(site.asked) == 3
    assert site.asked[0] is None
    assert all(site.asked[1:])


def test_a_server_without_ranges_is_asked_for_everything(site: Site, own_cache: Path) -> None:
    """It answers 200 with the whole file, which must not be appended to the part."""
    leave_part(own_cache, CONTENT[:1000])
    site.knows_ranges = False

    assert (fetched(spec_of(site.url + NAME)) / NAME).read_bytes() == CONTENT
    assert site.sent == [len(CONTENT)]


def test_a_part_that_is_complete_is_not_transferred_again(site: Site, own_cache: Path) -> None:
    """Ended between the last byte and the new name."""
    leave_part(own_cache, CONTENT)

    assert (fetched(spec_of(site.url + NAME)) / NAME).read_bytes() == CONTENT
    assert site.sent == []


def test_a_part_longer_than_the_file_is_given_up(site: Site, own_cache: Path) -> None:
    leave_part(own_cache, CONTENT + b"more")

    assert (fetched(spec_of(site.url + NAME)) / NAME).read_bytes() == CONTENT
    assert site.asked == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_file_with_another_digest_never_appears(site: Site, own_cache: Path) -> None:
    spec = spec_of(site.url + NAME)
    site.files[NAME] = b"something else"
    with pytest.raises(BadData) as raised:
        fetched(spec)

    told = str(raised.value)
    assert NAME in told
    assert site.url + NAME in told
    assert hashlib.md5(CONTENT).hexdigest() in told
    assert hashlib.md5(b"something else").hexdigest() in told
    assert str(own_cache / "toy") in told
    assert names_in(own_cache / "toy") == []


def test_a_spoilt_part_spoils_one_attempt_only(site: Site, own_cache: Path) -> None:
    spec = spec_of(site.url + NAME)
    leave_part(own_cache, b"wrong bytes")
    with pytest.raises(BadData, match="digest"):
        fetched(spec)

    assert (fetched(spec) / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("first", ["absent.gz", "other.gz"])
def test_the_next_mirror_is_tried_where_one_lacks_the_file_or_has_another(site: Site, first: str) -> None:
    site.files["other.gz"] = b"another file"

    assert (fetched(spec_of(site.url + first, site.url + NAME)) / NAME).read_bytes() == CONTENT


def test_without_a_network_the_user_is_told_which_file_to_put_where(site: Site, own_cache: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        closed = f"http://127.0.0.1:{server.server_port}/{NAME}"
    with pytest.raises(BadData) as raised:
        fetched(spec_of(closed))

    told = str(raised.value)
    assert "no connection" in told
    for word in (NAME, str(own_cache / "toy"), "--data FOLDER", "GANZOO_DATA"):
        assert word in told


def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "file"))

    with pytest.raises(GanzooError, match="GANZOO_CACHE"):
        fetched(spec_of("http://127.0.0.1:9/"))


def test_those_who_come_at_the_same_time_share_one_download(site: Site) -> None:
    """As the processes of a distributed run do."""
    spec = spec_of(site.url + NAME)
    threads = [threading.Thread(target=fetched, args=(spec,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(site.asked) == 1


def test_progress_names_the_file_and_knows_how_much_is_to_come(site: Site) -> None:
    seen = []

    def track(items: Iterable[T], title: str) -> Iterable[T]:
        length = operator.length_hint(items)
        count = 0
        for item in items:
            yield item
            count += 1
        seen.append((title, length, count))

    locate(spec_of(site.url + NAME), None, track)

    assert seen == [(f"Downloading {NAME}, 0.3 MB", 5, 5)]  # of 65,536 bytes each


def test_pooch_says_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would write between the lines of a progress bar."""
    said = logging.handlers.BufferingHandler(capacity=1000)
    logger = pooch.get_logger()
    monkeypatch.setattr(logger, "handlers", [said])
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    fetched(spec_of(site.url + NAME))

    assert not said.buffer
    assert logger.level == logging.DEBUG  # as it was: others may use pooch in this process


def leave_part(cache: Path, content: bytes) -> None:
    """As an attempt that was cut short leaves it."""
    (cache / "toy").mkdir(parents=True)
    (cache / "toy" / f"{NAME}.part").write_bytes(content)
