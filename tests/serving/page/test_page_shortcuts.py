"""Keys do everything, except where they are to do nothing."""

from pathlib import Path

import pytest
from page_tools import NO_STORAGE, Visit, drawn, ready

pytestmark = pytest.mark.clients


def test_keys_alone_do_everything(visit: Visit, bundles: Path) -> None:
    """From the cards to a model, a class, two pictures, their walk, and back."""
    press = visit.page.keyboard.press
    visit.open()
    visit.page.locator(".card", has_text="acgan").focus()
    press("Enter")
    visit.says("seeds 0 to 15")
    press("5")
    visit.says("seeds 0 to 15 · class 5")
    assert (visit.pictures() == drawn(bundles / "acgan", range(16), label=5)).all()
    press("[")
    visit.says("seeds 0 to 15 · class 5 · truncation 0.95")
    press("a")
    visit.says("seeds 0 to 15 · truncation 0.95")
    press("]")
    visit.says("seeds 0 to 15")

    while not visit.page.evaluate("() => document.activeElement.matches('.tile')"):
        press("Tab")
    for key in ("ArrowRight", "ArrowDown", "Enter", "End", "ArrowDown", "ArrowLeft", "Space"):
        press(key)
    assert visit.state()["kept"] == "5.5,14.4"
    press("Tab")
    assert not visit.page.evaluate("() => document.activeElement.matches('.tile')")
    press("Shift+Tab")
    assert (
        visit.page.evaluate("() => document.activeElement.getAttribute('aria-label')")
        == "Picture of seed 14, class 4, kept"
    )

    press("p")
    visit.page.get_by_role("button", name="Pause").wait_for()
    visit.page.wait_for_timeout(500)
    press("p")
    assert int(visit.state()["frame"]) > 0
    with visit.page.expect_download():
        press("s")
    press("m")
    visit.page.locator(".card").first.wait_for()


def test_a_list_of_shortcuts_opens_and_closes(visit: Visit) -> None:
    ready(visit, "pictures")
    before = visit.state()
    visit.page.keyboard.press("?")
    visit.page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    visit.page.keyboard.press("n")  # while it is open, keys do nothing else
    visit.page.keyboard.press("Escape")

    assert not visit.page.get_by_role("dialog").is_visible()
    assert visit.state() == before


def test_typing_is_no_shortcut(visit: Visit) -> None:
    ready(visit, "walk")
    before = visit.state()
    visit.page.get_by_label("First seed").focus()
    visit.page.keyboard.type("nap7?")

    assert not visit.page.get_by_role("dialog").is_visible()
    assert visit.state() == before


@pytest.mark.parametrize("is_remembered", [True, False])
def test_letters_digits_and_signs_can_be_turned_off_and_on(visit: Visit, is_remembered: bool) -> None:
    """Also after the page was loaded anew, unless the browser refuses storage; other keys go on (WCAG 2.2, 2.1.4)."""
    if not is_remembered:
        visit.page.add_init_script(NO_STORAGE)
    press = visit.page.keyboard.press
    ready(visit, "walk")
    before = visit.state()
    turn(visit, on=False)
    if is_remembered:
        visit.page.reload()
        visit.says("seeds 0 to 15")
    for key in "na5[]psm?":
        press(key)

    assert not visit.page.get_by_role("dialog").is_visible()
    assert visit.page.get_by_role("button", name="Play").is_visible()
    assert visit.state() == before
    assert not visit.page.locator("button kbd").first.is_visible()
    visit.page.locator(".tile").first.focus()
    press("ArrowRight")
    press("Enter")
    assert visit.state()["kept"] == "2.2,3.3"

    turn(visit, on=True)
    press("5")
    visit.says("seeds 0 to 15 · class 5")


def turn(visit: Visit, on: bool) -> None:
    visit.page.get_by_role("button", name="Shortcuts").click()
    visit.page.get_by_label("Letters, digits and signs are shortcuts").set_checked(on)
    visit.page.keyboard.press("Escape")


@pytest.mark.parametrize(
    "leave",
    [
        "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'm', bubbles: true }))",
        "document.querySelector('.back').click()",
        "document.querySelector('.brand').click()",
    ],
)
def test_a_change_just_before_leaving_is_there_after_coming_back(visit: Visit, leave: str) -> None:
    ready(visit, "pictures")
    visit.page.get_by_label("Truncation").evaluate(f"""field => {{
        field.value = 0.4;
        field.dispatchEvent(new Event("input", {{ bubbles: true }}));
        {leave};
    }}""")
    visit.page.locator(".card").first.wait_for()

    visit.page.go_back()
    visit.says("seeds 0 to 15 · truncation 0.40")
