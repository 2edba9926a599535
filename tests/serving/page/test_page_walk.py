"""Pictures are kept, and walked between."""

from pathlib import Path

import numpy as np
import pytest
from page_tools import Visit, drawn
from PIL import Image

from ganzoo.sampling.sampler import Sampler

pytestmark = pytest.mark.clients

FRAMES = 24  # from one kept picture to the next
NEARLY = 1  # grey level: sines of two languages may differ in the last bit


def keep(visit: Visit, *seeds: int) -> None:
    for seed in seeds:
        visit.page.locator(".tile", has_text=f"{seed}").nth(0).click()


def walked(bundle: Path, seeds: tuple[int, int], t: float) -> np.ndarray:
    """The picture [H, W, C] at `t` on the great arc between two latents, of the nearer end's class."""
    sampler = Sampler(bundle, "cpu")
    first, last = sampler.latents(np.array(seeds)).astype(np.float64)
    cosine = first @ last / np.linalg.norm(first) / np.linalg.norm(last)
    angle = np.arccos(cosine)
    latent = (np.sin((1 - t) * angle) * first + np.sin(t * angle) * last) / np.sin(angle)
    labels = sampler.labels(np.array(seeds), None)
    return sampler.generate(latent[None].astype(np.float32), None if labels is None else labels[[int(t >= 0.5)]])[0]


def shown(visit: Visit) -> np.ndarray:
    """The walk's picture, int [H, W, C], as soon as it has come to rest."""
    visit.page.wait_for_timeout(700)
    return visit.pictures(".walk canvas")[0].astype(int)


def test_a_click_keeps_a_picture_and_another_click_no_longer(visit: Visit, bundles: Path) -> None:
    visit.open("model=acgan&seed=10")
    visit.says("seeds 10 to 25")
    visit.page.get_by_role("button", name="Picture of seed 12, class 2", exact=True).click()

    visit.page.get_by_role("button", name="Picture of seed 12, class 2, kept", exact=True).wait_for()
    visit.page.get_by_role("heading", name="Kept (1)").wait_for()
    assert visit.state()["kept"] == "12.2"
    assert (visit.pictures(".tray canvas") == drawn(bundles / "acgan", [12])).all()

    visit.page.get_by_role("button", name="Picture of seed 12, class 2, kept", exact=True).click()
    assert visit.page.locator(".tray li").count() == 0
    assert "kept" not in visit.state()


def test_what_is_kept_stays_through_new_seeds_and_back(visit: Visit, bundles: Path) -> None:
    visit.open("model=acgan")
    visit.says("seeds 0 to 15")
    visit.page.get_by_role("button", name="New pictures").click()
    start = int(visit.state()["seed"])
    visit.says(f"seeds {start} to {start + 15}")
    visit.page.locator(".tile").nth(3).click()

    visit.page.go_back()
    visit.says("seeds 0 to 15")
    assert visit.page.locator(".tray li").count() == 1
    assert (visit.pictures(".tray canvas") == drawn(bundles / "acgan", [start + 3])).all()
    assert visit.state()["kept"] == f"{start + 3}.{(start + 3) % 10}"


def test_a_kept_picture_can_be_removed_without_losing_the_focus(visit: Visit) -> None:
    visit.open("model=acgan&kept=1.1,2.2,3.3")
    visit.page.get_by_role("button", name="Remove the picture of seed 2, class 2").click()

    assert visit.state()["kept"] == "1.1,3.3"
    focused = visit.page.evaluate("() => document.activeElement.getAttribute('aria-label')")
    assert focused == "Remove the picture of seed 3, class 3"
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Enter")
    assert visit.page.locator(".tray li").count() == 0
    assert visit.page.evaluate("() => document.activeElement.textContent") == "Kept"


def test_there_is_no_walk_from_a_single_picture(visit: Visit) -> None:
    visit.open("model=vanilla-mlp")
    visit.says("seeds 0 to 15")
    keep(visit, 4)
    assert not visit.page.get_by_role("button", name="Play").is_visible()
    keep(visit, 5)
    visit.page.get_by_role("button", name="Play").wait_for()


