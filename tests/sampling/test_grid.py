"""What people see: grids of pictures, plots of points."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganzoo.core.errors import GanzooError, UsageError
from ganzoo.sampling.grid import GAP, LARGEST, TITLE_HEIGHT, save_grid
from ganzoo.sampling.scatter import BOTTOM, LEFT, RIGHT, TOP, view_of


def pictures(count: int, height: int = 48, width: int = 48, channels: int = 3) -> np.ndarray:
    """Each of one colour, all different and none white."""
    levels = np.arange(count, dtype=np.uint8)[:, None, None, None] * 3
    return np.broadcast_to(levels, (count, height, width, channels)).copy()


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (5, 3, 2), (9, 3, 3), (64, 8, 8)])
def test_a_grid_is_as_square_as_possible_and_reads_row_by_row(
    tmp_path: Path, count: int, columns: int, rows: int
) -> None:
    save_grid(pictures(count), tmp_path / "grid.png")

    found = read(tmp_path / "grid.png")
    step = 48 + GAP
    assert found.shape == (rows * step + GAP, columns * step + GAP, 3)
    centres = found[GAP + 16 :: step, GAP + 16 :: step, 0].ravel()
    assert centres[:count].tolist() == [3 * index for index in range(count)]
    assert (centres[count:] == 255).all()
    assert (found[:GAP] == 255).all()
    assert (found[:, step : step + GAP] == 255).all()


@pytest.mark.parametrize(("side", "factor"), [(1, 48), (8, 6), (28, 2), (32, 2), (47, 2), (48, 1), (64, 1)])
def test_small_pictures_grow_by_a_whole_factor_with_their_pixels_unmixed(
    tmp_path: Path, side: int, factor: int
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (1, side, side, 1), np.uint8)
    save_grid(picture, tmp_path / "grid.png")

    found = read(tmp_path / "grid.png")[GAP:-GAP, GAP:-GAP]

    np.testing.assert_array_equal(found, np.kron(picture[0, :, :, 0], np.ones((factor, factor), np.uint8)))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGB"), (7, "RGB")])
def test_one_channel_is_grey_and_more_than_three_show_the_first_three(tmp_path: Path, channels: int, mode: str) -> None:
    picture = np.zeros((1, 48, 48, channels), np.uint8)
    picture[:] = np.arange(channels) * 10
    save_grid(picture, tmp_path / "grid.png")

    with Image.open(tmp_path / "grid.png") as found:
        assert found.mode == mode
        assert found.getpixel((GAP, GAP)) == (0 if channels == 1 else (0, 10, 20))


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG"), ("a.jpeg", "JPEG"), ("new/a.webp", "WEBP")]
)
def test_the_suffix_chooses_the_format_and_folders_are_made(tmp_path: Path, name: str, kind: str) -> None:
    save_grid(pictures(4), tmp_path / name)

    with Image.open(tmp_path / name) as found:
        assert found.format == kind
    assert [path.name for path in (tmp_path / name).parent.iterdir() if path.is_file()] == [Path(name).name]


@pytest.mark.parametrize("samples", [pictures(3, channels=2), np.zeros((4, 1), np.float32)])
def test_npy_holds_the_samples_as_they_are_even_those_that_cannot_be_drawn(tmp_path: Path, samples: np.ndarray) -> None:
    save_grid(samples, tmp_path / "a.npy")

    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), samples, strict=True)


@pytest.mark.parametrize("name", ["a.gif", "a", "a.npz"])
def test_an_unknown_suffix_is_answered_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.png, \.jpg, \.jpeg, \.webp or \.npy"):
        save_grid(pictures(1), tmp_path / name)

    assert not list(tmp_path.iterdir())


def test_two_channels_are_red_and_green(tmp_path: Path) -> None:
    samples = np.broadcast_to(np.array([200, 90], np.uint8), (1, 48, 48, 2))

    save_grid(samples, tmp_path / "a.png")

    assert {tuple(colour) for colour in read(tmp_path / "a.png")[2:-2, 2:-2].reshape(-1, 3)} == {(200, 90, 0)}


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros((0, 4, 4, 3), np.uint8), "nothing to draw"),
        (np.zeros((0, 2), np.float32), "nothing to draw"),
        (np.zeros((4, 4, 3), np.uint8), "nothing to draw"),
        (np.zeros((1, 3, 8, 8), np.float32), "to_uint8"),
        (np.zeros((5, 1), np.float32), "D at least 2"),
        (np.zeros((5, 2), np.int64), "float32"),
        (np.full((5, 2), np.nan, np.float32), "diverged"),
        (np.full((5, 2), np.inf, np.float32), "diverged"),
    ],
)
def test_samples_that_cannot_be_drawn_are_refused_and_leave_no_file(
    tmp_path: Path, samples: np.ndarray, said: str
) -> None:
    with pytest.raises(GanzooError, match=said):
        save_grid(samples, tmp_path / "a.png")

    assert not list(tmp_path.iterdir())


def test_a_grid_too_large_for_its_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LARGEST, "WEBP", 100)

    with pytest.raises(GanzooError, match=r"WEBP ends at 100 pixels.*\.png"):
        save_grid(pictures(9), tmp_path / "a.webp")


def test_a_title_stands_above_and_changes_nothing_below(tmp_path: Path) -> None:
    save_grid(pictures(4), tmp_path / "plain.png")
    save_grid(pictures(4), tmp_path / "titled.png", title="A title that is wider than the grid itself")

    plain, titled = read(tmp_path / "plain.png"), read(tmp_path / "titled.png")
    np.testing.assert_array_equal(titled[TITLE_HEIGHT:, : plain.shape[1]], plain)
    assert (titled[:TITLE_HEIGHT] < 128).any()
    assert titled.shape[1] > plain.shape[1]


def test_points_are_drawn_where_they_are_and_up_is_up(tmp_path: Path) -> None:
    """Four corners fix the square; a fifth point, three quarters up on the left, must be found there."""
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1], [-0.5, 0.5]], np.float32)
    save_grid(corners, tmp_path / "a.png")

    found = read(tmp_path / "a.png")
    view = view_of(corners.astype(float))
    (x, y) = view.pixels(corners.astype(float))[4]
    assert found.shape == (640, 640, 3)
    assert x == pytest.approx((LEFT + RIGHT) / 2 - (RIGHT - LEFT) / 2 * 0.5 / 1.05)
    assert y == pytest.approx((TOP + BOTTOM) / 2 - (BOTTOM - TOP) / 2 * 0.5 / 1.05)
    assert (found[round(y), round(x)] != 255).any()
    assert (found[round(y), round(LEFT + RIGHT - x)] == 255).all()
    assert (found[round(TOP + BOTTOM - y), round(x)] == 255).all()


def test_both_axes_have_one_scale() -> None:
    view = view_of(np.array([[0.0, 0.0], [10.0, 1.0]]))
    pixels = view.pixels(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))

    assert RIGHT - LEFT == BOTTOM - TOP
    assert pixels[1, 0] - pixels[0, 0] == pytest.approx(pixels[0, 1] - pixels[2, 1])


def test_dots_on_one_place_grow_darker(tmp_path: Path) -> None:
    points = np.array([[0, 0], [0, 0], [0, 0], [1, 1]], np.float32)
    save_grid(points, tmp_path / "a.png")

    found = read(tmp_path / "a.png").astype(int)
    (x0, y0), (x1, y1) = view_of(points.astype(float)).pixels(points.astype(float))[[0, 3]].round().astype(int)
    assert found[y0, x0].sum() < found[y1, x1].sum() < 3 * 255


def test_the_reference_is_grey_behind_the_points_and_inside_the_view(tmp_path: Path) -> None:
    points, reference = np.zeros((1, 2), np.float32), np.array([[0, 0], [5, 5]], np.float32)
    save_grid(points, tmp_path / "a.png", reference=reference)

    found = read(tmp_path / "a.png").astype(int)
    (x0, y0), (x1, y1) = view_of(reference.astype(float)).pixels(reference.astype(float)).round().astype(int)
    assert np.ptp(found[y1, x1]) == 0
    assert found[y1, x1, 0] < 255
    assert found[y0, x0, 2] > found[y0, x0, 0]  # blue on top


def test_a_single_point_and_coordinates_beyond_the_second_can_be_drawn(tmp_path: Path) -> None:
    save_grid(np.full((3, 5), 7, np.float32), tmp_path / "a.png")

    assert (read(tmp_path / "a.png")[(TOP + BOTTOM) // 2, (LEFT + RIGHT) // 2] != 255).any()
