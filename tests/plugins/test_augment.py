"""DiffAugment: every shift and every square against numpy, colours against values worked out by hand."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.catalog import load_catalog
from ganzoo.contracts import Augmentation
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.core.options import parse_options
from ganzoo.training.noise import RowNoise
from ganzoo_augment.diffaugment import DiffAugment
from ganzoo_augment.options import DiffAugmentOptions
from ganzoo_augment.pictures import reflected, resampled, whole

CATALOG = load_catalog()
Array = np.ndarray[Any, Any]

each_policy = pytest.mark.parametrize("policy", ["color", "translation", "cutout"])


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


@dataclass
class Told:
    """Noise that is given beforehand, in the order in which it is asked for; remembers the shapes."""

    rows: list[Tensor]
    asked: list[tuple[int, ...]] = field(default_factory=list)

    def uniform(self, *shape: int) -> Tensor:
        self.asked.append(shape)
        return self.rows[len(self.asked) - 1]

    def normal(self, *shape: int) -> Tensor:
        return self.uniform(*shape)


@dataclass
class Repeated:
    """The same numbers of float64 at every call, so that a change is a function of the samples alone."""

    count: int

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(self.count, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def normal(self, *shape: int) -> Tensor:
        return self.uniform(*shape)


def augment_of(*policies: str) -> DiffAugment:
    """With these policies alone."""
    return DiffAugment(DiffAugmentOptions(**{name: name in policies for name in ("color", "translation", "cutout")}))


def in_cell(number: int, cells: int) -> float:
    """The middle of one of the equal parts of [0, 1)."""
    return (number + 0.5) / cells


def noise_of(count: int, share: range, update: int = 0) -> RowNoise:
    """As the trainer draws it, for a share of the batch."""
    return RowNoise(7, "noise", update, count, share, torch.device("cpu"))


# Translation


def shifted(picture: Array, down: int, across: int) -> Array:
    """Rolled on a canvas of zeros that is large enough, and cut to its size again."""
    _, height, width = picture.shape
    canvas = np.pad(picture, ((0, 0), (height, height), (width, width)))
    rolled = np.roll(canvas, (down, across), (1, 2))
    return rolled[:, height : 2 * height, width : 2 * width]


def test_every_shift_moves_the_picture_and_lets_grey_come_in() -> None:
    """Up to 16/8 rows and 24/8 columns either way, all of them equally likely; whole pixels, bit for bit."""
    shifts = [(down, across) for down in range(-2, 3) for across in range(-3, 4)]
    u = torch.tensor([[in_cell(down + 2, 5), in_cell(across + 3, 7)] for down, across in shifts])
    pictures = torch.randn(len(shifts), 3, 16, 24)

    moved = augment_of("translation")(pictures, Told([u]))

    for each, picture, shift in zip(moved, pictures, shifts, strict=True):
        np.testing.assert_array_equal(each.numpy(), shifted(picture.numpy(), *shift))


@pytest.mark.parametrize("side", [7, 8, 28, 32])
def test_the_largest_and_the_smallest_number_are_within_the_range(side: int) -> None:
    """28 pixels move by 3, 7 pixels by none; the number before 1 is no further shift."""
    u = torch.tensor([[0.0, 0.0], [1 - 2**-24, 1 - 2**-24]])
    pictures, far = torch.randn(2, 1, side, side), side // 8

    moved = augment_of("translation")(pictures, Told([u]))

    for each, picture, shift in zip(moved, pictures, (-far, far), strict=True):
        np.testing.assert_array_equal(each.numpy(), shifted(picture.numpy(), shift, shift))


def test_whole_numbers_are_below_their_count() -> None:
    """Of the largest float32 below 1, too, which the product could round up."""
    ends = torch.tensor([0.0, 1 - 2**-24])
    for count in (*range(1, 300), 2**20 + 1, 2**24 - 1, 2**24):
        assert whole(ends, count).tolist() == [0, count - 1]


# Cutout


@pytest.mark.parametrize(("height", "width"), [(8, 8), (6, 6), (7, 7), (8, 6)])
def test_cutout_covers_the_square_around_each_middle_and_nothing_else(height: int, width: int) -> None:
    """An even square's middle is any corner of a pixel, on the rim too, an odd one's any pixel."""
    sizes = (height // 2, width // 2)
    places = [side + 1 - size % 2 for side, size in zip((height, width), sizes, strict=True)]
    middles = [(row, column) for row in range(places[0]) for column in range(places[1])]
    u = torch.tensor([[in_cell(row, places[0]), in_cell(column, places[1])] for row, column in middles])
    pictures = torch.rand(len(middles), 2, height, width) + 1

    cut = augment_of("cutout")(pictures, Told([u]))

    for each, picture, (row, column) in zip(cut, pictures, middles, strict=True):
        expected = picture.numpy().copy()
        top, left = row - sizes[0] // 2, column - sizes[1] // 2
        expected[:, max(top, 0) : top + sizes[0], max(left, 0) : left + sizes[1]] = 0
        np.testing.assert_array_equal(each.numpy(), expected)


def test_a_square_in_the_middle_takes_a_quarter_of_the_picture() -> None:
    cut = augment_of("cutout")(torch.ones(1, 1, 32, 32), Told([torch.full((1, 2), in_cell(16, 33))]))

    assert int((cut == 0).sum()) == 16 * 16


# Colours


def test_colours_by_hand() -> None:
    """Two channels of one row of two pixels; brightness +0.25, saturation times 1.5, contrast times 0.75.

    Brightness: (0.25, 0.75), (-0.25, 0.25). Pixels' means are 0 and 0.5, and distances from them grow by half:
    (0.375, 0.875), (-0.375, 0.125). The picture's mean is 0.25, and distances from it shrink by a quarter.
    """
    picture = torch.tensor([[[[0.0, 0.5]], [[-0.5, 0.0]]]])
    u = [torch.full((1, 1, 1, 1), value) for value in (0.75, 0.75, 0.25)]

    coloured = augment_of("color")(picture, Told(u))

    expected = 0.25 + 0.75 * (np.array([[0.375, 0.875], [-0.375, 0.125]]) - 0.25)
    np.testing.assert_allclose(coloured[0, :, 0].numpy(), expected, atol=1e-6)


def test_numbers_in_the_middle_change_no_colour() -> None:
    """Brightness plus 0, saturation and contrast times 1."""
    pictures, u = torch.randn(4, 3, 5, 5), torch.full((4, 1, 1, 1), 0.5)

    torch.testing.assert_close(augment_of("color")(pictures, Told([u, u, u])), pictures)


def test_the_mean_picture_is_unchanged_but_for_brightness() -> None:
    """Saturation and contrast keep a picture's mean; brightness moves it by u - 1/2."""
    pictures, u = torch.randn(50, 3, 6, 6), torch.rand(3, 50, 1, 1, 1)

    coloured = augment_of("color")(pictures, Told(list(u)))

    expected = pictures.mean((1, 2, 3)) + u[0].flatten() - 0.5
    torch.testing.assert_close(coloured.mean((1, 2, 3)), expected, atol=1e-5, rtol=0)


