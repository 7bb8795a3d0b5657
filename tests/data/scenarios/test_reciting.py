"""Recitals that are spoken into: what cuts them, what does not, and when it comes."""

from collections.abc import Iterator

import numpy as np
import pytest

from microturn.data.oracle import Expect, oracle
from microturn.data.scenarios import sample_script
from microturn.data.scenarios.recitals import recital_ms
from microturn.data.script import Backchannel, Recite, Script, Spoken, StopAll, evenly_spoken

N_SCRIPTS = 200


def ticks(text: str) -> int:
    return -(-recital_ms(text) // 200)


def drawn(skill: str, negative: bool = False) -> Iterator[tuple[Script, list[Spoken], list[Expect]]]:
    for seed in range(N_SCRIPTS):
        script = sample_script(skill, np.random.default_rng(seed), "train")
        if script.negative == negative:
            spoken, end_ms = evenly_spoken(script)
            yield script, spoken, oracle(spoken, end_ms, ticks)


def meanings(script: Script) -> list[type]:
    return [type(line.meaning) for line in script.lines if line.speaker == "user"]


def test_most_recitals_are_interrupted_while_they_sound_and_some_end_by_themselves() -> None:
    recited = [e for _, _, expects in drawn("barge-in") for e in expects if len(e.text.split()) > 5]
    cut = [e for e in recited if e.cut is not None]
    assert 0.5 < len(cut) / len(recited) < 0.85
    assert all(e.tick + 4 <= e.cut < e.tick + ticks(e.text) for e in cut if e.cut is not None)


def test_what_interrupts_is_itself_answered() -> None:
    kinds = set()
    for script, _, expects in drawn("barge-in"):
        last = script.lines[-1].meaning
        kinds.add(type(last).__name__)
        if not isinstance(last, (StopAll, Backchannel)) and script.lines[-1].speaker == "user":
            assert last is not None and expects[-1].text == (last.text if isinstance(last, Recite) else last.answer)  # type: ignore[union-attr]
    assert {"Ask", "StopAll", "Recite", "NoneType"} <= kinds


def test_other_voices_do_not_cut_a_recital() -> None:
    overheard = [(s, e) for s, _, e in drawn("barge-in") if any(line.speaker != "user" for line in s.lines)]
    assert len(overheard) > 10
    assert all(expects[0].cut is None for _, expects in overheard)


def test_a_recital_goes_on_through_what_a_listener_says() -> None:
    inside = 0
    for script, spoken, expects in drawn("backchannelled"):
        recital, kinds = expects[0], meanings(script)
        assert recital.skill == "backchannelled"
        assert (recital.cut is not None) == (StopAll in kinds)
        end_tick = recital.cut or recital.tick + ticks(recital.text)
        starts = [s.words[0].start_ms // 200 for s in spoken if isinstance(s.line.meaning, Backchannel)]
        inside += all(recital.tick < tick < end_tick for tick in starts)
        assert 1 <= len(starts) <= 3
    assert inside > 0.9 * sum(1 for _ in drawn("backchannelled"))


def test_the_same_word_alone_goes_on_and_with_a_stop_ends() -> None:
    texts = {line.text for script, _, _ in [*drawn("backchannelled"), *drawn("barge-in")] for line in script.lines}
    assert {"okay", "okay stop", "right", "wait", "mm hm", "uh huh", "ahem"} <= texts


@pytest.mark.parametrize("skill", ["barge-in", "backchannelled"])
def test_a_recital_that_nobody_asked_of_the_agent_is_not_said(skill: str) -> None:
    unasked = list(drawn(skill, negative=True))
    assert len(unasked) > 20
    assert all(not expects and Recite not in meanings(script) for script, _, expects in unasked)
