"""ADA: movements against numpy and torch's grid_sample, colours by hand, and the course of p in closed form."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import grid_sample

import ganzoo
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Augmentation, Batch, Play, Stateful, TorchNoise, Verdict
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.core.files import sha256
from ganzoo.core.options import parse_options
from ganzoo.training.noise import RowNoise
from ganzoo_augment.ada import Ada
from ganzoo_augment.options import AdaOptions

CATALOG = load_catalog()
CHANGES = ("flip", "rotate", "translate", "scale", "brightness", "contrast", "luma_flip", "saturation")

each_change = pytest.mark.parametrize("change", CHANGES)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


def ada_of(*changes: str, p: float = 1.0, **options: float) -> Ada:
    """With these changes alone, made with probability p."""
    wanted = {name: name in changes for name in CHANGES}
    ada = Ada(parse_options(AdaOptions, wanted | options, ""))
    ada.p = torch.tensor(p)
    return ada


def noise_of(count: int, share: range | None = None, update: int = 0) -> RowNoise:
    """As the trainer draws it, for a share of the batch."""
    return RowNoise(7, "noise", update, count, share or range(count), torch.device("cpu"))


@dataclass
class Steady:
    """The same numbers at every call, in float64, so that a change is a function of the samples alone."""

    count: int

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(self.count, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(self.count, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def distances(found: Tensor, candidates: dict[object, Tensor]) -> dict[object, float]:
    return {key: float((found - candidate).abs().max()) for key, candidate in candidates.items()}


# Movements


def test_pictures_are_mirrored_and_turned_into_all_eight_positions() -> None:
    """Mirrored, then turned anticlockwise; each of the eight equally often, and exactly, pixel by pixel."""
    picture = torch.randn(2, 6, 6)
    positions = {
        (mirrored, turns): torch.from_numpy(
            np.rot90(picture.numpy()[:, :, ::-1] if mirrored else picture.numpy(), turns, (1, 2)).copy()
        )
        for mirrored in (False, True)
        for turns in range(4)
    }

    moved = ada_of("flip", "rotate")(picture.expand(1600, -1, -1, -1), noise_of(1600))

    counts = dict.fromkeys(positions, 0)
    for each in moved:
        same = [key for key, distance in distances(each, positions).items() if distance == 0]
        assert len(same) == 1
        counts[same[0]] += 1
    assert all(abs(count - 200) < 5 * 200**0.5 for count in counts.values())


@pytest.mark.parametrize(("mirrored", "turns"), [(m, t) for m in (0, 1) for t in range(4)])
def test_a_mirror_image_is_turned_and_not_the_reverse(mirrored: int, turns: int) -> None:
    """Told which position to take: numpy's answer, for pictures that differ in all of them."""

    class Told(TorchNoise):
        answers = iter([0.0, 0.25 if mirrored else 0.75, (turns + 0.5) / 4, 0.0])

        def uniform(self, *shape: int) -> Tensor:
            return torch.full((1, *shape), next(self.answers, 0.5))

    picture = torch.randn(1, 3, 5, 5)

    moved = ada_of("flip", "rotate")(picture, Told(1))

    start = picture.numpy()[0, :, :, ::-1] if mirrored else picture.numpy()[0]
    np.testing.assert_array_equal(moved[0].numpy(), np.rot90(start, turns, (1, 2)))


def test_every_shift_of_whole_pixels_occurs_and_the_picture_is_reflected() -> None:
    """Up to 16/8 rows and 24/8 columns either way; what comes in is numpy's reflection."""
    picture = torch.randn(1, 16, 24)
    canvas = np.pad(picture.numpy(), ((0, 0), (4, 4), (4, 4)), mode="reflect")
    shifts = {
        (down, across): torch.from_numpy(canvas[:, 4 - down : 20 - down, 4 - across : 28 - across])
        for down in range(-3, 4)
        for across in range(-4, 5)
    }

    moved = ada_of("translate")(picture.expand(600, -1, -1, -1), noise_of(600))

    seen = set()
    for each in moved:
        (same,) = [key for key, distance in distances(each, shifts).items() if distance == 0]
        seen.add(same)
    assert seen == {(down, across) for down in range(-2, 3) for across in range(-3, 4)}


