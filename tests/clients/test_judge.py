"""The judge of clients lets nothing pass that differs by more than the self-test allows."""

from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.clients.__main__ import row
from benchmarks.clients.judge import Report, judged, report_of
from benchmarks.clients.runtimes import in_python
from benchmarks.clients.tools import MissingTool
from ganzoo.core.manifest import read_manifest


@pytest.fixture(scope="module")
def right(perceptron: Path) -> Report:
    """What the Python client draws with the onnxruntime that is installed."""
    (report,) = in_python([perceptron])
    return report


def test_the_python_client_draws_the_self_test(perceptron: Path, right: Report) -> None:
    verdict = judged(perceptron, right)
    assert verdict.good
    assert verdict.in_grey_levels
    test = read_manifest(perceptron).self_test  # pictures of 8 pixels, of which all are kept
    apart = np.frombuffer(right.samples, np.uint8).astype(int) - np.frombuffer(b64decode(test.samples), np.uint8)
    assert verdict.largest == abs(apart).max()


def test_one_bit_of_a_latent_is_seen(perceptron: Path, right: Report) -> None:
    wrong = replace(right, latents=bytes([right.latents[0] ^ 1]) + right.latents[1:])
    verdict = judged(perceptron, wrong)
    assert not verdict.identical
    assert not verdict.good


@pytest.mark.parametrize(("levels", "good"), [(1, True), (2, False)])
def test_one_pixel_may_be_off_by_a_grey_level_and_not_by_two(
    perceptron: Path, right: Report, levels: int, good: bool
) -> None:
    kept = b64decode(read_manifest(perceptron).self_test.samples)
    last = kept[-1] + levels if kept[-1] < 128 else kept[-1] - levels
    verdict = judged(perceptron, replace(right, samples=kept[:-1] + bytes([last])))
    assert (verdict.largest, verdict.good) == (levels, good)


def test_a_picture_too_few_is_no_match(perceptron: Path, right: Report) -> None:
    verdict = judged(perceptron, replace(right, samples=right.samples[:-64]))
    assert verdict.largest == float("inf")
    assert not verdict.good


def test_what_a_client_lacks_is_told_apart_from_what_it_complains_of() -> None:
    with pytest.raises(MissingTool, match="needs a WebGPU adapter"):
        report_of('{"missing": "needs a WebGPU adapter"}')
    with pytest.raises(RuntimeError, match="invalid input"):
        report_of('{"error": "invalid input"}')


def test_a_row_of_the_table_says_what_was_found_or_why_not(perceptron: Path, right: Report) -> None:
    wrong = replace(right, latents=right.latents[:-4])

    def missing(bundles: object) -> list[Report]:
        raise MissingTool("needs node")

    good = row("it", lambda bundles: [right], {"one": perceptron})
    assert (good["latents"], good["version"], good["bundles"]) == ("identical", right.version, ["one"])
    assert 0 <= good["value"] <= 1
    assert row("it", lambda bundles: [wrong], {"one": perceptron})["latents"] == "not identical"
    assert row("it", missing, {"one": perceptron}) == {"case": "it", "unit": "grey levels", "why": "needs node"}
