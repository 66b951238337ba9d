"""The main journey: from an empty service to an approved plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from scenarios.files.template import write_template
from tests.browser.conftest import SECONDS, Service, Visit

pytestmark = pytest.mark.browser


def test_from_nothing_to_an_approved_plan(
    empty: Service, visiting: Callable[..., Visit], tmp_path: Path
) -> None:
    """Sign in, be told of a bad workbook, take a demo, change a cell, plan, decide, approve."""
    visit = visiting(empty, "en")
    page = visit.page
    visit.sign_in()
    expect(page.locator("h1")).to_have_text("Begin with a scenario")

    blank = tmp_path / "blank.xlsx"
    write_template(blank, language="en")
    page.set_input_files("#file", blank)
    page.click("text=Check and keep")
    expect(page.locator("h1")).to_have_text("Not taken")
    assert page.locator(".chip.error").count() > 0
    visit.complaints.clear()  # the refusal is a 422, and the browser says so

    page.click("text=Hand in again")
    page.click("text=corner-shop")
    expect(page.locator("h1")).to_have_text("corner-shop")
    visit.open(page.url.removeprefix(empty.url) + "?table=products")
    cell = page.locator(".tabulator-row .tabulator-cell[tabulator-field=unit_price]").first
    cell.click()
    cell.locator("input").fill("7.25")
    cell.locator("input").press("Enter")
    expect(page.locator("#pending-list li")).to_have_count(1)
    with page.expect_navigation():
        page.click("#save")
    expect(page.locator("text=7.25").first).to_be_visible()
    page.click("#add-row")
    page.keyboard.type("NEW")
    page.keyboard.press("Enter")
    page.locator("#rows .tabulator-row button").nth(1).click()
    expect(page.locator("#pending-list li")).to_have_text(
        ["New row: Product NEW", "Taken out: TEA"]
    )
    page.click("#undo")
    expect(page.locator("#pending")).to_be_hidden()
    expect(page.locator(".chip.good", has_text="newest")).to_have_count(1)

    page.fill("#minutes", "0.12")
    page.click("button[value=pipeline]")
    page.wait_for_selector("text=Open the plan", timeout=SECONDS * 1000)
    page.click("text=Open the plan")
    page.click("nav >> text=Orders to place")
    page.wait_for_selector("#orders .tabulator-row")

    quantity = page.locator("#orders .tabulator-cell[tabulator-field=qty]").first
    quantity.click()
    quantity.locator("input").fill("24")
    quantity.locator("input").press("Enter")
    expect(page.locator("#orders .chip.approved")).to_have_count(1)
    page.locator("#orders input[type=checkbox]").nth(1).check()
    page.click("button[data-verdict=rejected]")
    expect(page.locator("#orders .chip.rejected")).to_have_count(1)

    if page.locator("#override").count():
        page.fill("#override", "a trial of the pages")
    with page.expect_navigation():
        page.click("button[data-act=approve]")
    expect(page.locator("#standing")).to_contain_text("Approved by")
    visit.open("/")
    expect(page.locator("main")).to_contain_text("to order tonight")
