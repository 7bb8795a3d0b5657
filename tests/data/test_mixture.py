"""Streams of the mixture: shapes, repeatability, labels, who is heard; and a cast's pool from plan to clips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.data import mixture, pool
from microturn.data.agent import AgentClip, AgentVoice
from microturn.data.history import HistoryConfig, right_history
from microturn.data.mixture import MixConfig, build_stream
from microturn.data.oracle import Expect, oracle
from microturn.data.scenarios import SKILLS
from microturn.data.script import Ask, Line, PlainWord, Script, Spoken, WakeWord
from microturn.data.speakers import Cast, CastConfig, cast, jobs, make_pool, plan
from microturn.data.splits import SPLITS, Split
from microturn.data.voices import ALL_VOICES, Clip, Prosody, Voice, WordTime
from microturn.media.mel import MelConfig

QUESTION, NEARBY, ON_TV = "what is two plus two", "hello over there", "the weather is fine"
CONFIG = MixConfig(ticks=100, typed_share=0.0, typed_fresh_share=0.0)
FORBIDDEN = {"awb", "klatt4", "f2", "m7"}
TINY_CAST = CastConfig(groups=("synthetic",), synthetic_tracts=1, scripts_per_skill=1, most_speakers=3)


@dataclass(frozen=True)
class ToneClip:
    """A word every 100 ms, in the channels that are its speaker's."""

    mel_u8: np.ndarray
    words: tuple[PlainWord, ...]


@dataclass(frozen=True)
class ToneClips:
    """Three speakers with one script each; `asked` keeps (speaker, text, unlike) of every clip taken."""

    script: Script
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def speakers(self, group: str | None = None) -> Sequence[str]:
        return ("ann@1.000", "ann@0.900", "bob@1.000")

    def scripts(self, speaker: str) -> Sequence[Script]:
        return (self.script,)

    def say(self, speaker: str, text: str, rng: np.random.Generator, unlike: str = "") -> ToneClip | None:
        self.asked.append((speaker, text, unlike))
        words = text.split()
        mel_u8 = np.full((5 * len(words), 80), 60, np.uint8)
        mel_u8[:, 10:30] = 160
        return ToneClip(mel_u8, tuple(PlainWord(w, 100 * i, 100 * i + 90) for i, w in enumerate(words)))

    def bank(self, speaker: str, skill: str) -> Sequence[str]:
        return ()


def dialog(*extra: Line) -> Script:
    return Script("answer", "t", "s", False, (*extra, Line(QUESTION, meaning=Ask("four"))), 1_000)


OTHERS = dialog(Line(NEARBY, "other"), Line(ON_TV, "tv"))


class ToneVoice(AgentVoice):
    """Three ticks a word, in the channels that nobody else has."""

    def say(self, text: str) -> AgentClip:
        words = tuple(WordTime(word, 600 * i + 10, 600 * i + 500) for i, word in enumerate(text.split()))
        mel_db = np.full((30 * len(words), 80), -120.0, np.float32)
        mel_db[:, 40:50] = -40.0
        return AgentClip(np.zeros(9_600 * len(words), np.float32), mel_db, words)


def stream_of(script: Script, seed: int = 0, config: MixConfig = CONFIG) -> mixture.Stream:
    return build_stream(ToneClips(script), np.random.default_rng(seed), config, agent=ToneVoice())


def test_levels_are_the_ticks_frames_in_mel_levels() -> None:
    levels = stream_of(OTHERS).levels
    assert levels.shape == (100 * 10, 80) and levels.dtype == np.uint8
    assert 0 <= levels.min() < levels.max() < MelConfig().n_levels


def test_the_generator_alone_decides_a_stream() -> None:
    first, again, other = stream_of(OTHERS, 5), stream_of(OTHERS, 5), stream_of(OTHERS, 6)
    np.testing.assert_array_equal(first.levels, again.levels)
    assert replace(first, levels=other.levels) == replace(again, levels=other.levels)
    assert not np.array_equal(first.levels, other.levels)


def test_heard_words_lie_inside_the_stream_in_order() -> None:
    for seed in range(10):
        ends_ms = [word.end_ms for word in stream_of(OTHERS, seed).heard]
        assert ends_ms == sorted(ends_ms) and 0 < ends_ms[0] <= ends_ms[-1] <= 100 * 200


