"""Rendered sound agrees with the mel-domain mixture, repeats with its seed, and ends after what is due."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS, tick_of
from microturn.data.agent import agent_voice
from microturn.data.mixture import MixConfig, PoolClip, build_stream
from microturn.data.oracle import oracle
from microturn.data.pool import PoolClip as Spoken
from microturn.data.pool import to_u8
from microturn.data.render import MIN_REST_MS, RenderConfig, clean, relabelled, render
from microturn.data.scenarios import SKILLS, sample_script
from microturn.data.script import Ask, Interval, Line, Recite, Script
from microturn.data.voices import Prosody, synthesize, voice
from microturn.media.mel import MelConfig, log_mel_db, quantize

VOICE = voice("festival:ked")  # repeats exactly, as espeak does not
QUIET_WORLD = MixConfig(
    ticks=150, skills={}, typed_share=0.0, swap_story_share=0.0, gain_db=(0.0, 0.0), warp=0.0, speed=0.0, eq_db=0.0,
    room_share=0.0, noise_share=0.0, babble_share=0.0,
)  # fmt: skip


class OneScript:
    """A pool with one speaker and one script, whose clips are made when they are asked for."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def speakers(self, group: str | None = None) -> Sequence[str]:
        return [VOICE.id, "espeak:en-us+shelby"]

    def scripts(self, speaker: str) -> Sequence[Script]:
        return [self.script]

    def say(self, speaker: str, text: str, rng: np.random.Generator, unlike: str = "") -> PoolClip | None:
        clip = synthesize(VOICE, text)
        padded = np.pad(clip.pcm, (0, -len(clip.pcm) % MelConfig().hop_samples))
        return Spoken(to_u8(log_mel_db(padded)), clip.words, VOICE.id, text)  # type: ignore[return-value]

    def bank(self, speaker: str, skill: str) -> Sequence[str]:
        return []


def script(*lines: Line, tail_ms: int = 1000) -> Script:
    return Script("answer", "t", "s", False, lines, tail_ms)


def test_sound_and_mixture_agree_on_a_clean_scenario() -> None:
    told = script(Line("what is three plus four", meaning=Ask("seven")), Line("i saw a dog in the garden", gap_ms=2000))
    sound = render(told, VOICE, Prosody(), np.random.default_rng(0), clean())
    mixed = build_stream(OneScript(told), np.random.default_rng(0), QUIET_WORLD)
    rendered_words = [word for spoken in sound.spoken for word in spoken.words]
    shift_ms = mixed.heard[0].end_ms - rendered_words[0].end_ms
    said = [(w.end_ms + shift_ms, w.word) for w in rendered_words]
    assert said == list(mixed.heard[: len(said)]) and shift_ms % 20 == 0
    frames = rendered_words[-1].end_ms // 20
    here = quantize(log_mel_db(sound.pcm))[:frames].astype(int)
    there = mixed.levels[shift_ms // 20 :][:frames].astype(int)
    assert here.std() > 2 and (np.abs(here - there) <= 1).mean() >= 0.95


@pytest.mark.parametrize("skill", SKILLS)
def test_every_skill_sounds_in_whole_ticks_and_has_the_labels_of_the_oracle(skill: str) -> None:
    told = sample_script(skill, np.random.default_rng(5), "val")
    sound = render(told, voice("espeak:en-us+belinda"), Prosody(), np.random.default_rng(5))
    assert sound.pcm.dtype == np.float32 and np.abs(sound.pcm).max() <= 1.0
    assert len(sound.pcm) == sound.end_ms * SAMPLE_RATE_HZ // 1000 and len(sound.pcm) % CHUNK_SAMPLES == 0
    assert list(sound.expects) == oracle(sound.spoken, sound.end_ms)
    again = relabelled(told, [[*spoken.words] for spoken in sound.spoken], sound.pcm)
    assert (again.spoken, again.expects, again.end_ms) == (sound.spoken, sound.expects, sound.end_ms)


def test_the_same_seed_gives_the_same_sound_and_another_seed_another() -> None:
    told = script(Line("what is three plus four", meaning=Ask("seven")))
    config = RenderConfig(babble_share=0.0)
    first, again, other = (render(told, VOICE, Prosody(), np.random.default_rng(s), config).pcm for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_speech_lies_where_its_words_are() -> None:
    told = script(Line("hello", gap_ms=1000), Line("good morning", gap_ms=1500))
    sound = render(told, VOICE, Prosody(), np.random.default_rng(0), clean())
    power = np.square(sound.pcm)
    for word in (spoken.words[0] for spoken in sound.spoken):
        inside = power[word.start_ms * 16 : word.end_ms * 16].mean()
        before = power[(word.start_ms - 800) * 16 : (word.start_ms - 100) * 16].mean()
        assert inside > 1e-4 and before < 1e-9


def test_a_session_goes_on_three_seconds_after_the_last_thing_due() -> None:
    late = script(Line("what is three plus four", meaning=Ask("seven")), tail_ms=300)
    sound = render(late, VOICE, Prosody(), np.random.default_rng(0), clean())
    assert sound.end_ms >= sound.expects[-1].tick * TICK_MS + MIN_REST_MS
    beat = script(Line("remind me to breathe every four seconds", meaning=Interval("breathe", 4)), tail_ms=9000)
    assert len(render(beat, VOICE, Prosody(), np.random.default_rng(0), clean()).expects) == 2


def test_where_the_agent_sounds_its_texts_take_their_time_and_nothing_else_changes() -> None:
    told = script(
        Line("count to eight", meaning=Recite("one two three four five six seven eight")),
        Line("wait, what is three plus four", gap_ms=1200, meaning=Ask("seven")),
    )
    written, aloud = (
        render(told, VOICE, Prosody(), np.random.default_rng(0), replace(clean(), spoken=spoken))
        for spoken in (False, True)
    )
    np.testing.assert_array_equal(aloud.pcm[: len(written.pcm)], written.pcm[: len(aloud.pcm)])
    cut = tick_of(aloud.spoken[1].words[0].end_ms) + 1
    assert [e.cut for e in aloud.expects] == [cut, None] and [e.cut for e in written.expects] == [None, None]
    words = [[*spoken.words] for spoken in aloud.spoken]
    assert relabelled(told, words, aloud.pcm, aloud=True).expects == aloud.expects
    assert relabelled(told, words, aloud.pcm).expects == written.expects


def test_a_recitation_is_heard_to_its_end() -> None:
    told = script(Line("count to eight", meaning=Recite("one two three four five six seven eight")))
    sound = render(told, VOICE, Prosody(), np.random.default_rng(0), replace(clean(), spoken=True))
    takes = agent_voice().ticks(sound.expects[0].text)
    assert takes > 10 and sound.end_ms >= (sound.expects[0].tick + takes) * TICK_MS + MIN_REST_MS


def test_others_speak_with_another_voice_and_softer() -> None:
    lines = [Line("what is three plus four", who, 500) for who in ("user", "tv")]
    quiet = RenderConfig(noise_share=0, telephone_share=0)
    sound = render(script(*lines), VOICE, Prosody(), np.random.default_rng(3), quiet)
    user, tv = (sound.pcm[s.words[0].start_ms * 16 : s.words[-1].end_ms * 16] for s in sound.spoken)
    assert np.square(tv).mean() < np.square(user).mean() and len(tv) != len(user)
