"""The page shows what the sampler draws, whatever a person sets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_tools import Visit, drawn, serving

from ganzoo.sampling.sampler import Sampler

pytestmark = pytest.mark.clients


def test_every_model_is_a_card_with_its_preview(visit: Visit, bundles: Path) -> None:
    visit.open()

    cards = visit.page.locator(".card")
    assert sorted(cards.locator("h2").all_inner_texts()) == sorted(path.name for path in bundles.iterdir())
    visit.page.locator(".card", has_text="bent").get_by_text("No preview").wait_for()
    visit.page.locator(".card img").nth(4).wait_for()
    widths = visit.page.locator(".card img").evaluate_all(
        "images => Promise.all(images.map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert min(widths) > 0


def test_a_card_leads_to_the_model_and_back_to_the_cards(visit: Visit, bundles: Path) -> None:
    visit.open()
    visit.page.locator(".card", has_text="acgan").click()
    visit.says("seeds 0 to 15")

    assert (visit.pictures() == drawn(bundles / "acgan", range(16))).all()
    assert visit.page.title() == "acgan · ganzoo"

    visit.page.go_back()
    visit.page.locator(".card").first.wait_for()
    assert visit.page.title() == "ganzoo"


def test_a_button_and_a_key_draw_new_seeds_and_back_returns(visit: Visit, bundles: Path) -> None:
    visit.open("model=vanilla-mlp")
    visit.says("seeds 0 to 15")

    starts = [0]
    for press in (
        lambda: visit.page.get_by_role("button", name="New pictures").click(),
        lambda: visit.page.keyboard.press("n"),
    ):
        press()
        starts.append(int(visit.state()["seed"]))
        visit.says(f"seeds {starts[-1]} to {starts[-1] + 15}")
        assert (visit.pictures() == drawn(bundles / "vanilla-mlp", range(starts[-1], starts[-1] + 16))).all()
    assert len(set(starts)) == 3

    for start in reversed(starts[:-1]):
        visit.page.go_back()
        visit.says(f"seeds {start} to {start + 15}")
        assert (visit.pictures() == drawn(bundles / "vanilla-mlp", range(start, start + 16))).all()
    visit.page.go_forward()
    visit.says(f"seeds {starts[1]} to {starts[1] + 15}")


@pytest.mark.parametrize("seed", [-(2**63), -5, 2**63 - 16, 2**53 + 1])
def test_any_int64_may_be_typed_as_a_seed(visit: Visit, bundles: Path, seed: int) -> None:
    visit.open("model=acgan")
    visit.page.get_by_label("First seed").fill(str(seed))
    visit.page.keyboard.press("Enter")

    visit.says(f"seeds {seed} to {seed + 15}")
    assert (visit.pictures() == drawn(bundles / "acgan", range(seed, seed + 16))).all()


@pytest.mark.parametrize("typed", ["", "1.5", "x", str(2**63), "1e3", "-"])
def test_a_seed_that_is_none_is_refused_in_a_sentence(visit: Visit, typed: str) -> None:
    visit.open("model=vanilla-mlp&seed=7")
    visit.says("seeds 7 to 22")
    visit.page.get_by_label("First seed").fill(typed)
    visit.page.keyboard.press("Enter")

    visit.page.get_by_text("A seed is a whole number").wait_for()
    assert visit.state()["seed"] == "7"


@pytest.mark.parametrize("name", ["vanilla-mlp", "bent"])
def test_the_slider_truncates_as_the_sampler_does(visit: Visit, bundles: Path, name: str) -> None:
    """By scaling latents, and by the graph's own input."""
    visit.open(f"model={name}&seed=3")
    visit.says("seeds 3 to 18")
    for truncation in (0.4, 0.0, 0.95):
        visit.page.get_by_label("Truncation").fill(str(truncation))
        visit.says(f"seeds 3 to 18 · truncation {truncation:.2f}")
        assert (visit.pictures() == drawn(bundles / name, range(3, 19), truncation=truncation)).all()
    assert visit.state()["truncation"] == "0.95"


