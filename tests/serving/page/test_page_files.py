"""What the page saves is what it shows; points are plotted where they are."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_tools import Visit, drawn
from PIL import Image

from ganzoo.sampling.grid import draw_grid

pytestmark = pytest.mark.clients


@pytest.mark.parametrize(
    ("name", "seeds"), [("vanilla-mlp", range(3, 19)), ("codes", range(5)), ("acgan", range(-2, -1))]
)
def test_the_saved_picture_is_the_grid_that_the_command_line_writes(
    visit: Visit, bundles: Path, name: str, seeds: range
) -> None:
    visit.open(f"model={name}&seed={seeds[0]}&count={len(seeds)}")
    visit.page.locator(".caption:not(:empty)").wait_for()
    path = visit.download("Save the grid as PNG")

    assert path.name == (
        f"{name}-seeds-{seeds[0]}-{seeds[-1]}.png" if len(seeds) > 1 else f"{name}-seed-{seeds[0]}.png"
    )
    with Image.open(path) as found:
        expected = draw_grid(drawn(bundles / name, seeds))
        assert (np.array(found.convert("RGB")) == np.array(expected.convert("RGB"))).all()


def test_one_picture_is_saved_pixel_for_pixel(visit: Visit, bundles: Path) -> None:
    visit.open("model=acgan&kept=17.4")
    visit.page.wait_for_timeout(700)
    path = visit.download("Save the picture of seed 17, class 4 as PNG")

    assert path.name == "acgan-seed-17.png"
    with Image.open(path) as found:
        assert (np.array(found.convert("L")) == drawn(bundles / "acgan", [17], label=4)[0, ..., 0]).all()


@pytest.mark.parametrize("name", ["acgan", "codes"])
def test_numpy_reads_the_saved_pictures(visit: Visit, bundles: Path, name: str) -> None:
    visit.open(f"model={name}&seed=8&count=3")
    visit.says("seeds 8 to 10")
    found = np.load(visit.download("Save as a NumPy array, npy"))

    assert found.dtype == np.uint8
    assert np.array_equal(found, drawn(bundles / name, range(8, 11)))


# Points


def test_numpy_reads_the_saved_points(visit: Visit, bundles: Path) -> None:
    """A thousand, though the server gives 256 at once."""
    visit.open("model=ring&seed=5")
    visit.says("seeds 5 to 1004")
    found = np.load(visit.download("Save as a NumPy array, npy"))

    assert found.dtype == np.float32
    assert np.array_equal(found, drawn(bundles / "ring", range(5, 1005)))


def plotted(points: np.ndarray, reference: np.ndarray, side: int) -> np.ndarray:
    """Pixels [N, 2], right and down, of points in a plot of `side` pixels.

    Both axes have one scale: the square holds these points and those of seeds 0 to 255, with a twentieth around them.
    Margins are 52 pixels to the left and 12 to the right and above.
    """
    held = np.concatenate([points, reference]).astype(float)
    low, high = held.min(0), held.max(0)
    size = (high - low).max() * 1.1
    corner = (low + high - size) / 2
    right, up = ((points - corner) / size * (side - 64)).T
    return np.stack([52 + right, 12 + (side - 64) - up], 1).round().astype(int)


@pytest.mark.parametrize("truncation", [1.0, 0.5])
def test_points_are_plotted_where_they_are(visit: Visit, bundles: Path, truncation: float) -> None:
    """There is ink at each point, and nowhere else but near one; truncated ones are seen in the same square."""
    visit.open(f"model=ring&seed=300&count=250&truncation={truncation}")
    visit.says("seeds 300 to 549" + (f" · truncation {truncation:.2f}" if truncation != 1 else ""))
    picture = visit.pictures(".plot", channels=3)[0].astype(int)
    points = drawn(bundles / "ring", range(300, 550), truncation=truncation)
    right, down = plotted(points, drawn(bundles / "ring", range(256)), picture.shape[1]).T

    inked = picture[..., 0] - picture[..., 2] > 40  # axes and words are grey
    near = np.zeros_like(inked)
    for x, y in zip(right, down, strict=True):
        near[y - 4 : y + 5, x - 4 : x + 5] = True
    assert inked[down, right].all()
    assert not (inked & ~near).any()
    assert visit.page.get_by_role("img", name="Scatter plot of 250 points").is_visible()


def give_points(visit: Visit, dimensions: int) -> np.ndarray:
    """Let the server's ring have points of so many numbers, float32 [1000, D] for seeds 0 to 999."""
    points = np.random.default_rng(0).standard_normal((1000, dimensions)).astype(np.float32)

    def models(route: Any) -> None:
        answer = route.fetch().json()
        [ring] = [model for model in answer["models"] if model["name"] == "ring"]
        route.fulfill(json={"models": [ring | {"shape": [dimensions]}]})

    def samples(route: Any) -> None:
        file = io.BytesIO()
        np.save(file, points[route.request.post_data_json["seeds"]])
        route.fulfill(body=file.getvalue())

    visit.page.route("**/v1/models", models)
    visit.page.route("**/samples", samples)
    return points


@pytest.mark.parametrize(
    ("dimensions", "words"),
    [(1, "points in 1 dimension"), (3, "points in 3 dimensions"), (5, "points in 5 dimensions")],
)
def test_points_on_a_line_or_in_space_are_plotted_by_their_first_numbers(
    visit: Visit, dimensions: int, words: str
) -> None:
    points = np.concatenate([give_points(visit, dimensions), np.zeros((1000, 1), np.float32)], 1)[:, :2]
    visit.open("model=ring&count=250")
    visit.says("seeds 0 to 249")
    picture = visit.pictures(".plot", channels=3)[0].astype(int)
    right, down = plotted(points[:250], points[:256], picture.shape[1]).T

    inked = picture[..., 0] - picture[..., 2] > 40
    near = np.zeros_like(inked)
    for x, y in zip(right, down, strict=True):
        near[y - 4 : y + 5, x - 4 : x + 5] = True
    assert inked[down, right].all()
    assert not (inked & ~near).any()
    visit.page.locator(".lead").get_by_text(words + " ·").wait_for()
    heard = visit.page.locator(".plot").get_attribute("aria-label")
    assert ("second number" in heard) == (dimensions > 1)


def test_a_plot_is_saved_dark_on_white(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="dark")
    visit.open("model=ring&count=250")
    visit.says("seeds 0 to 249")
    path = visit.download("Save the plot as PNG")

    with Image.open(path) as found:
        assert found.size[0] == 1280
        assert found.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_points_are_not_kept_and_their_codes_are_shared(visit: Visit, bundles: Path) -> None:
    visit.open("model=ring&count=250&kept=1,2&codes=0:1")
    visit.says("seeds 0 to 249 · 1 code set")
    assert not visit.page.get_by_role("heading", name="Kept").is_visible()
    assert "kept" not in visit.state()
    assert not np.array_equal(
        np.load(visit.download("Save as a NumPy array, npy")), drawn(bundles / "ring", range(250))
    )
