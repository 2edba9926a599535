"""Models of this checkout, served."""

from collections.abc import Iterator

import pytest
from live import EXPORTED, Live, served

from ganzoo.serving.models import Model, open_models

NAMES = ("vanilla-mlp", "acgan")  # without labels, and with


@pytest.fixture(scope="session")
def models() -> dict[str, Model]:
    found, problems = open_models(EXPORTED / name for name in NAMES)
    assert not problems
    return found


@pytest.fixture(scope="module")
def live(models: dict[str, Model]) -> Iterator[Live]:
    with served(models) as running:
        yield running
