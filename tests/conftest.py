"""Settings that every test shares."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("ganzoo", deadline=None, derandomize=True, max_examples=25)  # torch's first call is slow
settings.load_profile("ganzoo")

DATA = os.environ.get("GANZOO_DATA")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # toys are too small for two, and tests run side by side


ON_REQUEST = {
    "slow": "takes long; run with `pytest -m slow`",
    "clients": "needs a browser or programs that are fetched once; run with `pytest -m clients`",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes minutes, or needs more than this project, runs on request."""
    for marker, why in ON_REQUEST.items():
        if marker not in config.option.markexpr:
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No test reads or fills the user's cache, or finds data by accident."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("GANZOO_CACHE", str(cache))
    monkeypatch.delenv("GANZOO_DATA", raising=False)
    yield cache


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets, with `mnist` and `cifar10` in it."""
    if not DATA:
        pytest.skip("needs real data: set GANZOO_DATA to a folder that holds mnist/ and cifar10/")
    return Path(DATA).resolve()
