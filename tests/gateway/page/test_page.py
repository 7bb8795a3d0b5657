"""The page in a real browser: talk with the shipped model, reload, replay; a phone, the keyboard, names of controls."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from microturn.commands.serve import host_of
from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.data.voices import synthesize, voice
from microturn.gateway.host import EchoHost
from microturn.gateway.metrics import Metrics
from microturn.gateway.settings import ServerSettings
from tests.gateway.page.browser import WAIT_S, chromium, served, shown, until, visit, write_camera, write_microphone

# A voice and phrases that training never had. How the browser's sound falls on ticks is chance, and a busy machine
# tears holes into it. At each of twenty alignments, 10 ms apart, also with three holes of 40 ms, this question was
# answered rightly, the first fruit counted and three in four of the words heard; of many others that is not so, and
# never were all of its words heard everywhere. So nothing waits for one certain word of the user, and all of it is
# said again and again until it has been understood once.
VOICE = "espeak:en-us+Mario"
QUESTION, ANSWER = "hey which word is the opposite of small", "big"
STORY = (
    "please count how many fruits i name",
    "so one day she was cutting a peach at the lake",
    "then we bought some strawberries by the river",
)
SCORE = "microturn.talk.score"
ROUNDS_S = 180.0


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("devices")
    lines = [synthesize(voice(VOICE), line).pcm for line in (QUESTION, *STORY)]
    pauses = [silence(2.0), *(silence(0.6) for _ in STORY[1:]), silence(2.0)]
    pieces = [silence(1.0), *(piece for pair in zip(lines, pauses, strict=True) for piece in pair)]
    with chromium(write_microphone(folder / "mic.wav", pieces), write_camera(folder / "cam.y4m")) as browser:
        yield browser


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(EchoHost(4), tmp_path_factory.mktemp("recordings")) as address:
        yield address


def words(page: Page, side: str) -> list[dict[str, Any]]:
    found = shown(page, f"{SCORE}.{side}")
    assert isinstance(found, list)
    return found


def text(found: list[dict[str, Any]]) -> str:
    return "".join(word["text"] for word in found)


def understood(page: Page) -> bool:
    """Whether once the question was heard, answered in the pause after it and drawn there, and then a fruit counted."""
    heard, said = words(page, "heard"), words(page, "said")
    asked = set(QUESTION.split())
    for index, word in enumerate(said):
        at_ms = word["from"]
        before = text([one for one in heard if at_ms - 5_000 < one["from"] <= at_ms])
        if (
            word["text"].strip() == ANSWER
            and "one" in text(said[index:]).split()
            and len(asked & set(before.split())) > len(asked) / 2
            and peak(page, "user", at_ms - 3_000, at_ms) > 0.05
            and peak(page, "user", at_ms + 400, at_ms + 1_000) < 0.01
            and peak(page, "model", at_ms - 800, at_ms - 200) < 0.01
            and peak(page, "model", at_ms - 200, at_ms + 600) > 0.05
        ):
            return True
    return False


def peak(page: Page, side: str, from_ms: float, to_ms: float) -> float:
    """The loudest that is drawn of a side between two times."""
    return float(str(shown(page, f"{SCORE}.{side}.peak({from_ms}, {to_ms})")))


def first_sound_ms(page: Page, side: str) -> float:
    """Where a side begins to sound on the axis."""
    found = shown(page, f"{SCORE}.{side}.bins.findIndex((level) => level > 0.01) * 10")
    assert isinstance(found, int | float) and found >= 0
    return float(found)


def test_a_conversation_is_held_heard_drawn_resumed_and_replayed(browser: Browser, tmp_path: Path) -> None:
    with served(host_of(ServerSettings(), Metrics()), tmp_path) as address, visit(browser, address) as page:
        page.get_by_role("checkbox", name="Record").check()
        page.get_by_role("button", name="Camera").click()
        page.get_by_role("button", name="Start with microphone").click()
        expect(page.locator("#state")).to_have_text("In conversation")
        until(lambda: float(str(shown(page, "microturn.sounds.report.rms"))) > 0.005)
        until(lambda: understood(page), ROUNDS_S, lambda: [text(words(page, side)) for side in ("heard", "said")])
        said = words(page, "said")
        expect(page.locator("#words")).to_contain_text(ANSWER)
        assert int(str(shown(page, f"{SCORE}.pictures.length"))) > 0
        session = shown(page, "microturn.talk.connection.ticket.id")

        page.reload()
        expect(page.locator("#state")).to_have_text("In conversation")
        assert shown(page, "microturn.talk.connection.ticket.id") == session
        assert words(page, "said")[0] == said[0]
        before_ms = shown(page, f"{SCORE}.endMs")
        until(lambda: float(str(shown(page, f"{SCORE}.endMs"))) > float(str(before_ms)) + 1_000)

        page.get_by_role("button", name="End conversation").click()
        page.get_by_role("button", name="Replay the conversation").click()
        expect(page.get_by_role("button", name="Close recording")).to_be_visible()
        expect(page.locator("#words")).to_contain_text(ANSWER)
        replayed = shown(page, "microturn.replay.score.said.map((word) => word.text).join('')")
        assert str(replayed).startswith(text(words(page, "said")))
        assert float(str(shown(page, "microturn.replay.score.user.peak(0, 1e9)"))) > 0.05
        until(lambda: shown(page, "microturn.replay.score.pictures.length"))
        page.get_by_label("Position in the recording").fill("2")
        assert shown(page, "microturn.timeline.head()") == pytest.approx(2_000)
        page.get_by_role("button", name="Play", exact=True).click()
        until(lambda: float(str(shown(page, "microturn.timeline.head()"))) > 2_200)


def test_what_is_said_into_it_comes_back_out_of_the_loudspeaker(browser: Browser, echo: str) -> None:
    with visit(browser, echo) as page:
        page.get_by_label("What shall be said").fill("What is 3 plus 4?")
        page.get_by_role("button", name="Say it").click()  # begins a conversation by itself
        expect(page.locator("#state")).to_have_text("In conversation")
        until(lambda: float(str(shown(page, "microturn.sounds.report.rms"))) > 0.005)
        assert first_sound_ms(page, "user") > 0
        assert first_sound_ms(page, "model") >= first_sound_ms(page, "user")
        assert shown(page, "microturn.microphone") is None


def test_a_broken_line_is_taken_up_again_without_a_reload(browser: Browser, echo: str) -> None:
    with visit(browser, echo) as page:
        page.get_by_role("button", name="Start without").click()
        expect(page.locator("#state")).to_have_text("In conversation")
        session = shown(page, "microturn.talk.connection.ticket.id")
        until(lambda: float(str(shown(page, f"{SCORE}.endMs"))) > 400)
        page.evaluate("() => microturn.talk.connection.socket.close()")
        until(lambda: shown(page, f"{SCORE}.gaps.length"))
        until(lambda: shown(page, f"{SCORE}.gaps[0].to !== null"))
        expect(page.locator("#state")).to_have_text("In conversation")
        assert shown(page, "microturn.talk.connection.ticket.id") == session


def test_the_keyboard_alone_starts_and_ends_a_conversation(browser: Browser, echo: str) -> None:
    with visit(browser, echo) as page:
        tab_to(page, "quiet")
        page.keyboard.press("Enter")
        expect(page.locator("#end")).to_be_visible()
        expect(page.locator("#state")).to_have_text("In conversation")
        tab_to(page, "axis")
        page.keyboard.press("-")
        page.keyboard.press("Home")
        expect(page.get_by_role("button", name="Back to now")).to_be_visible()
        page.keyboard.press("End")
        expect(page.get_by_role("button", name="Back to now")).to_be_hidden()
        tab_to(page, "end")
        page.keyboard.press("Space")
        expect(page.locator("#state")).to_have_text("Ended")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element has the focus."""
    over = time.monotonic() + WAIT_S
    while shown(page, "document.activeElement.id") != name:
        assert time.monotonic() < over, f"#{name} cannot be reached"
        page.keyboard.press("Tab")


def test_a_phone_shows_all_of_it_without_scrolling_sideways(browser: Browser, echo: str) -> None:
    with visit(browser, echo, 360, 740) as page:
        expect(page.get_by_role("button", name="Start with microphone")).to_be_in_viewport()
        assert shown(page, "document.documentElement.scrollWidth") == 360
        small = "[...document.querySelectorAll('button')].filter((b) => b.offsetWidth && b.offsetHeight < 36).length"
        assert shown(page, small) == 0


def test_every_control_has_a_name_and_the_page_its_landmarks(browser: Browser, echo: str) -> None:
    with visit(browser, echo) as page:
        page.get_by_text("Sound and devices").click()
        for role in ("button", "checkbox", "combobox", "textbox"):
            controls = page.get_by_role(role)
            assert controls.count() > 0
            for index in range(controls.count()):
                expect(controls.nth(index)).not_to_have_accessible_name("")
        assert page.get_by_role("main").count() == 1
        assert page.get_by_role("heading", level=1).count() == 1
        assert "synthetic voices only" in page.get_by_role("region", name="Speak for me").inner_text()
        assert shown(page, "document.getElementById('spoken').getAttribute('aria-live')") == "polite"
