"""How a model with a voice is judged, on sessions whose figures one can see."""

import numpy as np
import pytest

from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES
from microturn.core.events import Event
from microturn.data.oracle import Expect
from microturn.data.script import Ask, Backchannel, Line, Meaning, PlainWord, Recite, Spoken
from microturn.eval.echo import OwnEcho
from microturn.eval.said import SaidLog
from microturn.eval.scorers import Said, Utterance, counted, utterances
from microturn.eval.spoken import SoundTick, SpokenFigures, onset_ms, spoken_counts, spoken_figures

DAYS = "monday tuesday wednesday thursday friday"
BLOCK = np.full(CHUNK_SAMPLES, 0.1, np.float32)


def line(start_ms: int, text: str, meaning: Meaning | None = None, word_ms: int = 400) -> Spoken:
    words = [
        PlainWord(word, start_ms + i * word_ms, start_ms + (i + 1) * word_ms) for i, word in enumerate(text.split())
    ]
    return Spoken("user", Line(text, meaning=meaning), tuple(words))


def sounding(*ticks: int, onset: float | None = 20.0, compute: float = 10.0) -> list[SoundTick]:
    return [SoundTick(tick, onset, compute) for tick in ticks]


def figures(
    said: list[Said], expects: list[Expect], lines: list[Spoken], sounds: list[SoundTick] | None = None
) -> SpokenFigures:
    given = sounding(*(s.tick for s in said)) if sounds is None else sounds
    return spoken_figures([spoken_counts(said, given, expects, lines, ticks=300)])


def recited(first: int, last: int, words: str = DAYS) -> list[Said]:
    """A word a tick from `first`, then sound until `last`."""
    texts = words.split()
    return [Said(t, texts[t - first] if t - first < len(texts) else "") for t in range(first, last + 1)]


def test_sound_without_a_word_holds_an_utterance_together() -> None:
    said = [Said(5, "eight"), Said(6, ""), Said(7, "dollars"), Said(8, "")]
    assert utterances(said, ()) == [Utterance(5, "eight dollars", 8)]
    assert utterances([Said(4, ""), *said], ()) == [Utterance(5, "eight dollars", 8)]
    assert utterances([Said(4, ""), Said(5, "")], ()) == []


def test_an_utterance_is_cut_at_expected_texts_though_it_sounds_on() -> None:
    expects = [Expect(5, "okay", "items"), Expect(8, "one", "count")]
    said = [Said(5, "okay"), Said(6, ""), Said(7, ""), Said(8, "one"), Said(9, "")]
    assert utterances(said, expects) == [Utterance(5, "okay", 7), Utterance(8, "one", 9)]


def test_a_log_takes_words_and_sound_from_chunks_and_takes_unsaid_words_back() -> None:
    log = SaidLog()
    log.take(3, Chunk(BLOCK, events=(Event(800, 3, "say", "monday tues"),)))
    log.take(4, Chunk(BLOCK, events=(Event(1000, 4, "say", "day", {"joins": True}),)))
    log.take(5, Chunk(BLOCK, events=(Event(1200, 5, "speak"),)))
    log.take(6, Chunk(BLOCK, events=(Event(1400, 6, "say", "wednesday"),)))
    log.take(7, Chunk(events=(Event(1600, 7, "unsaid", "tuesday wednesday"),)))
    assert utterances(log.said, ()) == [Utterance(3, "monday", 6)]


def test_what_was_never_said_at_all_is_no_utterance() -> None:
    log = SaidLog()
    log.take(3, Chunk(BLOCK, events=(Event(800, 3, "say", "seven"),)))
    log.take(4, Chunk(events=(Event(1000, 4, "unsaid", "seven"),)))
    assert utterances(log.said, ()) == []


@pytest.mark.parametrize(("last", "events"), [(11, 1), (12, 1), (13, 1), (14, 0), (7, 0)])
def test_a_cut_text_is_right_up_to_the_cut_and_silent_within_two_ticks(last: int, events: int) -> None:
    expects = [Expect(5, f"{DAYS} saturday sunday", "barge-in", cut=12)]
    assert counted(recited(5, last), expects, 300).events == events


def test_a_cut_text_needs_its_own_beginning() -> None:
    expects = [Expect(5, f"{DAYS} saturday sunday", "barge-in", cut=12)]
    assert counted(recited(5, 11, "monday wednesday"), expects, 300).events == 0