@pytest.mark.parametrize("size", [(9, 9), (8, 8), (6, 10)])
def test_all_movements_together_are_those_of_grid_sample(size: tuple[int, int]) -> None:
    """Scaled about the middle after the shift: bilinear, reflected at the centres of the outermost pixels."""
    pictures = torch.randn(40, 2, *size)
    ada, count = ada_of("translate", "scale"), len(pictures)

    moved = ada(pictures, Steady(count))

    u, normal = Steady(count).uniform(2), Steady(count).normal()
    shifts = ((2 * u - 1) * 0.125 * torch.tensor(size)).round()  # [N, 2]
    grids = []
    for axis in (0, 1):
        centre = (size[axis] - 1) / 2
        place = (torch.arange(size[axis]) - centre) / 2 ** (0.2 * normal)[:, None] - shifts[:, axis, None]
        grids.append(place / centre)  # -1…1 from the first pixel's centre to the last one's
    down, across = grids
    grid = torch.stack([across[:, None].expand(-1, size[0], -1), down[:, :, None].expand(-1, -1, size[1])], -1)
    expected = grid_sample(pictures.double(), grid, padding_mode="reflection", align_corners=True)
    torch.testing.assert_close(moved.double(), expected, atol=1e-5, rtol=0)


def test_scales_have_a_logarithm_of_standard_deviation_0_2() -> None:
    """Of a picture that is its own column's number, scaling by s shows slopes of 1/s in its middle."""
    ramp = torch.arange(101.0).expand(500, 1, 101, 101)

    scaled = ada_of("scale")(ramp, noise_of(500))

    slopes = (scaled[:, 0, 50, 60] - scaled[:, 0, 50, 40]) / 20
    logs = -slopes.log2()
    assert float(logs.std()) == pytest.approx(0.2, rel=0.15)
    assert abs(float(logs.mean())) < 0.04


# Colours


class Same(TorchNoise):
    """Every uniform and every normal number is the same."""

    u, n = 0.25, 1.0

    def uniform(self, *shape: int) -> Tensor:
        return torch.full((self.count, *shape), self.u)

    def normal(self, *shape: int) -> Tensor:
        return torch.full((self.count, *shape), self.n)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("brightness", [0.7, 0.1, -0.1]),  # + 0.2
        ("contrast", [0.5 * 2**0.5, -0.1 * 2**0.5, -0.3 * 2**0.5]),  # times √2, about mid-grey
        ("luma_flip", [0.5 - 1 / 15, -0.1 - 1 / 15, -0.3 - 1 / 15]),  # the pixel's mean is 1/30, and becomes -1/30
        ("saturation", [1 / 30 + 14 / 15, 1 / 30 - 4 / 15, 1 / 30 - 10 / 15]),  # twice as far from the mean
    ],
)
def test_colours_by_hand(change: str, expected: list[float]) -> None:
    """Of one pixel with three channels, for a normal number of 1."""
    picture = torch.tensor([0.5, -0.1, -0.3]).view(1, 3, 1, 1)

    changed = ada_of(change)(picture, Same(1))

    np.testing.assert_allclose(changed.flatten().numpy(), expected, atol=1e-6)


