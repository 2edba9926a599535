"""Bundles in Python, with the newest onnxruntime and with old ones, where neither torch nor ganzoo is installed."""

from pathlib import Path

import pytest
from client_tools import failures, skipping

from benchmarks.clients.runtimes import OLD, in_python

pytestmark = pytest.mark.clients


def test_the_onnxruntime_at_hand_draws_the_self_tests(bundles: dict[str, Path]) -> None:
    assert failures("Python", bundles) == []


@pytest.mark.parametrize("year", OLD)
def test_an_old_onnxruntime_draws_the_self_tests(year: str, bundles: dict[str, Path]) -> None:
    assert failures(f"Python, {year}", bundles) == []


@pytest.mark.parametrize("version", OLD.values())
def test_the_old_onnxruntime_is_the_one_that_ran(version: str, perceptron: Path) -> None:
    with skipping():
        (report,) = in_python([perceptron], version)
    assert report.version.startswith(f"{version}.")
