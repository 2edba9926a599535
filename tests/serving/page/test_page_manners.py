"""The page works for all eyes, for screen readers, on a phone, with a token, and when something goes wrong."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_tools import NO_STORAGE, VIEWS, Visit, audit, drawn, ready, serving
from PIL import Image

pytestmark = pytest.mark.clients


@pytest.mark.parametrize("view", VIEWS)
def test_everything_has_a_name_and_its_place(visit: Visit, view: str) -> None:
    ready(visit, view)

    assert audit(visit, "lacks") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_words_stand_out(visit: Visit, view: str, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    ready(visit, view)

    assert audit(visit, "faint") == []
    paper = visit.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in paper[4:-1].split(",")) > 384) == (scheme == "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["pictures", "walk", "codes"])
def test_controls_have_an_outline_that_stands_out(visit: Visit, view: str, scheme: str) -> None:
    """3 to 1 (WCAG 2.2, 1.4.11); a slider's track is seen on both sides of its knob."""
    visit.page.emulate_media(color_scheme=scheme)
    ready(visit, view)

    assert audit(visit, "unbounded") == []
    for slider in visit.page.locator("input[type=range]:visible").all():
        with Image.open(BytesIO(slider.screenshot())) as taken:
            pixels = np.array(taken.convert("RGB"))
        for column in (len(pixels[0]) // 5, len(pixels[0]) * 4 // 5):
            assert audit(visit, "widest", pixels[:, column].tolist()) >= 3, slider.get_attribute("id")


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_shows_all_without_scrolling_sideways(visit: Visit, view: str) -> None:
    """And nothing is too small to be touched (WCAG 2.2, 2.5.8: 24 pixels)."""
    visit.page.set_viewport_size({"width": 390, "height": 844})
    ready(visit, view)

    assert visit.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert audit(visit, "small") == []


def test_focus_can_be_seen(visit: Visit) -> None:
    ready(visit, "pictures")
    visit.page.keyboard.press("Tab")
    for _ in range(12):
        visit.page.keyboard.press("Tab")
        width = visit.page.evaluate("() => parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert width >= 3


def test_screen_readers_are_told_what_is_drawn_and_kept(visit: Visit) -> None:
    ready(visit, "pictures")
    said = visit.page.get_by_role("status")
    visit.page.keyboard.press("[")
    said.get_by_text("16 pictures: seeds 0 to 15 · truncation 0.95").wait_for()
    visit.page.locator(".tile").nth(2).click()
    said.get_by_text("seed 2 is kept.").wait_for()


def test_nothing_moves_for_those_who_asked_for_it(visit: Visit) -> None:
    visit.page.emulate_media(reduced_motion="reduce")
    ready(visit, "cards")

    assert audit(visit, "moving") == []


# When something goes wrong


def refuse(visit: Visit, status: int, detail: str, times: int) -> list[int]:
    """Answer requests for samples with a problem; the list counts those that came, refused ones and others."""
    came: list[int] = []

    def answer(route: Any) -> None:
        came.append(status)
        if len(came) > times:
            route.continue_()
        else:
            body = f'{{"type": "about:blank", "title": "Refused", "status": {status}, "detail": "{detail}"}}'
            route.fulfill(
                status=status, content_type="application/problem+json", headers={"Retry-After": "1"}, body=body
            )

    visit.page.route("**/samples", answer)
    return came


def forgive(visit: Visit, *words: str) -> None:
    """The browser itself writes on the console what it could not load."""
    visit.problems[:] = [each for each in visit.problems if not any(word in each for word in words)]


def test_an_error_is_shown_as_the_server_s_sentence_until_it_is_over(visit: Visit, bundles: Path) -> None:
    ready(visit, "pictures")
    refuse(visit, 413, "That is too much at once; ask for less.", times=1)
    visit.page.keyboard.press("[")
    alert = visit.page.get_by_role("alert").get_by_text("That is too much at once; ask for less.")
    alert.wait_for()
    visit.page.keyboard.press("[")
    visit.says("seeds 0 to 15 · truncation 0.90")

    assert not alert.is_visible()
    assert (visit.pictures() == drawn(bundles / "vanilla-mlp", range(16), truncation=0.9)).all()
    forgive(visit, "413")


def test_a_busy_server_is_asked_again(visit: Visit) -> None:
    ready(visit, "pictures")
    came = refuse(visit, 429, "Too many wait already.", times=1)
    visit.page.keyboard.press("[")
    visit.says("seeds 0 to 15 · truncation 0.95")

    assert len(came) == 2
    assert not visit.page.locator("#problem").is_visible()
    forgive(visit, "429")


def test_a_server_that_is_gone_is_named(browser: Any, bundles: Path) -> None:
    with browser.new_context() as context:
        with serving(bundles) as home:
            visit = Visit(context.new_page(), home)
            ready(visit, "pictures")
        visit.page.keyboard.press("n")
        visit.page.get_by_role("alert").get_by_text("The server does not answer").wait_for()


def test_a_page_that_cannot_begin_says_why(visit: Visit) -> None:
    visit.page.route("**/v1/models", lambda route: route.fulfill(status=500, body="oops"))
    visit.page.goto(visit.home)

    visit.page.get_by_role("alert").get_by_text("The server answered 500").wait_for()
    forgive(visit, "500")


# Token


@pytest.fixture(scope="module")
def guarded(bundles: Path) -> Any:
    with serving(bundles, "--token", "open-sesame+/=") as home:
        yield home


def test_a_token_in_the_link_opens_and_is_not_left_in_the_address(browser: Any, guarded: str, bundles: Path) -> None:
    with browser.new_context() as context:
        visit = Visit(context.new_page(), guarded)
        visit.page.goto(f"{guarded}#model=vanilla-mlp&token=open-sesame%2B/%3D&seed=4")
        visit.says("seeds 4 to 19")

        assert (visit.pictures() == drawn(bundles / "vanilla-mlp", range(4, 20))).all()
        assert "sesame" not in visit.page.url
        visit.page.reload()
        visit.says("seeds 4 to 19")
        visit.page.goto("about:blank")
        visit.page.goto(f"{guarded}#token=open-sesame%2B/%3D")
        visit.page.locator(".card img").nth(4).wait_for()
        assert visit.page.url == guarded
        assert visit.problems == []


def test_without_a_token_the_page_asks_for_it(browser: Any, guarded: str) -> None:
    with browser.new_context() as context:
        visit = Visit(context.new_page(), guarded)
        visit.page.goto(guarded)
        field = visit.page.get_by_label("Token", exact=True)
        field.fill("wrong")
        visit.page.keyboard.press("Enter")
        visit.page.get_by_text("is not this server's; try again").wait_for()
        field.fill("open-sesame+/=")
        visit.page.get_by_role("button", name="Go on").click()

        visit.page.locator(".card img").nth(4).wait_for()
        forgive(visit, "401")
        assert visit.problems == []


@pytest.mark.parametrize("spoilt", ["%", "%E2%80%9Copen%E2%80%9D", "open sesame"])
def test_a_link_with_a_spoilt_token_leads_to_the_question(browser: Any, guarded: str, spoilt: str) -> None:
    """Half an escape; letters that no header can hold; a space."""
    with browser.new_context() as context:
        visit = Visit(context.new_page(), guarded)
        visit.page.goto(f"{guarded}#token={spoilt}")
        visit.page.get_by_text("is not this server's; try again").wait_for()

        assert visit.page.url == guarded
        forgive(visit, "401")
        assert visit.problems == []


def test_a_token_opens_where_the_browser_refuses_storage(browser: Any, guarded: str) -> None:
    with browser.new_context() as context:
        visit = Visit(context.new_page(), guarded)
        visit.page.add_init_script(NO_STORAGE)
        visit.page.goto(f"{guarded}#token=open-sesame%2B/%3D")

        visit.page.locator(".card img").nth(4).wait_for()
        assert visit.problems == []