def test_sliding_ends_with_the_last_truncation(visit: Visit, bundles: Path) -> None:
    """Of hundreds of wishes in a second, some are skipped, and the last one is not."""
    visit.open("model=acgan")
    visit.says("seeds 0 to 15")
    visit.page.get_by_label("Truncation").evaluate("""field => {
        for (let i = 100; i >= 30; i--) {
            field.value = i / 100;
            field.dispatchEvent(new Event("input", { bubbles: true }));
        }
    }""")

    visit.says("seeds 0 to 15 · truncation 0.30")
    assert (visit.pictures() == drawn(bundles / "acgan", range(16), truncation=0.3)).all()
    assert visit.state()["truncation"] == "0.3"


def test_classes_are_drawn_one_by_one_or_in_turns(visit: Visit, bundles: Path) -> None:
    visit.open("model=acgan&seed=-4")
    classes = visit.page.get_by_role("group", name="Class")
    classes.get_by_role("button", name="7").click()

    visit.says("seeds -4 to 11 · class 7")
    assert (visit.pictures() == drawn(bundles / "acgan", range(-4, 12), label=7)).all()

    classes.get_by_role("button", name="All").click()
    visit.says("seeds -4 to 11")
    assert (visit.pictures() == drawn(bundles / "acgan", range(-4, 12))).all()


def test_one_of_many_classes_is_chosen_from_a_list(visit: Visit, bundles: Path) -> None:
    """As of ImageNet's thousand: a model of ten is announced with fifty."""

    def announce(route: Any) -> None:
        answer = route.fetch()
        models = answer.json()
        for model in models["models"]:
            model["labels"] = model["labels"] and [f"kind {number}" for number in range(50)]
        route.fulfill(response=answer, json=models)

    visit.page.route("**/v1/models", announce)
    visit.open("model=acgan&count=9")
    visit.page.get_by_label("Class", exact=True).select_option("kind 3")

    visit.says("seeds 0 to 8 · class kind 3")
    assert (visit.pictures() == drawn(bundles / "acgan", range(9), label=3)).all()
    assert visit.state()["label"] == "3"
    visit.page.get_by_label("Class", exact=True).select_option("All, in turns")
    visit.says("seeds 0 to 8")


@pytest.mark.parametrize("count", [1, 4, 64])
def test_as_many_are_drawn_as_are_asked_for(visit: Visit, bundles: Path, count: int) -> None:
    visit.open("model=vanilla-mlp&seed=5")
    visit.page.get_by_role("group", name="How many").get_by_role("button", name=str(count), exact=True).click()

    visit.says("seed 5" if count == 1 else f"seeds 5 to {4 + count}")
    assert (visit.pictures() == drawn(bundles / "vanilla-mlp", range(5, 5 + count))).all()


# Codes


def shared(bundle: Path, seeds: range, codes: dict[int, float], truncation: float = 1.0) -> np.ndarray:
    """What is drawn where these columns of all latents are set."""
    sampler = Sampler(bundle, "cpu")
    latents = sampler.latents(np.array(seeds))
    for column, value in codes.items():
        latents[:, column] = value
    return sampler.generate(latents, truncation=truncation)


def test_codes_are_shared_while_noise_stays_each_picture_s_own(visit: Visit, bundles: Path) -> None:
    """In colour: a category of ten, then two continuous codes, then noise."""
    visit.open("model=codes&seed=2")
    visit.says("seeds 2 to 17")
    assert (visit.pictures(channels=3) == drawn(bundles / "codes", range(2, 18))).all()
    assert visit.page.get_by_label("Truncation").count() == 0  # of latents that cannot be scaled

    one_hot = dict.fromkeys(range(10), 0.0) | {6: 1.0}
    visit.page.get_by_role("group", name="Category").get_by_role("button", name="6").click()
    visit.says("seeds 2 to 17 · 1 code set")
    assert (visit.pictures(channels=3) == shared(bundles / "codes", range(2, 18), one_hot)).all()

    visit.page.get_by_label("Code 2", exact=True).fill("-0.5")
    visit.says("seeds 2 to 17 · 2 codes set")
    assert (visit.pictures(channels=3) == shared(bundles / "codes", range(2, 18), one_hot | {11: -0.5})).all()
    assert visit.state()["codes"] == "0:6_2:-0.5"

    visit.page.get_by_role("button", name="Set all free").click()
    visit.says("seeds 2 to 17")
    assert (visit.pictures(channels=3) == drawn(bundles / "codes", range(2, 18))).all()