def test_the_mean_of_a_pixel_is_unchanged_by_saturation_and_its_colour_by_luma() -> None:
    pictures = torch.randn(64, 3, 4, 4)
    colour = pictures - pictures.mean(1, keepdim=True)

    saturated = ada_of("saturation")(pictures, noise_of(64))
    inverted = ada_of("luma_flip")(pictures, noise_of(64))

    torch.testing.assert_close(saturated.mean(1), pictures.mean(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(inverted - inverted.mean(1, keepdim=True), colour, atol=1e-5, rtol=0)
    turned = (inverted.mean(1) * pictures.mean(1) < 0).flatten(1).all(1)
    assert 16 < int(turned.sum()) < 48


def test_a_grey_picture_s_negative_is_its_luma_flipped() -> None:
    picture = torch.randn(1, 1, 4, 4)

    torch.testing.assert_close(ada_of("luma_flip")(picture, Same(1)), -picture)


# Which samples are changed


def test_at_p_0_every_picture_is_as_it_was() -> None:
    """Bit for bit, so that a run with ada begins as one without it."""
    pictures = torch.randn(16, 3, 8, 8)

    assert torch.equal(ada_of(*CHANGES, p=0.0)(pictures, noise_of(16)), pictures)
    assert float(Ada(AdaOptions()).p) == 0


@each_change
def test_a_change_that_is_left_out_is_never_made(change: str) -> None:
    """And each of the others changes something."""
    pictures = torch.rand(64, 3, 8, 8)

    assert torch.equal(ada_of()(pictures, noise_of(64)), pictures)
    assert not torch.equal(ada_of(change)(pictures, noise_of(64)), pictures)


@each_change
@pytest.mark.parametrize("p", [0.2, 0.6])
def test_each_change_is_made_with_probability_p(change: str, p: float) -> None:
    """Flips are then made in half of the cases, turns in three quarters, and 35 of 36 shifts move something."""
    pictures = torch.rand(1, 3, 16, 16).expand(3000, -1, -1, -1)
    visible = {"flip": 0.5, "rotate": 0.75, "luma_flip": 0.5}.get(change, 1.0)

    changed = ada_of(change, p=p)(pictures, noise_of(3000))

    moved = (changed != pictures).flatten(1).any(1).float()
    least = 1 - (1 / 4) ** 2 if change == "translate" else 1.0  # ±2 of u · 4 pixels: no shift for a quarter of each
    expected = p * visible * least
    assert float(moved.mean()) == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 3000) ** 0.5)


def test_changes_are_chosen_independently_of_each_other() -> None:
    """Brightness and contrast at p = 1/2: neither, one, the other, or both, a quarter each."""
    pictures = torch.tensor([0.5, 1.0]).view(1, 1, 1, 2).expand(4000, -1, -1, -1)

    changed = ada_of("brightness", "contrast", p=0.5)(pictures, noise_of(4000)).flatten(1)

    brighter = changed[:, 1] - 2 * changed[:, 0]  # 0 unless something was added
    steeper = (changed[:, 1] - changed[:, 0] - 0.5).abs() > 1e-5
    cells = [(int(b), int(s)) for b, s in zip(brighter.abs() > 1e-5, steeper, strict=True)]
    for cell in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert cells.count(cell) / 4000 == pytest.approx(0.25, abs=0.03)


@each_change
def test_a_sample_s_change_does_not_depend_on_its_batch(change: str) -> None:
    """Alone, in a share of the batch, or beside other samples: row 3 gets the numbers of row 3."""
    pictures, ada = torch.randn(8, 3, 8, 8), ada_of(change)
    others = 100 * torch.randn(8, 3, 8, 8)
    others[3] = pictures[3]

    together = ada(pictures, noise_of(8))

    torch.testing.assert_close(ada(pictures[3:4], noise_of(8, range(3, 4)))[0], together[3], rtol=0, atol=1e-6)
    torch.testing.assert_close(ada(others, noise_of(8))[3], together[3], rtol=0, atol=1e-6)


def test_gradients_reach_the_samples_and_can_be_differentiated_again() -> None:
    """R1 differentiates twice; against finite differences, in float64, all changes at once."""
    pictures = torch.randn(2, 2, 5, 5, dtype=torch.float64, requires_grad=True)

    def total(samples: Tensor) -> Tensor:
        return (ada_of(*CHANGES)(samples, Steady(2)) ** 3).sum((1, 2, 3))

    assert torch.autograd.gradcheck(total, (pictures,))
    assert torch.autograd.gradgradcheck(total, (pictures,))


def test_changes_draw_from_their_noise_alone() -> None:
    state = torch.get_rng_state()

    ada_of(*CHANGES)(torch.zeros(2, 1, 8, 8), noise_of(2))

    assert torch.equal(torch.get_rng_state(), state)


# The course of p


