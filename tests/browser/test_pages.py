"""Every page, in both languages: whole, quiet, readable, and asking nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import SCREENSHOTS, Service, Visit

pytestmark = pytest.mark.browser
PAGES = (
    "home", "scenario", "run", "plan", "orders", "stock", "network", "sourcing", "routes",
    "promotions", "stress", "tables", "compare", "nightly", "settings", "orders-sheet",
    "drivers-sheets",
)  # fmt: skip
Begin = Callable[..., Visit]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_is_whole(
    service: Service, paths: dict[str, str], visiting: Begin, language: str
) -> None:
    """No complaint, no word without its Chinese, no breach of WCAG AA, on any page."""
    visit = visiting(service, language)
    visit.sign_in()
    found: dict[str, Any] = {}
    for name in PAGES:
        visit.open(paths[name])
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        visit.page.screenshot(path=SCREENSHOTS / f"{name}-{language}.png", full_page=True)
        wrong = visit.untranslated() + visit.violations()
        if wrong:
            found[name] = wrong
    assert found == {}


def test_dark_pages_have_contrast(service: Service, paths: dict[str, str], visiting: Begin) -> None:
    """Dark colours pass the same check of WCAG AA."""
    visit = visiting(service, "zh", theme="dark")
    visit.sign_in()
    for name in ("home", "orders", "stock", "promotions", "stress", "run"):
        visit.open(paths[name])
        visit.page.screenshot(path=SCREENSHOTS / f"{name}-dark.png", full_page=True)
        assert visit.violations() == [], name


def test_no_page_is_wider_than_a_phone(
    service: Service, paths: dict[str, str], visiting: Begin
) -> None:
    """At 390 pixels only tables scroll sideways, each within its frame."""
    visit = visiting(service, "zh", width=390)
    visit.sign_in()
    wide = {}
    for name in PAGES:
        visit.open(paths[name])
        over = visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if over > 0:
            wide[name] = over
    visit.open(paths["home"])
    visit.page.screenshot(path=SCREENSHOTS / "home-phone.png", full_page=True)
    assert wide == {}


@pytest.mark.parametrize("name", ["orders-sheet", "drivers-sheets"])
def test_sheets_print_black_on_white(
    service: Service, paths: dict[str, str], visiting: Begin, name: str
) -> None:
    """In dark colours too; buttons and links of the page stay off the paper; all columns fit."""
    visit = visiting(service, "zh", width=700, theme="dark")
    visit.sign_in()
    visit.open(paths[name])
    visit.page.emulate_media(media="print")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert visit.page.evaluate(ground) == "rgb(255, 255, 255)"
    assert not visit.page.locator("[data-print]").is_visible()
    assert visit.page.locator(".sheet tbody tr").count() >= 1
    assert visit.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    (SCREENSHOTS / f"{name}.pdf").write_bytes(visit.page.pdf(prefer_css_page_size=True))


def test_language_and_theme_are_kept(service: Service, visiting: Begin) -> None:
    """A choice holds on the next page, and the page says so to the browser."""
    visit = visiting(service, "en")
    visit.context.clear_cookies()
    visit.open("/sign-in")
    visit.page.click("button[name=language][value=zh]")
    visit.page.click("button[name=theme][value=dark]")
    assert visit.page.get_attribute("html", "lang") == "zh-CN"
    assert visit.page.get_attribute("html", "data-theme") == "dark"


def test_keys_reach_what_a_page_is_for(
    service: Service, paths: dict[str, str], visiting: Begin
) -> None:
    """Tab goes past the header first; Enter opens a line's reasons; Escape closes them."""
    visit = visiting(service, "en")
    visit.sign_in()
    visit.open(paths["orders"])
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    visit.page.locator("#orders button", has_text="Why").first.focus()
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("dialog[open] ul li")
    visit.page.keyboard.press("Escape")
    assert visit.page.locator("dialog[open]").count() == 0


def test_a_grid_filters_and_pages_from_the_server(
    service: Service, paths: dict[str, str], visiting: Begin
) -> None:
    """What is typed above a column comes back filtered; the count is the server's."""
    visit = visiting(service, "en")
    visit.sign_in()
    visit.open(paths["tables"] + "?table=forecast")
    with visit.page.expect_response(lambda answer: "filter=" in answer.url) as asked:
        visit.page.locator("[tabulator-field=product_id] input").press_sequentially("TEA")
    read = asked.value.json()
    assert read["total"] > 0
    assert {row["product_id"] for row in read["rows"]} == {"TEA"}