def test_a_latent_of_few_numbers_has_a_slider_for_each(visit: Visit, bundles: Path) -> None:
    visit.open("model=few")
    visit.says("seeds 0 to 15")
    sliders = [visit.page.get_by_label(f"Number {number}", exact=True) for number in (1, 2, 3)]
    visit.page.wait_for_timeout(500)
    own = Sampler(bundles / "few", "cpu").latents([0])[0]
    assert [float(each.input_value()) for each in sliders] == pytest.approx(own.clip(-3, 3), abs=0.031)  # half a step

    sliders[1].fill("1.5")
    visit.says("seeds 0 to 15 · 1 code set")
    assert (visit.pictures() == shared(bundles / "few", range(16), {1: 1.5})).all()

    visit.page.get_by_label("Truncation").fill("0.4")
    visit.says("seeds 0 to 15 · truncation 0.40 · 1 code set")
    assert (visit.pictures() == shared(bundles / "few", range(16), {1: 1.5}, truncation=0.4)).all()


# Links


@pytest.mark.parametrize(
    ("state", "caption"),
    [
        (
            "model=acgan&seed=40&label=3&truncation=0.6&kept=3.3,17.7&frame=5",
            "seeds 40 to 55 · class 3 · truncation 0.60",
        ),
        ("model=codes&seed=-3&count=9&codes=0:4_1:0.3&kept=5_0:1,6&frame=7", "seeds -3 to 5 · 2 codes set"),
    ],
)
def test_a_link_shows_the_same_pictures_elsewhere(
    visit: Visit, browser: Any, server: str, state: str, caption: str
) -> None:
    """In the grid, in the tray and in the walk."""
    canvases = ".tile canvas, .tray canvas, .walk canvas"
    visit.open(state)
    visit.says(caption)
    visit.page.wait_for_timeout(1000)  # the tray and the walk are drawn after the grid
    here = visit.pictures(canvases, channels=3)
    assert dict(part.split("=") for part in state.split("&")) == visit.state()
    assert len(np.unique(here[-3:], axis=0)) == 3

    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        other = Visit(context.new_page(), server)
        other.page.goto(visit.page.url)
        other.says(caption)
        other.page.wait_for_timeout(1000)
        assert (other.pictures(canvases, channels=3) == here).all()
        assert other.problems == []


@pytest.mark.parametrize(
    "state",
    [
        "model=acgan&seed=x&count=0&truncation=nan&label=99&kept=,5,x.y,3.77&codes=0:1_:&frame=-1",
        "model=acgan&seed=&count=16x&truncation=&label=-1&kept=%&codes=%E0%A4%A&frame=9",
        "model=acgan&&=&seed",
    ],
)
def test_a_link_that_was_garbled_shows_what_it_can(visit: Visit, bundles: Path, state: str) -> None:
    visit.open(state)
    visit.page.locator(".caption:not(:empty)").wait_for()

    expected = drawn(bundles / "acgan", range(16))
    assert (visit.pictures() == expected[: len(visit.pictures())]).all()
    assert visit.page.locator(".tray li").count() == 0


def test_a_model_that_is_served_alone_is_shown_at_once(browser: Any, bundles: Path) -> None:
    with serving(bundles / "vanilla-mlp") as home, browser.new_context() as context:
        visit = Visit(context.new_page(), home)
        visit.open()
        visit.says("seeds 0 to 15")

        assert (visit.pictures() == drawn(bundles / "vanilla-mlp", range(16))).all()
        assert not visit.page.get_by_role("link", name="All models").is_visible()
        assert visit.problems == []


def test_an_unknown_model_is_named(visit: Visit) -> None:
    visit.open("model=no-such")

    assert "no model called no-such" in visit.page.get_by_role("alert").first.inner_text()
    assert visit.page.locator(".card").count() == 6