def play_of(logits: Tensor, step: int) -> Play:
    """As `adapt` sees it, after an update of the discriminator."""
    nothing = torch.zeros(len(logits), 1)
    batch, verdict = Batch(nothing, None, nothing, TorchNoise(len(logits))), Verdict(logits)
    return Play(batch, nothing, verdict, verdict, step=step)


def course(ada: Ada, signs: list[float], batch: int = 10) -> list[float]:
    """p after each update, of discriminators with E sign D(x) as given."""
    values = []
    for step, sign in enumerate(signs):
        positive = round(batch * (1 + sign) / 2)
        ada.adapt(play_of(torch.tensor([3.0] * positive + [-0.1] * (batch - positive)), step))
        values.append(float(ada.p))
    return values


def test_p_grows_by_the_same_step_every_fourth_update() -> None:
    """Of a discriminator that knows all real pictures: n updates later, one of them remembered for the next time,
    p = 4 ⌊(n - 1) / 4⌋ / ramp."""
    values = course(ada_of(p=0.0, ramp=100, interval=4), [1.0] * 50)

    expected = [4 * ((n - 1) // 4) / 100 for n in range(1, 51)]
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_p_reaches_1_after_the_ramp_and_0_after_as_much_again() -> None:
    """And neither passes 1 nor falls below 0."""
    ada = ada_of(p=0.0, ramp=20, interval=1)

    up, down = course(ada, [1.0] * 30), course(ada, [0.0] * 30)

    np.testing.assert_allclose(up, np.minimum(np.arange(30) / 20, 1), atol=1e-6)
    np.testing.assert_allclose(down, np.clip(1 - np.arange(30) / 20, 0, 1), atol=1e-6)


def test_p_follows_the_mean_over_the_interval_and_not_the_last_batch() -> None:
    """1, 1, 1, 0 has a mean of 0.75, above 0.6; 1, 1, 0, 0 has one of 0.5, below it. Logits' sizes do not matter."""
    ada = ada_of(p=0.5, ramp=40, interval=4)

    values = course(ada, [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0])

    np.testing.assert_allclose(values, [0.5] * 4 + [0.6] * 4 + [0.5], atol=1e-6)


def test_p_stays_where_the_target_is_met() -> None:
    np.testing.assert_allclose(course(ada_of(p=0.5, target=0.5, interval=1), [0.5] * 5, batch=8), [0.5] * 5)


@given(signs=st.lists(st.sampled_from([-1.0, 0.0, 0.4, 0.8, 1.0]), max_size=40), start=st.floats(0, 1, width=32))
def test_p_is_a_probability_whatever_happens(signs: list[float], start: float) -> None:
    ada = ada_of(p=start, ramp=3, interval=2)

    assert all(0 <= value <= 1 for value in course(ada, signs))


def test_two_processes_that_share_their_state_decide_as_one() -> None:
    """Each has half of every batch, and after each update goes on with the mean of both states."""
    one, pair = ada_of(p=0.5, ramp=20, interval=2), [ada_of(p=0.5, ramp=20, interval=2) for _ in range(2)]
    for step in range(12):
        logits = torch.randn(8) + 0.8
        one.adapt(play_of(logits, step))
        for ada, half in zip(pair, logits.split(4), strict=True):
            ada.adapt(play_of(half, step))
        share(pair)
        torch.testing.assert_close(pair[0].p, one.p)

    assert float(one.p) != 0.5


def test_two_processes_decide_as_one_where_a_step_has_several_updates() -> None:
    """One is sure of all real pictures and the other of none, so that the mean is 0 and p stays at 0."""
    pair = [ada_of(p=0.0, ramp=20, interval=4) for _ in range(2)]
    for step in range(20):
        for _ in range(5):
            for ada, sign in zip(pair, (1.0, -1.0), strict=True):
                ada.adapt(play_of(torch.full((4,), sign), step))
        share(pair)
        assert [float(ada.p) for ada in pair] == [0, 0]


def share(pair: list[Ada]) -> None:
    """What the host does after each step: all go on with the mean of their states."""
    states = [ada.state_dict() for ada in pair]
    mean = {
        key: (a + b) / 2 if a.is_floating_point() else a
        for (key, a), b in zip(states[0].items(), states[1].values(), strict=True)
    }
    for ada in pair:
        ada.load_state_dict(mean)


def test_state_survives_in_the_middle_of_an_interval() -> None:
    """As in a checkpoint: tensors alone, and another instance goes on as the first would."""
    first, second = ada_of(p=0.2, ramp=10, interval=4), ada_of(p=0.9, ramp=10, interval=4)
    course(first, [1.0] * 6)

    second.load_state_dict({key: value.clone() for key, value in first.state_dict().items()})

    assert isinstance(first, Stateful) and isinstance(first, Augmentation)
    assert course(first, [1.0, 1.0, 0.0, 0.0]) == course(second, [1.0, 1.0, 0.0, 0.0])
    assert float(second.p) == pytest.approx(1.0)  # 0.6 with the interval that was half over, and 0.4 more


def test_p_is_the_same_in_several_passes(tmp_path: Path) -> None:
    """It learns of all real pictures of a batch, however many of them are seen at once; so a run may change that."""
    settings = {
        "augmentations.ada.ramp": 30,
        "augmentations.ada.interval": 1,
        "augmentations.ada.target": 0.3,
        "generator_optimizer.learning_rate": 1e-3,
        "discriminator_optimizer.learning_rate": 1e-3,
    }
    common = {"settings": settings, "batch_size": 16, "device": "cpu", "quiet": True}

    whole = ganzoo.train("vanilla-mlp", steps=20, out=tmp_path / "whole", **common)
    parts = ganzoo.train("vanilla-mlp", steps=10, accumulate=4, out=tmp_path / "parts", **common)
    ganzoo.resume(parts, steps=20, accumulate=2, device="cpu", quiet=True)

    one, other = (load_file(run.newest_checkpoint()) for run in (whole, parts))
    for name in ("p", "signs"):
        torch.testing.assert_close(other[f"augmentations/ada/{name}"], one[f"augmentations/ada/{name}"])
    assert float(one["augmentations/ada/p"]) > 0


# What is refused


def test_points_are_refused() -> None:
    with pytest.raises(BadData, match="ada changes pictures, and these samples are points"):
        ada_of("contrast")(torch.zeros(3, 2), noise_of(3))


def test_pictures_that_are_no_squares_are_not_turned() -> None:
    """The message says what to set, and without turns they are welcome."""
    pictures = torch.randn(4, 1, 6, 10)
    with pytest.raises(BadData, match=r"6×10 pixels cannot be turned .* --set augmentations.ada.rotate=false"):
        Ada(AdaOptions())(pictures, noise_of(4))

    ada = Ada(replace(AdaOptions(), rotate=False))
    ada.p = torch.ones(())
    assert ada(pictures, noise_of(4)).shape == pictures.shape


@pytest.mark.parametrize(
    "change", [{"target": 1.0}, {"target": -1.5}, {"ramp": 0}, {"interval": 0}, {"hue": True}, {"policy": "bgc"}]
)
def test_options_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        parse_options(CATALOG.augmentations["ada"].options, change, "augmentations.ada")


# In a run


def test_a_run_that_was_stopped_goes_on_with_its_p(tmp_path: Path) -> None:
    """Its last checkpoint is that of a run that was never stopped, bit for bit; r1 is differentiated through ada."""
    settings = {
        "augmentations.ada.ramp": 2,
        "augmentations.ada.interval": 1,
        "augmentations.ada.target": -0.9,
        "regularizers.r1.gamma": 0.1,
        "batch_size": 16,
    }
    common = {"dataset": "digits", "device": "cpu", "quiet": True}

    whole = ganzoo.train("vanilla-mlp", steps=6, settings=settings, out=tmp_path / "whole", **common)
    part = ganzoo.train("vanilla-mlp", steps=3, settings=settings, out=tmp_path / "part", **common)
    ganzoo.resume(part, steps=6, device="cpu", quiet=True)

    newest = [run.newest_checkpoint() for run in (whole, part)]
    assert sha256(newest[0]) == sha256(newest[1])
    assert 0 < float(load_file(newest[0])["augmentations/ada/p"]) <= 1