def test_expectations_are_what_the_oracle_says_to_what_was_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[list[Spoken], int]] = []

    def listening(spoken: list[Spoken], end_ms: int, length: None, seen: list[object]) -> list[Expect]:
        given.append((list(spoken), end_ms))
        return oracle(spoken, end_ms)

    monkeypatch.setattr(mixture, "oracle", listening)
    stream = stream_of(OTHERS)
    spoken, end_ms = given[0]
    assert end_ms == 100 * 200 and list(stream.expects) == oracle(spoken, end_ms)
    asked = [s.words[-1].end_ms for s in spoken if s.line.meaning is not None]
    assert [e.tick for e in stream.expects] == [end // 200 + 1 for end in asked if end // 200 + 1 < 100]


def test_other_people_are_in_the_sound_but_never_in_the_transcript() -> None:
    clips = ToneClips(OTHERS)
    stream = build_stream(clips, np.random.default_rng(0), replace(CONFIG, babble_share=0.0))
    assert {word.word for word in stream.heard} <= set(QUESTION.split())
    voices = {text: {who.split("@")[0] for who, said, _ in clips.asked if said == text} for text in (NEARBY, QUESTION)}
    assert voices[QUESTION] == {stream.voice.split("@")[0]} and not voices[QUESTION] & voices[NEARBY]
    assert all(unlike == stream.voice for _, text, unlike in clips.asked if text in (NEARBY, ON_TV))


def test_typed_lines_arrive_in_pieces_have_no_sound_and_are_answered() -> None:
    long = dialog(Line("please listen to me now because i am asking"))
    clips = ToneClips(long)
    stream = build_stream(clips, np.random.default_rng(0), replace(CONFIG, typed_share=1.0, babble_share=0.0))
    assert clips.asked and stream.typed  # once the room for typing is used up the same script is spoken
    assert all(len(entry.text.split()) <= 6 for entry in stream.typed)
    assert " ".join(entry.text for entry in stream.typed).startswith("please listen to me now because i am asking what")
    last = next(entry for entry in stream.typed if entry.text.endswith("two"))
    assert stream.expects[0].text == "four" and stream.expects[0].tick == last.tick + 1
    assert all(word.end_ms // 200 > last.tick for word in stream.heard)


def test_a_wake_word_is_mostly_ended_before_the_next_script() -> None:
    clips = ToneClips(dialog(Line("listen to your name", meaning=WakeWord("robot"))))
    build_stream(clips, np.random.default_rng(0), replace(CONFIG, ticks=600, babble_share=0.0))
    said = [text for _, text, _ in clips.asked]
    assert 0.6 < said.count("answer everyone again") / said.count("listen to your name") <= 1.0


SPOKEN = replace(CONFIG, spoken=True, noise_share=0.0, babble_share=0.0, room_share=0.0, burst_share=0.0)


def test_a_stream_without_sound_has_a_history_of_silent_text() -> None:
    stream = stream_of(OTHERS, config=replace(CONFIG, history=HistoryConfig(0.0, 0.0, 0.0, spurious_share=0.0)))
    assert stream.own_levels is None and stream.history == right_history(stream.expects)
    assert {saying.ticks for saying in stream.history.said} == {0}


def test_a_spoken_stream_holds_its_own_sound_where_its_history_has_it() -> None:
    for seed in range(5):
        stream = stream_of(OTHERS, seed, SPOKEN)
        assert stream.own_levels is not None and stream.own_levels.shape == stream.levels.shape
        said = {tick for saying in stream.history.said for tick in range(saying.tick, saying.tick + saying.ticks)}
        heard = {tick for tick in range(100) if stream.own_levels[10 * tick : 10 * tick + 10].any()}
        assert heard == {tick for tick in said if tick < 100} and heard


def test_what_is_due_in_a_spoken_stream_waits_until_the_last_thing_was_said() -> None:
    twice = dialog(Line("what is three plus three", meaning=Ask("the number six")))  # nine ticks long
    quick = replace(SPOKEN, between_ms=(100, 101))
    ticks = [(e.tick, e.text) for e in stream_of(twice, 1, quick).expects]
    assert all(later - tick >= 3 * len(text.split()) for (tick, text), (later, _) in pairwise(ticks))
    assert any(later - tick == 3 * len(text.split()) for (tick, text), (later, _) in pairwise(ticks))


def test_the_echo_is_in_the_sound_of_a_share_of_streams_and_changes_no_label() -> None:
    dry = [stream_of(OTHERS, seed, replace(SPOKEN, echo_share=0.0)) for seed in range(5)]
    wet = [stream_of(OTHERS, seed, replace(SPOKEN, echo_share=1.0, echo_db=(-8.0, -8.0))) for seed in range(5)]
    for without, with_echo in zip(dry, wet, strict=True):
        assert replace(with_echo, levels=without.levels, own_levels=without.own_levels) == without
        more = with_echo.levels[:, 40:50].astype(int) - without.levels[:, 40:50]
        assert more.min() >= 0 and more.max() >= 2
        began = 10 * without.history.said[0].tick + 10
        assert not more[:began].any() and more[began : began + 40].any()


def test_a_spoken_stream_needs_a_voice() -> None:
    with pytest.raises(InputError, match="AgentVoice"):
        build_stream(ToneClips(OTHERS), np.random.default_rng(0), SPOKEN)


@pytest.fixture
def tones(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tone of 100 ms a word instead of a synthesiser."""

    def tone(voice: Voice, text: str, prosody: Prosody) -> Clip:
        words = text.replace(",", "").split()
        pcm = 0.1 * np.sin(np.arange(1_600 * len(words)) * prosody.tract)
        return Clip(pcm.astype(np.float32), tuple(WordTime(w, 100 * i, 100 * i + 90) for i, w in enumerate(words)))

    monkeypatch.setattr(pool, "synthesize", tone)
    yield


@pytest.mark.usefixtures("tones")
def test_a_cast_says_all_its_scripts_and_trains(tmp_path: Path) -> None:
    make_pool(TINY_CAST, tmp_path, processes=1)
    clips = Cast([tmp_path])
    assert len(clips.speakers()) == len(clips.speakers("synthetic")) == 3 and not clips.speakers("natural")
    assert {script.skill for script in clips.scripts(clips.speakers()[0])} == set(SKILLS)
    streams = [build_stream(clips, np.random.default_rng(seed), CONFIG) for seed in range(4)]
    assert {stream.voice for stream in streams} <= set(clips.speakers())
    assert any(stream.expects for stream in streams)


@pytest.mark.usefixtures("tones")
def test_a_cast_keeps_only_scripts_whose_lines_are_all_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "JOBS_PER_SHARD", 64)
    make_pool(TINY_CAST, tmp_path, processes=1)
    planned = plan(TINY_CAST, cast(TINY_CAST))
    whole = Cast([tmp_path])
    assert sum(len(whole.scripts(who)) for who in whole.speakers()) == len(planned)
    for shard in sorted(tmp_path.glob("shard-*"))[1:]:
        shard.rename(tmp_path / f"away-{shard.name}")
    part = Cast([tmp_path])
    kept = [(who, script) for who in part.speakers() for script in part.scripts(who)]
    assert 0 < len(kept) < len(planned)
    rng = np.random.default_rng(0)
    lines = [(who, line.text) for who, script in kept for line in script.lines if line.speaker == "user"]
    assert all(part.say(who, text, rng, unlike=who.split("@")[0]) is not None for who, text in lines)


@pytest.mark.usefixtures("tones")
def test_a_line_of_somebody_else_is_never_said_in_the_voice_it_must_be_unlike(tmp_path: Path) -> None:
    make_pool(TINY_CAST, tmp_path, processes=1)
    clips, rng = Cast([tmp_path]), np.random.default_rng(0)
    ann, bob, cid = clips.speakers()
    lines = [line.text for script in clips.scripts(ann) for line in script.lines if line.speaker == "user"]
    for text in lines:
        said = clips.say(bob, text, rng, unlike=ann)
        assert said is None or said.voice != ann.split("@")[0]
    assert clips.say(cid, "nobody ever said this", rng) is None


def test_a_folder_without_a_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no plan"):
        Cast([tmp_path])


@pytest.mark.parametrize("split", SPLITS)
def test_a_plan_has_the_voices_of_its_split_alone(split: Split) -> None:
    config = CastConfig(split=split, natural_tracts=2, scripts_per_skill=1)
    speakers = cast(config)
    own = {voice.id for voice in ALL_VOICES if voice.split == split}
    assert {speaker.voice.id for speaker in speakers} == own
    assert {job.voice_id for job in jobs(config, speakers, plan(config, speakers))} <= own


def test_plans_of_two_splits_share_no_voice_and_no_held_out_phrase() -> None:
    plans = {}
    for split in SPLITS:
        config = CastConfig(split=split, natural_tracts=1, synthetic_tracts=1, scripts_per_skill=6, most_speakers=4)
        plans[split] = plan(config, cast(config))
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not {p.speaker for p in plans[one]} & {p.speaker for p in plans[other]}
        assert not {p.script.template for p in plans[one]} & {p.script.template for p in plans[other]}
        assert not {p.script.slots for p in plans[one]} & {p.script.slots for p in plans[other]}


def test_the_judges_voices_appear_nowhere() -> None:
    names = {part for voice in ALL_VOICES for part in voice.name.replace("+", " ").split()}
    assert not names & FORBIDDEN
    for split in SPLITS:
        ids = " ".join(speaker.id for speaker in cast(CastConfig(split=split)))
        assert not any(f"+{name}@" in ids or f":{name}@" in ids for name in FORBIDDEN)


def test_questions_drawn_afresh_are_typed_and_answered() -> None:
    clips = ToneClips(dialog(Line("never mind the noise")))
    config = replace(CONFIG, ticks=600, typed_fresh_share=1.0, babble_share=0.0)
    stream = build_stream(clips, np.random.default_rng(0), config)
    asked = {text for _, text, _ in clips.asked}
    assert stream.typed and all(entry.text not in asked for entry in stream.typed)
    assert len({expect.text for expect in stream.expects} - {"four"}) > 2


def test_words_to_say_again_may_be_typed_afresh() -> None:
    clips = ToneClips(dialog(Line("never mind the noise")))
    config = replace(CONFIG, ticks=600, typed_fresh_share=1.0, typed_echo_share=1.0, babble_share=0.0)
    stream = build_stream(clips, np.random.default_rng(0), config)
    assert {expect.skill for expect in stream.expects} >= {"echo words"}
    typed = " ".join(entry.text for entry in stream.typed)
    echoed = [expect.text for expect in stream.expects if expect.skill == "echo words"]
    assert echoed and all(f" {text}" in typed for text in echoed)
