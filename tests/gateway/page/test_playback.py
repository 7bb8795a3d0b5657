"""What the page tells the server of what its loudspeaker has played. In a real browser."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from microturn.core.chunk import Chunk
from microturn.core.participant import Participant
from microturn.gateway.host import EchoHost
from tests.gateway.page.browser import chromium, served, shown, until, visit

TOLD = """async () => {
  const { Playback } = await import("/page/playback.js");
  const told = [];
  const playback = new Playback((item, playedMs) => told.push([item, playedMs]));
  playback.given(undefined, 0, 320);
  playback.given("a", 320, 16_320);
  playback.given("a", 16_320, 24_320);
  playback.played(8_320);    // half a second of it: too early to tell
  playback.played(16_640);
  playback.given("b", 24_320, 24_640);
  playback.played(24_300);
  playback.played(24_640);   // all of "a"; "b" may go on
  playback.played(24_640);
  playback.given(undefined, 24_640, 24_960);
  playback.played(24_960);
  playback.given("c", 24_960, 99_000);
  playback.cut();
  playback.played(99_000);
  return told;
}"""
LISTENS = """{ globalThis.acknowledged = []; microturn.talk.connection.addEventListener("event", ({ detail }) =>
  detail.type === "playback.acknowledged" && globalThis.acknowledged.push(detail)); }"""


class Counts:
    """Says a number a tick, aloud, for two seconds of every four."""

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        if tick % 20 < 10:
            return Chunk()
        return Chunk(np.full(3_200, 0.1, np.float32), text=(str(tick % 20 - 9),))


class CountsHost(EchoHost):
    def join(self, session_id: str, seed: int) -> Participant:
        return Counts()

    def leave(self, partner: Participant) -> None:
        assert isinstance(partner, Counts)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_what_was_played_is_told_every_second_and_at_the_end_of_an_utterance(browser: Browser, tmp_path: Path) -> None:
    with served(EchoHost(1), tmp_path) as address, visit(browser, address) as page:
        assert page.evaluate(TOLD) == [["a", 1_020], ["a", 1_500], ["b", 20]]


def test_the_server_knows_from_the_page_which_words_were_heard(browser: Browser, tmp_path: Path) -> None:
    with served(CountsHost(1), tmp_path) as address, visit(browser, address) as page:
        page.get_by_role("button", name="Start with microphone").click()
        until(lambda: shown(page, "microturn.talk !== null"))
        page.evaluate(f"() => {LISTENS}")
        whole = "acknowledged.findLast((one) => one.text.split(' ').length === 10)"
        until(lambda: shown(page, f"{whole} !== undefined"))
        assert shown(page, f"{whole}.text") == "1 2 3 4 5 6 7 8 9 10"
        assert shown(page, f"{whole}.played_ms") == 2_000