@pytest.mark.parametrize("name", ["vanilla-mlp", "acgan"])
def test_the_walk_follows_the_great_arc(visit: Visit, bundles: Path, name: str) -> None:
    """Its middle, its ends and points between them; with labels, each frame is of the nearer end's class."""
    visit.open(f"model={name}")
    visit.says("seeds 0 to 15")
    keep(visit, 3, 5, 8)
    for frame in (0, 11, 12, 24, 30, 36, 48):
        visit.page.get_by_label("Position").fill(str(frame))
        seeds = (3, 5) if frame < FRAMES else (5, 8)
        expected = walked(bundles / name, seeds, (frame % FRAMES) / FRAMES if frame < 48 else 1.0)
        assert np.abs(shown(visit) - expected).max() <= NEARLY, frame
    assert visit.state()["frame"] == "48"


def test_a_walk_of_codes_keeps_the_nearer_category(visit: Visit, bundles: Path) -> None:
    """Latents of a structured prior are joined by lines, but for their categories."""
    visit.open("model=codes&kept=1,4&frame=9")
    visit.says("seeds 0 to 15")
    sampler = Sampler(bundles / "codes", "cpu")
    latents = sampler.latents([1, 4])
    assert (latents[0, :10] != latents[1, :10]).any()
    expected = latents[:1] * np.float32(15 / 24) + latents[1:] * np.float32(9 / 24)
    expected[0, :10] = latents[0, :10]

    visit.page.wait_for_timeout(700)
    difference = visit.pictures(".walk canvas", channels=3)[0].astype(int) - sampler.generate(expected)[0]
    assert np.abs(difference).max() <= NEARLY


def test_the_walk_is_truncated_as_the_grid_is(visit: Visit, bundles: Path) -> None:
    visit.open("model=vanilla-mlp&kept=3,5&truncation=0.5")
    visit.says("seeds 0 to 15 · truncation 0.50")

    assert (shown(visit) == drawn(bundles / "vanilla-mlp", [3], truncation=0.5)[0]).all()
    assert (visit.pictures(".tray canvas") == drawn(bundles / "vanilla-mlp", [3, 5], truncation=0.5)).all()


def test_the_walk_plays_and_pauses(visit: Visit, bundles: Path) -> None:
    """Where it paused, the address says; what it shows there is that frame."""
    visit.open("model=vanilla-mlp&kept=3,5")
    visit.says("seeds 0 to 15")
    position = visit.page.get_by_label("Position")
    visit.page.get_by_role("button", name="Play").click()
    visit.page.wait_for_timeout(900)
    before = int(position.input_value())
    visit.page.wait_for_timeout(400)
    visit.page.get_by_role("button", name="Pause").click()
    frame = int(position.input_value())

    assert 0 < before < frame
    assert np.abs(shown(visit) - walked(bundles / "vanilla-mlp", (3, 5), frame / FRAMES)).max() <= NEARLY
    assert int(position.input_value()) == frame == int(visit.state()["frame"])


def test_the_walk_turns_at_its_end(visit: Visit) -> None:
    visit.open("model=vanilla-mlp&kept=3,5&frame=22")
    visit.says("seeds 0 to 15")
    visit.page.get_by_role("button", name="Play").click()
    seen = [int(visit.page.get_by_label("Position").input_value())]
    while max(seen) < FRAMES or seen[-1] > FRAMES - 3:
        seen.append(int(visit.page.get_by_label("Position").input_value()))
        assert len(seen) < 5000

    assert np.abs(np.diff(seen)).max() < 10  # it does not jump back to its beginning


def test_the_walk_is_saved_as_a_gif_there_and_back(visit: Visit, bundles: Path) -> None:
    visit.open("model=acgan&kept=3.3,5.5,8.8")
    visit.says("seeds 0 to 15")
    path = visit.download("Save the walk as GIF")

    assert path.name == "acgan-walk.gif"
    with Image.open(path) as film:
        assert film.n_frames == 4 * FRAMES
        assert film.info["loop"] == 0
        enlarged = film.size[0] // 28
        for frame, seeds in [(6, (3, 5)), (4 * FRAMES - 6, (3, 5)), (36, (5, 8)), (60, (5, 8))]:
            film.seek(frame)
            assert film.info["duration"] == 80
            found = np.array(film.convert("L"))
            along = frame if frame <= 2 * FRAMES else 4 * FRAMES - frame
            expected = walked(bundles / "acgan", seeds, along % FRAMES / FRAMES)[..., 0].astype(int)
            assert np.abs(found - expected.repeat(enlarged, 0).repeat(enlarged, 1)).max() <= NEARLY
