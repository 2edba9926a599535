"""The API of exported models, asked over HTTP, against what the sampler draws in this process."""

import base64
from io import BytesIO
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from live import EXPORTED, Live
from PIL import Image

from ganzoo.core.manifest import read_manifest
from ganzoo.sampling.sampler import Sampler
from ganzoo.serving.models import described

LARGEST = 2**63 - 1


@pytest.mark.parametrize("seeds", [[0], [5, 3, 5], [-(2**63), -1, LARGEST]])
def test_a_seed_gives_the_samplers_picture(live: Live, seeds: list[int]) -> None:
    sampler = Sampler(EXPORTED / "vanilla-mlp", "cpu")

    answer = live.samples("vanilla-mlp", seeds=seeds, format="npy")

    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    np.testing.assert_array_equal(answer.array, sampler.generate(sampler.latents(seeds)))


def test_nothing_said_is_sixteen_from_seed_0_as_a_picture(live: Live) -> None:
    answer = live.samples("vanilla-mlp")
    expected = Sampler(EXPORTED / "vanilla-mlp", "cpu").sample(16)

    with Image.open(BytesIO(answer.body)) as picture:
        grid = np.asarray(picture)

    assert answer.headers["content-type"] == "image/png"
    assert grid.shape == (4 * 10 + 2, 4 * 10 + 2)  # 8 pixels, 2 between them and around
    np.testing.assert_array_equal(grid[2:10, 12:20], expected[1, :, :, 0])
    np.testing.assert_array_equal(grid[32:40, 32:40], expected[15, :, :, 0])


@pytest.mark.parametrize("label", [3, "3", [3, 3, 3], ["3", 3, "3"]])
def test_a_class_is_drawn_by_number_or_name(live: Live, label: Any) -> None:
    answer = live.samples("acgan", count=3, seed=7, labels=label, truncation=0.5, format="npy")

    np.testing.assert_array_equal(answer.array, Sampler(EXPORTED / "acgan", "cpu").sample(3, 7, 3, 0.5))


def test_json_says_what_was_drawn_and_holds_each_picture(live: Live) -> None:
    answer = live.samples("acgan", seeds=[12, -1], format="json").json
    sampler = Sampler(EXPORTED / "acgan", "cpu")
    seeds = np.array([12, -1])

    assert {key: answer[key] for key in answer if key != "pictures"} == {
        "model": "acgan",
        "seeds": [12, -1],
        "labels": [2, 9],  # seeds take turns
        "truncation": 1.0,
    }
    for address, expected in zip(
        answer["pictures"], sampler.generate(sampler.latents(seeds), np.array([2, 9])), strict=True
    ):
        kind, _, data = address.partition(",")
        assert kind == "data:image/png;base64"
        with Image.open(BytesIO(base64.b64decode(data))) as picture:
            np.testing.assert_array_equal(np.asarray(picture), expected[:, :, 0])


def test_latents_go_out_and_come_back_bit_for_bit(live: Live) -> None:
    told = live.post("/v1/models/acgan/latents", {"count": 5, "seed": 2}).json
    drawn = live.post("/v1/models/acgan/latents", {"seeds": told["seeds"], "format": "npy"}).array
    sampler = Sampler(EXPORTED / "acgan", "cpu")

    assert told["seeds"] == [2, 3, 4, 5, 6]
    np.testing.assert_array_equal(drawn, sampler.latents(told["seeds"]))
    np.testing.assert_array_equal(np.array(told["latents"], np.float32), drawn)
    answer = live.samples("acgan", latents=told["latents"], labels=4, format="npy")
    np.testing.assert_array_equal(answer.array, sampler.sample(5, 2, 4))


def test_models_are_told_as_their_manifests_say(live: Live) -> None:
    told = {model["name"]: model for model in live.get("/v1/models").json["models"]}
    expected = described(read_manifest(EXPORTED / "acgan"), True)

    assert list(told) == ["vanilla-mlp", "acgan"]
    assert told["acgan"] == live.get("/v1/models/acgan").json == expected
    assert expected["labels"] == [str(label) for label in range(10)]
    assert (expected["shape"], expected["most_samples"], expected["truncation"]) == ([1, 28, 28], 256, "scale")
    assert told["vanilla-mlp"]["labels"] is None


def test_a_preview_is_the_bundles_file(live: Live) -> None:
    answer = live.get("/v1/models/acgan/preview")

    assert answer.headers["content-type"] == "image/png"
    assert answer.body == (EXPORTED / "acgan" / "preview.png").read_bytes()


