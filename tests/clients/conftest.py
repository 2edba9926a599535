"""Bundles that other programs draw from."""

from pathlib import Path

import pytest
from client_tools import truncating

from benchmarks.clients.bundles import make_bundle, make_bundles


@pytest.fixture(scope="session")
def perceptron(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that is quickly made."""
    return make_bundle("perceptron", tmp_path_factory.mktemp("perceptron"), steps=1)


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A bundle of each architecture, and one of each input that a generator may have."""
    folder = tmp_path_factory.mktemp("clients")
    found = make_bundles(folder)
    return found | {"label and truncation": truncating(found["conditional"], folder / "truncating")}
