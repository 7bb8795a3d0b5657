"""Audio MultiChallenge in its published layout, made here, and its closed edition: loader, scorer, validity."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microturn.core.chunk import Chunk
from microturn.core.errors import InputError
from microturn.core.fakes import Echo
from microturn.eval.suite import closed_audiomc
from microturn.eval.suite.analyze import TextChannel, Utterance
from microturn.eval.suite.audiomc_files import UNPACKED, load_audiomc
from microturn.eval.suite.audiomc_suite import (
    ANSWER_S,
    Case,
    Criterion,
    audiomc,
    audiomc_played,
    audiomc_suite,
    conversation,
    replies_of,
)
from microturn.eval.suite.endpoint import Line, Sounds, VirtualEndpoint, tone
from microturn.eval.suite.judge import NoJudge, Prompt
from microturn.eval.suite.pace import Room
from microturn.eval.suite.pace import held as pace_held
from microturn.eval.suite.published_figures import beside
from microturn.eval.suite.shape import Asked, Heard, Suite
from microturn.media.av import write_audio
from tests.eval.suite.test_closed import CAST, speak
from tests.eval.suite.test_published_suites import held

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


class Reading:
    """Says that a criterion is met where its words are in the last reply; keeps what it was asked."""

    name = "reading"

    def __init__(self) -> None:
        self.asked: list[Mapping[str, str]] = []

    def chosen(self, prompt: Prompt, fields: Mapping[str, str]) -> str | None:
        self.asked.append(fields)
        return "YES" if fields["criterion"] in fields["text"] else "NO"


def row(tmp_path: Path, id: str, axis: str, seconds: tuple[float, ...], rubric: object) -> dict[str, Any]:
    found: dict[str, Any] = {"id": id, "axis": axis, "rubric": rubric}
    for k in range(1, 9):
        there = k <= len(seconds)
        if there:
            write_audio(tmp_path / "sound.wav", np.repeat(tone(seconds[k - 1]), 3), 48_000)
        data = {"bytes": (tmp_path / "sound.wav").read_bytes(), "path": "x.wav"} if there else None
        found[f"user_turn_{k}_audio"] = data
        found[f"user_turn_{k}_transcript"] = f"turn {k} of {id}" if there else None
        if k < 8:
            found[f"assistant_turn_{k}_transcript"] = "reply with five words here" if k < len(seconds) else None
    (tmp_path / "sound.wav").unlink(missing_ok=True)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("audiomc")
    (root / "data").mkdir()
    rows = [
        row(root, "a1", "VOICE_EDITING", (1.0, 0.5), json.dumps(["names tea", "names two cups"])),
        row(root, "b2", "SELF_COHERENCE", (0.5, 0.5, 0.5), json.dumps(["says monday"])),
    ]
    for number, one in enumerate(rows):
        pq.write_table(pa.Table.from_pylist([one]), root / "data" / f"test-0000{number}-of-00002.parquet")
    return root


@pytest.fixture(scope="module")
def closed() -> Suite:
    return audiomc_suite("audiomc-closed", "", closed_audiomc.cases(Asked(0, 2), speak, CAST))


def test_conversations_are_read_with_their_criteria(folder: Path) -> None:
    one, two = load_audiomc(folder)
    assert (one.id, one.axis, one.rubric) == ("a1", "voice editing", ("names tea", "names two cups"))
    assert [(turn.said, turn.reply) for turn in one.turns] == [
        ("turn 1 of a1", "reply with five words here"),
        ("turn 2 of a1", ""),
    ]
    assert len(two.turns) == 3


def test_turns_are_played_one_after_the_other_with_pauses_for_replies(folder: Path) -> None:
    session = audiomc_played(Asked(data=folder)).sessions[0]
    heard = [bool(session.user.turn(tick, Chunk()).samples.any()) for tick in range(session.ticks)]
    again = [bool(session.user.turn(tick, Chunk()).samples.any()) for tick in range(session.ticks)]
    assert heard == again
    begins = [n for n in range(1, len(heard)) if heard[n] and not heard[n - 1]]
    assert begins == [3, 26]  # 1 s is heard from 0.6 s on, then comes a pause of 1.6 s and 0.4 s for each of five words
    assert session.ticks == 26 + 3 + round(5 * ANSWER_S)


def test_only_the_sounds_that_are_asked_for_are_unpacked_and_only_once(folder: Path) -> None:
    chosen = audiomc_played(Asked(data=folder))
    first = {path: path.stat().st_mtime_ns for path in (folder / UNPACKED).glob("*/user_turn_*")}
    assert len(first) == 5
    assert [s.id for s in audiomc_played(Asked(data=folder)).sessions] == [s.id for s in chosen.sessions]
    assert {path: path.stat().st_mtime_ns for path in first} == first


def test_a_conversation_passes_when_every_criterion_is_met(folder: Path) -> None:
    made = audiomc_played(Asked(data=folder))
    found = {fake: held(made, fake, Reading()) for fake in ("oracle", "late-oracle", "partly", "silent", "babbler")}
    assert {fake: one.primary for fake, one in found.items()} == {
        **{"oracle": 1.0, "late-oracle": 1.0, "partly": 0.5},
        **{"silent": 0.0, "babbler": 0.0},
    }
    assert [line.ours for line in beside("audiomc-played", found["partly"].figures)] == [50.0]
    assert found["partly"].figures["ARS"] == 0.75
    assert found["partly"].figures["criteria met"]["hits"] == 2
    assert found["partly"].figures["axes"]["voice editing"]["ARS"] == 0.5
    assert {fake: one.figures["APR in time"]["rate"] for fake, one in found.items()} == {
        **{"oracle": 1.0, "late-oracle": 0.0, "partly": 0.5},
        **{"silent": 0.0, "babbler": 0.0},
    }


def test_the_judge_reads_the_conversation_as_it_happened(folder: Path) -> None:
    judge = Reading()
    held(audiomc_played(Asked(data=folder)), "oracle", judge)
    assert judge.asked[0]["conversation"] == (
        "User: turn 1 of a1\n\nAssistant: reply with five words here\n\nUser: turn 2 of a1"
    )
    assert judge.asked[0]["text"] == "names tea, names two cups"
    assert [asked["criterion"] for asked in judge.asked] == ["names tea", "names two cups", "says monday"]


def test_as_published_the_last_turn_is_played_and_the_others_are_given(folder: Path) -> None:
    made, judge = audiomc(Asked(data=folder)), Reading()
    found = held(made, "oracle", judge)
    assert [[turn.said for turn in session.past] for session in made.sessions] == [
        ["turn 1 of a1"],
        ["turn 1 of b2", "turn 2 of b2"],
    ]
    assert made.sessions[0].past[0].sound.is_file()
    assert made.sessions[0].ticks == 3 + 3 + round(5 * ANSWER_S)
    assert (found.primary, found.figures["history"]) == (1.0, "the set's own replies")
    assert judge.asked[0]["conversation"] == (
        "User: turn 1 of a1\n\nAssistant: reply with five words here\n\nUser: turn 2 of a1"
    )


def test_who_can_be_given_no_past_is_void(folder: Path) -> None:
    made = audiomc(Asked(data=folder))
    endpoint = VirtualEndpoint("echo", lambda _: Echo())
    trace = asyncio.run(pace_held(endpoint, made.sessions[0], Room(1)))
    assert "no earlier replies" in trace.void
    assert made.score([trace], TextChannel(), NoJudge()).figures["void"] == 1


def test_without_a_judge_only_silence_is_decided(folder: Path) -> None:
    made = audiomc_played(Asked(data=folder))
    assert held(made, "oracle", NoJudge()).figures["void"] == 2
    assert held(made, "silent", NoJudge()).figures["APR"]["of"] == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rubric": "no list"}, "cannot be read"),
        ({"rubric": "[]"}, "no texts"),
        ({"rubric": '[{"text": "x"}]'}, "no texts"),
        ({"id": "../away"}, "no name"),
        ({"user_turn_1_transcript": " "}, "without turns"),
    ],
)
def test_a_row_that_does_not_fit_says_what_is_wrong(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    one = row(tmp_path, "a1", "VOICE_EDITING", (0.2,), '["x"]') | change
    pq.write_table(pa.Table.from_pylist([one]), tmp_path / "test.parquet")
    with pytest.raises(InputError, match=told):
        load_audiomc(tmp_path)


def test_a_turn_without_its_sound_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no conversations"):
        load_audiomc(tmp_path)
    one = row(tmp_path, "a1", "VOICE_EDITING", (0.2,), '["x"]') | {"user_turn_1_audio": {"bytes": None, "path": "y"}}
    pq.write_table(pa.Table.from_pylist([one]), tmp_path / "test.parquet")
    with pytest.raises(InputError, match="without a sound"):
        audiomc(Asked(data=tmp_path))


def case(*criteria: Criterion) -> Case:
    turns = (Heard(1.0, 2.0, "one"), Heard(5.0, 6.0, "two"))
    return Case("c", "axis", Sounds(tone(12.0)), 60, turns, criteria, ("first", "last"), "part", 6.0)


def test_what_is_said_belongs_to_the_turn_before_it() -> None:
    said = [Utterance(2.4, 3.0, "a"), Utterance(5.2, 5.6, "too soon"), Utterance(5.9, 7.0, "b"), Utterance(8, 9, "c")]
    assert replies_of(case(), said) == (("a",), "b c")
    assert conversation(case(), [""]) == "User: one\n\nAssistant: (said nothing)\n\nUser: two"


@pytest.mark.parametrize(
    ("first", "last", "met"), [("eleven", "it is eleven", 1.0), ("eleven", "twelve", 0.0), ("", "eleven", 0.0)]
)
def test_coherent_is_who_says_the_same_again(first: str, last: str, met: float) -> None:
    made = audiomc_suite("one", "", [case(Criterion("the same", as_in=1))])
    lines = [Line(2.5, first)] * bool(first) + [Line(6.5, last)]
    assert held(replace(made, fakes={"x": {"c": lines}}), "x", NoJudge()).primary == met


def test_the_closed_edition_tells_who_remembers_from_who_does_not(closed: Suite) -> None:
    found = {fake: held(closed, fake, NoJudge()) for fake in ("oracle", "late-oracle", "partly", "silent", "babbler")}
    assert {fake: one.primary for fake, one in found.items()} == {
        **{"oracle": 1.0, "late-oracle": 1.0, "partly": 0.0},
        **{"silent": 0.0, "babbler": 0.0},
    }, [row.why for one in found.values() for row in one.rows]
    assert found["partly"].figures["ARS"] == 0.5
    assert (found["late-oracle"].figures["APR in time"]["rate"], found["oracle"].figures["APR in time"]["rate"]) == (
        0,
        1,
    )
    assert list(found["oracle"].figures["axes"]) == list(closed_audiomc.AXES)
    assert found["oracle"].figures["decided by rules"]["rate"] == 1.0
