"""The self-test of a bundle is passed by the bundle, and by no other."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tiny import make_graph

from ganzoo.core.errors import BadBundle
from ganzoo.core.manifest import read_manifest
from ganzoo.sampling.sampler import Sampler
from ganzoo.sampling.self_test import SEEDS, expected_of, kept_samples, run_self_test

MakeBundle = Callable[..., Path]


def scaled(shape: tuple[int, ...], factor: float) -> onnx.ModelProto:
    """The generator with its weights times `factor`."""
    model = make_graph(shape)
    for tensor in model.graph.initializer:
        if tensor.name == "weights":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), "weights"))
    return model


@pytest.mark.parametrize("shape", [(3, 5, 4), (1, 70, 40), (2,)])
def test_a_bundle_passes_its_own_test(make_bundle: MakeBundle, shape: tuple[int, ...]) -> None:
    """Its expectations were computed by numpy; see the fixture."""
    sampler, checks = run_self_test(make_bundle(shape), "cpu")

    assert sampler.provider == "CPUExecutionProvider"
    assert [check.what for check in checks] == [
        "latents, here and at export",
        "samples, here and at export",
        "samples, alone and in a batch",
    ]
    assert all(check.largest <= check.allowed for check in checks)


@pytest.mark.parametrize(("shape", "unit"), [((3, 5, 4), "grey levels"), ((2,), "the points' unit")])
def test_other_weights_fail_it(make_bundle: MakeBundle, shape: tuple[int, ...], unit: str) -> None:
    checks = run_self_test(make_bundle(shape, graph=scaled(shape, 1.1)), "cpu")[1]
    failed = [check for check in checks if check.largest > check.allowed]
    assert [(check.what, check.unit) for check in failed] == [("samples, here and at export", unit)]


def test_large_pictures_are_kept_in_part_and_small_ones_whole(make_bundle: MakeBundle) -> None:
    """Of 70 × 40 pixels every third is kept, the first among them: 24 × 14."""
    bundle = make_bundle((1, 70, 40))
    manifest = read_manifest(bundle)
    drawn = Sampler(bundle, "cpu").generate(Sampler(bundle, "cpu").latents(SEEDS))

    kept = kept_samples(manifest)
    assert (manifest.self_test.stride, kept.shape) == (3, (6, 24, 14, 1))
    assert np.abs(kept.astype(int) - drawn[:, ::3, ::3]).max() <= 1
    assert kept_samples(read_manifest(make_bundle((3, 5, 4)))).shape == (6, 5, 4, 3)


def test_points_may_differ_in_proportion_to_the_largest(make_bundle: MakeBundle) -> None:
    latents, manifest = np.zeros((6, 2), np.float32), read_manifest(make_bundle((2,)))
    assert expected_of(manifest.sample, latents, latents).tolerance == 1e-4
    assert expected_of(manifest.sample, latents, latents - 50).tolerance == pytest.approx(5e-3)


@pytest.mark.parametrize("samples", ["not base64!", "", b64encode(b"short").decode()])
def test_a_damaged_self_test_is_a_bad_bundle(make_bundle: MakeBundle, samples: str) -> None:
    test = read_manifest(make_bundle()).self_test
    with pytest.raises(BadBundle, match="self-test of tiny is damaged"):
        run_self_test(make_bundle(self_test=replace(test, samples=samples)), "cpu")