BAD: list[tuple[Any, int, str]] = [
    (b"", 400, "no JSON"),
    (b"{", 400, "no JSON"),
    (b"\xff\xfe", 400, "no JSON"),
    (b'{"latents": [[NaN]]}', 400, "no JSON"),
    (b'{"format": "\xff"}', 400, "no JSON"),
    ([], 422, "Expected `object`, got `array`"),
    ({"sead": 1}, 422, "unknown field `sead`"),
    ({"seeds": []}, 422, "length >= 1"),
    ({"seeds": [0.5]}, 422, "Expected `int`"),
    ({"seeds": ["0"]}, 422, "Expected `int`"),
    ({"seeds": [LARGEST + 1]}, 422, "<= 9223372036854775807"),
    ({"seeds": [-LARGEST - 2]}, 422, ">= -9223372036854775808"),
    ({"seed": LARGEST, "count": 2}, 422, "choose another"),
    ({"seeds": [1], "count": 1}, 422, "Give seeds or count, not both"),
    ({"seeds": [1], "latents": [[0.0]]}, 422, "not both"),
    ({"count": 0}, 422, ">= 1"),
    ({"count": -5}, 422, ">= 1"),
    ({"count": 257}, 413, "at most 256 samples"),
    ({"count": 10**30}, 413, "at most 256 samples"),
    ({"seeds": [0] * 257}, 413, "at most 256 samples"),
    ({"latents": [[0.0] * 64] * 257, "labels": 0}, 413, "at most 256 samples"),
    ({"labels": 10}, 422, "labels are 0 to 9"),
    ({"labels": -1}, 422, ">= 0"),
    ({"labels": "ten"}, 422, "labels are 0 to 9"),
    ({"labels": [1, 2]}, 422, "give 16 whole numbers"),
    ({"labels": ["x"] * 200_000}, 422, "give 16 whole numbers"),
    ({"labels": "x" * 201}, 422, "length <= 200"),
    ({"labels": "٣"}, 422, "labels are 0 to 9"),
    ({"labels": " 3 "}, 422, "labels are 0 to 9"),
    ({"labels": [[1]]}, 422, "Expected"),
    ({"latents": [[0.0] * 64]}, 422, "give labels with the latents"),
    ({"latents": [[0.0] * 63], "labels": 0}, 422, "latents float32 [N, 64]"),
    ({"latents": [[0.0] * 64, [0.0]], "labels": 0}, 422, "array of numbers"),
    ({"latents": [[1e39] * 64], "labels": 0}, 422, "NaN or infinity"),
    ({"latents": [["a"] * 64], "labels": 0}, 422, "Expected `float`"),
    ({"truncation": "much"}, 422, "Expected `float`"),
    (b'{"truncation": 1e999}', 422, "out of range"),
    ({"format": "gif"}, 422, "Invalid enum value 'gif'"),
    (b"[" * 100_000, 422, "got `array`"),
    (b'{"labels": ' + b"[" * 100_000, 422, "Expected"),
]


@pytest.mark.parametrize(("wanted", "status", "words"), BAD, ids=lambda value: str(value)[:40])
def test_what_cannot_be_drawn_is_refused_in_a_sentence(live: Live, wanted: Any, status: int, words: str) -> None:
    answer = live.post("/v1/models/acgan/samples", wanted)

    assert (answer.status, words in answer.detail) == (status, True), answer.body
    assert answer.detail.endswith(".")


def test_labels_for_a_model_without_are_refused(live: Live) -> None:
    assert "does not draw by label" in live.samples("vanilla-mlp", labels=1).detail
    assert "does not draw by label" in live.samples("vanilla-mlp", labels=[1] * 16).detail


@pytest.mark.parametrize(
    "name", ["nope", "VANILLA-MLP", "..", "../../etc/passwd", "acgan/../../x", "a\0b", "é", "x" * 5000, " ", "%00", "."]
)
@pytest.mark.parametrize("rest", ["", "/preview", "/samples"])
def test_a_name_that_is_none_of_the_models_is_not_found(live: Live, name: str, rest: str) -> None:
    path = f"/v1/models/{quote(name, safe='')}{rest}"
    answer = live.post(path, {}) if rest == "/samples" else live.get(path)

    assert answer.status == 404
    assert answer.detail


@pytest.mark.parametrize(
    "path", ["/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py", "/page//etc/passwd", "/page/%00"]
)
def test_nothing_beside_the_page_is_given_away(live: Live, path: str) -> None:
    answer = live.get(path)

    assert answer.status in (307, 404)
    assert b"import" not in answer.body


def test_a_wrong_method_or_type_is_refused(live: Live) -> None:
    path = "/v1/models/vanilla-mlp/samples"

    assert live.ask("GET", path).status == 405
    assert "does not take DELETE" in live.ask("DELETE", path).detail
    assert live.ask("POST", path, b"{}", content_type="text/plain").status == 415
    assert live.ask("POST", path, b"{}").status == 415
    assert live.ask("POST", path, b"{}", content_type="application/json; charset=utf-8").status == 200
    assert "nothing at /v2" in live.get("/v2").detail