def test_another_quantity_is_priced(
    service: Service, paths: dict[str, str], visiting: Begin
) -> None:
    """What if this line were another quantity: an answer comes, and the plan stays."""
    visit = visiting(service, "en")
    visit.sign_in()
    visit.open(paths["orders"])
    page = visit.page
    page.locator("#orders button", has_text="Why").first.click()
    page.wait_for_selector("#what-if-qty")
    page.fill("#what-if-qty", "30")
    page.click("text=See what it would cost")
    page.wait_for_selector("#why-body strong:has-text('in all'), #why-body .wrong", timeout=90_000)
    assert "more in all" in page.inner_text("#why-body") or "ossible" in page.inner_text(
        "#why-body"
    )


def test_a_stop_that_is_dragged_is_priced(
    service: Service, paths: dict[str, str], visiting: Begin
) -> None:
    """Dragging a stop to another van opens its reasons and says what the move would cost."""
    visit = visiting(service, "zh")
    visit.sign_in()
    visit.open(paths["routes"])
    page = visit.page
    lanes = page.locator("[data-lane]")
    assert lanes.count() >= 2
    page.locator("#timeline").scroll_into_view_if_needed()
    stop = lanes.nth(0).locator(".stop[role=button]").first.bounding_box()
    lane = lanes.nth(1).bounding_box()
    assert stop is not None
    assert lane is not None
    page.mouse.move(stop["x"] + 2, stop["y"] + 2)
    page.mouse.down()
    page.mouse.move(stop["x"] + 9, stop["y"] + 12, steps=3)
    page.mouse.move(stop["x"] + 9, lane["y"] + 8, steps=3)
    page.mouse.up()
    page.wait_for_selector("#moved strong, #moved .wrong", timeout=90_000)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_would_harden_a_plan_is_drawn_and_asked_for(
    service: Service, paths: dict[str, str], visiting: Begin, language: str
) -> None:
    """A point for each row of choices; the button starts a run, which can be stopped."""
    visit = visiting(service, language)
    visit.sign_in()
    visit.open(paths["stress"])
    page = visit.page
    rows = page.locator("#choices tbody tr")
    assert rows.count() >= 2
    drawn = page.evaluate(
        "echarts.getInstanceByDom(document.getElementById('frontier')).getOption().series"
        ".filter((one) => one.type === 'scatter').flatMap((one) => one.data).length"
    )
    assert drawn == rows.count()
    page.fill("#floor", "85")
    page.click("#harden button:not(.danger) >> nth=0")
    page.wait_for_selector("button.danger")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("button.danger")
    page.wait_for_selector(".hero.cancelled", timeout=90_000)
    assert visit.untranslated() == []


def test_a_promotion_is_drawn_asked_for_and_refused(
    service: Service, paths: dict[str, str], visiting: Begin
) -> None:
    """A point for each gain, each to open in full; what makes no sense keeps the form."""
    visit = visiting(service, "zh")
    visit.sign_in()
    visit.open(paths["promotions"])
    page = visit.page
    gains = page.locator("#cells td a")
    drawn = page.evaluate(
        "echarts.getInstanceByDom(document.getElementById('gains')).getOption().series"
        ".filter((one) => one.name && one.symbol).flatMap((one) => one.data).length"
    )
    assert drawn == gains.count() == 6
    gains.last.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**cell=5#cell")
    assert gains.last.get_attribute("aria-current") == "true"
    page.fill("#start", "")
    page.click("#ask button")
    page.wait_for_selector("[role=alert]")
    assert "开始日期" in page.inner_text("[role=alert]")
    assert page.input_value("#product") == "TEA"
    assert visit.untranslated() == []
    visit.complaints.clear()  # the refusal is a 422, and the browser says so
    page.fill("#start", "2026-10-27")
    page.click("#ask summary")
    page.fill("#replications", "2000")  # so many that it can be stopped
    page.click("#ask button")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("button.danger")
    page.wait_for_selector(".hero.cancelled", timeout=90_000)