def test_grey_pictures_have_no_saturation() -> None:
    pictures, half = torch.randn(2, 1, 4, 4), torch.full((2, 1, 1, 1), 0.5)

    coloured = augment_of("color")(pictures, Told([half, torch.full_like(half, 0.99), half]))

    torch.testing.assert_close(coloured, pictures)


# All of them


@each_policy
def test_gradients_reach_the_samples_and_can_be_differentiated_again(policy: str) -> None:
    """Penalties on slopes need the second; against finite differences, in float64."""
    pictures = torch.randn(2, 2, 8, 8, dtype=torch.float64, requires_grad=True)

    def total(samples: Tensor) -> Tensor:
        return (augment_of(policy)(samples, Repeated(2)) ** 3).sum((1, 2, 3))

    assert torch.autograd.gradcheck(total, (pictures,))
    assert torch.autograd.gradgradcheck(total, (pictures,))


@each_policy
def test_a_sample_s_change_does_not_depend_on_its_batch(policy: str) -> None:
    """Alone, in a share of the batch, or beside other samples: row 3 gets the numbers of row 3."""
    pictures, augment = torch.randn(8, 3, 16, 16), augment_of(policy)
    others = 100 * torch.randn(8, 3, 16, 16)
    others[3] = pictures[3]

    together = augment(pictures, noise_of(8, range(8)))
    alone = augment(pictures[3:4], noise_of(8, range(3, 4)))
    elsewhere = augment(others, noise_of(8, range(8)))

    torch.testing.assert_close(alone[0], together[3], rtol=0, atol=1e-6)
    torch.testing.assert_close(elsewhere[3], together[3], rtol=0, atol=1e-6)


@each_policy
def test_every_sample_and_every_call_is_changed_in_its_own_way(policy: str) -> None:
    """Real and fake samples come one after the other, and get numbers of their own."""
    same, noise = torch.rand(1, 3, 32, 32).expand(8, -1, -1, -1), noise_of(8, range(8))

    first, second = augment_of(policy)(same, noise), augment_of(policy)(same, noise)

    assert len({tuple(row.flatten().tolist()) for row in first}) == 8
    assert not torch.equal(first, second)


def test_policies_are_made_in_the_authors_order_and_each_can_be_left_out() -> None:
    """Colours first, so that what comes in and what is cut out is grey whatever the colours are."""
    pictures = torch.ones(3, 1, 16, 16)
    everything = augment_of("color", "translation", "cutout")(pictures, noise_of(3, range(3)))

    assert [int((row == 0).sum()) > 0 for row in everything] == [True] * 3
    assert torch.equal(augment_of()(pictures, Told([])), pictures)
    assert isinstance(augment_of(), Augmentation)


def test_changes_draw_from_their_noise_alone() -> None:
    state = torch.get_rng_state()

    augment_of("color", "translation", "cutout")(torch.zeros(2, 1, 8, 8), noise_of(2, range(2)))

    assert torch.equal(torch.get_rng_state(), state)


def test_points_are_refused() -> None:
    with pytest.raises(BadData, match="diffaugment changes pictures, and these samples are points"):
        augment_of("color")(torch.zeros(3, 2), noise_of(3, range(3)))


@pytest.mark.parametrize("change", [{"policy": "color,colour"}, {"rotation": True}, {"color": 0.5}])
def test_an_unknown_policy_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        parse_options(CATALOG.augmentations["diffaugment"].options, change, "augmentations.diffaugment")


# What is below them


def test_places_between_pixels_are_mixed_and_places_outside_are_grey() -> None:
    picture = torch.arange(12.0).view(1, 1, 3, 4) + 1  # rows 1…4, 5…8, 9…12

    taken = resampled(picture, torch.tensor([[0.5, 2.0, -1.0]]), torch.tensor([[0.0, 2.25, 3.5, 9.0]]))

    expected = [[3, 5.25, 3, 0], [9, 11.25, 6, 0], [0, 0, 0, 0]]  # 3.5 is half outside
    np.testing.assert_allclose(taken[0, 0].numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("side", [2, 5, 8])
def test_reflected_places_are_those_of_numpy(side: int) -> None:
    """Far outside too, where the mirrors see each other."""
    expected = np.pad(np.arange(side), 3 * side, mode="reflect")
    places = torch.arange(-3.0 * side, 4 * side)[None]

    np.testing.assert_array_equal(reflected(places, side)[0].numpy(), expected)
