"""A web server for the tests that download."""

from collections.abc import Iterator

import pytest
from toy import Site, opened


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with opened() as site:
        yield site