def test_first_sound_counts_the_wait_for_the_chunk_the_computing_and_the_onset() -> None:
    ask = line(0, "what is two plus two", Ask("four", "answer"))  # ends at 2000 ms: tick 10
    expects = [Expect(11, "four", "answer")]
    found = figures([Said(11, "four")], expects, [ask])
    assert (found.answers, found.first_ms_median) == (1, 12 * 200 + 10 + 20 - 2_000)
    found = figures([Said(11, "four"), Said(12, "")], expects, [ask], [*sounding(11, onset=None), *sounding(12)])
    assert found.first_ms_median == 13 * 200 + 10 + 20 - 2_000


def test_first_sound_leaves_out_wrong_words_and_what_no_request_asked_for() -> None:
    expects = [Expect(11, "four", "answer")]
    assert figures([Said(11, "five")], expects, [line(0, "what is two plus two", Ask("four", "answer"))]).answers == 0
    assert figures([Said(11, "four")], expects, [line(0, "the cat sat down here")]).answers == 0


def test_stops_are_counted_from_the_cut_where_the_model_sounded() -> None:
    expects = [Expect(5, DAYS, "barge-in", cut=12)]
    prompt, late = figures(recited(5, 11), expects, []), figures(recited(5, 15), expects, [])
    assert (prompt.stops, prompt.stop_ticks_mean, prompt.stopped_share) == (1, 0, 1)
    assert (late.stop_ticks_mean, late.stopped_share) == (4, 0)
    assert figures(recited(5, 9), expects, []).stops == 0


def test_a_new_request_is_what_the_line_asks_that_cut() -> None:
    barge = line(
        2_200, "wait what is two plus two", Ask("four", "answer")
    )  # first word ends in tick 13, all in tick 23
    expects = [Expect(5, DAYS, "barge-in", cut=14), Expect(24, "four", "answer"), Expect(60, "beep", "interval")]
    found = figures([*recited(5, 13), Said(25, "four")], expects, [barge])
    assert (found.requests, found.answered_share) == (1, 1)
    assert figures(recited(5, 13), expects, [barge]).answered_share == 0


@pytest.mark.parametrize(("last", "whole", "share"), [(20, False, 1), (12, False, 0), (12, True, 1)])
def test_going_on_through_a_backchannel(last: int, whole: bool, share: int) -> None:
    expects = [Expect(5, DAYS if whole else f"{DAYS} saturday", "backchannelled")]
    found = figures(recited(5, last), expects, [line(2_000, "right", Backchannel())])
    assert (found.backchannels, found.continued_share) == (1, share)


def test_a_backchannel_into_silence_counts_nothing() -> None:
    assert figures(recited(5, 8), [], [line(2_000, "right", Backchannel())]).backchannels == 0


def test_undue_sound_is_that_of_utterances_nobody_expected() -> None:
    expects = [Expect(5, DAYS, "barge-in")]
    lines = [line(0, "list the days", Recite(DAYS))]
    assert figures(recited(5, 12), expects, lines).undue_s_per_min == 0
    assert figures([*recited(5, 12), *recited(100, 104)], expects, lines).undue_s_per_min == 1
    assert figures([Said(t, "") for t in range(100, 105)], expects, lines).undue_s_per_min == 1


def test_an_extra_answer_follows_own_sound_and_answers_nobody() -> None:
    expects = [Expect(5, "four", "answer")]
    assert figures([Said(5, "four"), Said(9, "four")], expects, []).extra_answers == 1
    assert figures([Said(5, "four"), Said(100, "four")], expects, []).extra_answers == 0
    assert figures([Said(5, "four")], expects, []).extra_answers == 0


def test_the_onset_is_the_first_loud_sample() -> None:
    block = np.full(CHUNK_SAMPLES, 0.005, np.float32)
    assert onset_ms(block) is None
    block[800] = -0.02
    assert onset_ms(block) == 50


def test_own_echo_is_delayed_and_as_loud_as_asked_whatever_the_blocks() -> None:
    played = np.random.default_rng(0).normal(0, 0.1, (20, CHUNK_SAMPLES)).astype(np.float32)
    echo = OwnEcho(-15.0, np.random.default_rng(1))
    came = np.concatenate([echo.push(block) for block in [*played, *[None] * 5]])
    level_db = 10 * np.log10(np.square(came).sum() / np.square(played).sum())
    assert level_db == pytest.approx(-15, abs=0.5)
    assert max(np.abs(came[:60]).max(), np.abs(came[-CHUNK_SAMPLES:]).max()) < 1e-6
    again = OwnEcho(-15.0, np.random.default_rng(1))
    single = np.concatenate([again.push(played[0]), again.push(None), again.push(None)])
    again = OwnEcho(-15.0, np.random.default_rng(1))
    later = np.concatenate([again.push(None), again.push(played[0]), again.push(None), again.push(None)])
    np.testing.assert_allclose(later[CHUNK_SAMPLES:], single, atol=1e-7)
