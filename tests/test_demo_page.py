"""The demo's page stands on its own: every conversation in it, nothing to fetch, and the same marks as the terminal."""

import base64
import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from rich.console import Console

from microturn.commands import demo
from microturn.commands.demo import PROGRAM, SEEN_PROGRAM, Scene, held, scenes
from microturn.commands.held import Talk, counted
from microturn.commands.page import WHAT, write_page
from microturn.core.chunk import Chunk
from microturn.core.events import Event
from microturn.core.fakes import Scripted
from microturn.data.oracle import Expect
from microturn.data.render import Rendered
from microturn.data.script import Ask, Line, Script, evenly_spoken
from microturn.data.sight.film import Film
from microturn.data.sight.play import Moving, Rep, Shot, Staged
from microturn.data.voices import voice
from microturn.eval.marks import marks
from microturn.eval.scorers import Said
from microturn.media.av import read_audio
from microturn.media.jpeg import decode_jpeg

EXPECTS = (Expect(8, "seven", "answer"), Expect(12, "hard", "answer"), Expect(20, "red", "answer"))


def says(tick: int, text: str, heard: str = "") -> Chunk:
    kinds = (("heard", heard), ("say", text))
    events = tuple(Event((tick + 1) * 200, tick, kind, words) for kind, words in kinds if words)
    return Chunk(text=(text,) if text else (), events=events)


@pytest.fixture
def scene() -> Scene:
    line = Line("what is </script> three plus four", meaning=Ask("seven"))
    script = Script("answer", "t", "s", False, (line,), 4_000)
    placed = evenly_spoken(script)
    pcm = np.random.default_rng(0).normal(0, 0.1, 30 * 3_200).astype(np.float32).clip(-1, 1)
    return Scene("answer", script, voice("espeak:en-us+Annie"), Rendered(pcm, tuple(placed.spoken), EXPECTS, 6_000))


def talk_of(scene: Scene) -> tuple[Talk, str]:
    """The scene held with somebody who is right once, late once, silent once and once speaks for no reason."""
    model = Scripted({9: says(9, "seven", "three"), 15: says(15, "hard"), 27: says(27, "beep")})
    told = StringIO()
    return held(scene, Console(file=told, width=120), model), told.getvalue()


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_marks_tell_right_late_missed_and_uncalled_apart() -> None:
    said = [Said(9, "seven"), Said(15, "hard"), Said(27, "beep")]
    assert [mark.verdict for mark in marks(said, EXPECTS)] == ["right", "late", "missed", "uncalled"]


def test_other_words_at_the_right_time_are_wrong_and_too_soon_is_early() -> None:
    found = marks([Said(5, "seven"), Said(12, "soft")], EXPECTS[:2])
    assert [mark.verdict for mark in found] == ["early", "wrong"]


def test_every_expectation_and_utterance_is_in_one_mark() -> None:
    found = marks([Said(tick, "seven") for tick in range(0, 30, 2)], EXPECTS)
    assert sum(mark.said is not None for mark in found) == 15
    assert [mark.expected for mark in found if mark.expected] == sorted(EXPECTS, key=lambda e: e.tick)


def test_the_terminal_tells_words_hearing_and_verdicts_in_time(scene: Scene) -> None:
    _, told = talk_of(scene)
    assert "user     what is </script> three\n" in told
    assert "heard  three" in told
    assert re.search(r"2\.0 s +model +seven +✓ right", told)
    assert re.search(r'3\.2 s +model +hard +≈ late: expected "hard" at 2\.6 s', told)
    assert re.search(r'4\.2 s +model +… +✗ missed: expected "red" at 4\.2 s', told)
    assert re.search(r"5\.6 s +model +beep +✗ not asked for", told)


def test_a_count_says_what_was_expected_and_what_came(scene: Scene) -> None:
    talk, _ = talk_of(scene)
    assert counted(talk.marks) == "1 of 3 right; 1 late, 1 missed, 1 not asked for"


def test_the_page_holds_every_conversation_with_its_sound(scene: Scene, tmp_path: Path) -> None:
    talk, _ = talk_of(scene)
    data = data_of(write_page(tmp_path / "index.html", [talk, talk], {"step": 7}).read_text())
    assert [t["skill"] for t in data["talks"]] == ["answer", "answer"]
    assert data["model"] == "step 7"
    (tmp_path / "sound.mp3").write_bytes(base64.b64decode(data["talks"][1]["audio"]))
    assert abs(len(read_audio(tmp_path / "sound.mp3")) / 16_000 - 6.0) < 0.2


