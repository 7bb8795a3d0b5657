"""Delegations and what the agent shows, in a real browser: bars and cards; markup of strangers stays text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from microturn.agent.context import Context
from microturn.agent.delegation import Result
from microturn.agent.desk import Desk
from microturn.agent.job import Report, Task
from microturn.agent.show import Card, Chart, Table
from tests.gateway.page.browser import chromium, served, shown, until, visit
from tests.gateway.test_delegations import QUESTION, DelegatingHost

HOSTILE = "<img src=x onerror=\"window.hit=1\"><script>window.hit=1</script><svg onload='window.hit=1'>"


class Shows:
    """An agent that shows one of each, hostile where it can be."""

    async def run(self, task: Task, context: Context, report: Report) -> Result:
        report.show(Card(f"seventeen {HOSTILE}", ("three hundred ninety one", HOSTILE)))
        report.show(Table("times", ("n", "square"), (("2", "4"), ("3", HOSTILE))))
        report.show(Chart("squares", ("two", "three"), (4.0, 9.0), unit="km"))
        return Result(f"it is ninety one {HOSTILE}")

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def begun(page: Page) -> None:
    page.get_by_role("button", name="Start without").click()
    until(lambda: shown(page, "microturn.talk && microturn.talk.connection.state") == "live")


def unhurt(page: Page) -> bool:
    """No script of a stranger ran, and no element of theirs is there."""
    made = page.locator("#shown img, #shown script, #shown iframe, #shown a, #shown [onload], #shown [onerror]")
    return shown(page, "window.hit === undefined") is True and made.count() == 0


def test_a_delegation_is_a_bar_with_its_events_and_what_is_shown_stands_by(browser: Browser, tmp_path: Path) -> None:
    host = DelegatingHost({3: QUESTION})
    with served(host, tmp_path, desk=lambda: Desk(Shows())) as address, visit(browser, address) as page:
        begun(page)
        cards = page.locator("#cards > li")
        expect(cards).to_have_count(3)
        expect(cards.nth(2)).to_contain_text("three hundred ninety one")
        expect(cards.nth(1).locator("td")).to_have_count(4)
        expect(cards.nth(0).get_by_role("img")).to_have_attribute("aria-label", "two: 4 km; three: 9 km")
        bars = "[...microturn.talk.score.delegations.values()]"
        until(lambda: shown(page, f"{bars}.length === 1 && {bars}[0].to !== null"))
        bar: Any = shown(page, f"{bars}[0]")
        assert bar["task"] == QUESTION and bar["status"].startswith("done: it is ninety one")
        assert bar["to"] >= bar["from"] and unhurt(page)


def test_a_card_that_no_server_made_plain_is_text_all_the_same(browser: Browser, tmp_path: Path) -> None:
    wrong: list[Any] = [
        {"kind": "card", "title": HOSTILE, "lines": [HOSTILE, {"toString": "x"}, None, 7]},
        {"kind": "table", "title": HOSTILE, "columns": [HOSTILE] * 99, "rows": [[HOSTILE] * 99] * 999},
        {
            "kind": "chart",
            "title": HOSTILE,
            "labels": [HOSTILE] * 999,
            "values": ["NaN", HOSTILE, 1e308, -1e308],
            "unit": HOSTILE,
        },
        {"kind": HOSTILE, "title": {"a": 1}},
        {"kind": "table"},
        {"kind": "chart", "values": "x"},
        None,
    ]
    with served(DelegatingHost({}), tmp_path) as address, visit(browser, address) as page:
        begun(page)
        for one in wrong:
            event = {"type": "delegation.shown", "id": "dlg_1", "at_ms": HOSTILE, "shown": one}
            page.evaluate("(event) => microturn.talk.score.take(event)", event)
        expect(page.locator("#cards > li")).to_have_count(len(wrong))
        assert unhurt(page)
        assert page.locator("#shown td").count() <= 8 * 50 and page.locator("#shown .bar").count() <= 60
        assert HOSTILE in page.locator("#shown").inner_text()
        assert shown(page, "document.documentElement.scrollWidth <= innerWidth") is True