def test_the_page_tells_times_verdicts_and_words(scene: Scene, tmp_path: Path) -> None:
    talk = data_of(write_page(tmp_path / "index.html", [talk_of(scene)[0]], {}).read_text())["talks"][0]
    assert talk["marks"][0] == {
        "verdict": "right",
        "at": 2.0,
        "said": "seven",
        "expected": "seven",
        "due": 1.8,
        "ticks": 1,
    }
    assert talk["lines"][0]["words"][2][0] == "</script>"
    assert talk["heard"] == [["three", 2.0]]


def test_the_page_fetches_nothing(scene: Scene, tmp_path: Path) -> None:
    page = write_page(tmp_path / "index.html", [talk_of(scene)[0]], {}).read_text()
    assert re.findall(r"(?:https?:)?//[a-z]", page.replace(data_text(page), ""), flags=re.IGNORECASE) == []
    loads = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\'\s>)]*)', page.replace(data_text(page), ""))
    assert set(loads) <= {"data:,", "#talk-${number}`}, `${number}."}
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import)\b *\(", page)


def data_text(page: str) -> str:
    found = re.search(r'id="data">(.*?)</script>', page, flags=re.DOTALL)
    assert found is not None
    return found[1]


def test_the_page_says_what_the_model_does_not_know_and_can_be_read_anywhere(scene: Scene, tmp_path: Path) -> None:
    page = write_page(tmp_path / "index.html", [talk_of(scene)[0]], {}).read_text()
    assert "synthetic voices only" in page
    assert 'name="viewport"' in page and "prefers-color-scheme: dark" in page and 'lang="en"' in page


def test_what_the_camera_showed_is_shown_to_the_model_and_on_the_page(scene: Scene, tmp_path: Path) -> None:
    play = Moving("standing", (Rep("squats", 500, 2_000),))
    film = Film((Staged(Shot(play, "test", 0), 0, 0, 5_000),), lost=(3,))
    model = Scripted({})
    talk = held(replace(scene, sound=replace(scene.sound, film=film)), Console(file=StringIO()), model)
    assert [chunk.frame is not None for chunk in model.heard] == [tick != 3 for tick in range(25)] + [False] * 5
    data = data_of(write_page(tmp_path / "index.html", [talk], {}).read_text())["talks"][0]["film"]
    whole = decode_jpeg(base64.b64decode(data["jpeg"])).astype(int)
    assert whole.shape == (3 * 80, 12 * 80, 3) and (data["columns"], data["width"], data["height"]) == (12, 80, 80)
    for tick, shown in ((13, 13), (3, 2), (29, 24)):  # where none came, the one before
        picture = film(shown)
        assert picture is not None
        top, left = tick // 12 * 80, tick % 12 * 80
        assert np.abs(whole[top : top + 80, left : left + 80] - picture).mean() < 12


def test_the_program_of_a_model_that_sees_has_something_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PROGRAM", ("answer",))
    shown = {scene.skill: scene for scene in scenes(0, sees=True)}
    assert list(shown) == ["answer", *SEEN_PROGRAM] and shown["answer"].sound.film is None
    for skill in SEEN_PROGRAM:
        assert shown[skill].sound.film is not None and WHAT[skill] and len(shown[skill].sound.expects) >= 2


def speaks(tick: int, text: str, level: float = 0.2) -> Chunk:
    chunk = says(tick, text) if text else Chunk()
    return Chunk(np.full(3_200, level, np.float32), text=chunk.text, events=chunk.events)


def test_a_voice_is_heard_on_the_right_a_tick_after_its_decision(scene: Scene, tmp_path: Path) -> None:
    model = Scripted({8: speaks(8, "seven"), 9: speaks(9, "apples too"), 10: speaks(10, "")})
    talk = held(scene, Console(file=StringIO()), model)
    assert talk.said_pcm is not None and np.flatnonzero(talk.said_pcm)[[0, -1]].tolist() == [9 * 3_200, 12 * 3_200 - 1]
    assert [word for word, _, _ in talk.sounding] == ["seven", "apples", "too"]
    assert (talk.sounding[0].start_s, talk.sounding[-1].end_s) == (1.8, 2.4)
    data = data_of(write_page(tmp_path / "index.html", [talk], {}).read_text())
    assert data["voice"] and max(data["talks"][0]["said_peaks"]) == 100
    (tmp_path / "sound.mp3").write_bytes(base64.b64decode(data["talks"][0]["audio"]))
    with av.open(str(tmp_path / "sound.mp3")) as sound:
        assert sound.streams.audio[0].channels == 2


def test_without_a_voice_the_page_has_one_side(scene: Scene, tmp_path: Path) -> None:
    data = data_of(write_page(tmp_path / "index.html", [talk_of(scene)[0]], {}).read_text())
    assert not data["voice"] and data["talks"][0]["said_peaks"] == [] and data["talks"][0]["sounding"] == []


def test_every_conversation_of_the_program_is_explained() -> None:
    assert set(PROGRAM) <= WHAT.keys() and 5 <= len(PROGRAM) <= 7
