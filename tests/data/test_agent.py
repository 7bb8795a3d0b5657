"""The agent's voice: whole ticks, words where they sound, the same samples every time, from memory or a folder."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from microturn.core.clock import CHUNK_SAMPLES
from microturn.core.errors import InputError
from microturn.data import agent
from microturn.data.agent import AgentClip, AgentVoice
from microturn.data.speech import SPEECH_LEVEL_DB, frame_levels_db, sounding_frames
from microturn.data.voices import available_engines
from microturn.media.mel import log_mel_db

TEXTS = ("four", "eight dollars", "are you there", "mm hm", "monday tuesday wednesday thursday", "zyxqwv blorf")


@pytest.fixture(scope="module")
def voice() -> AgentVoice:
    trouble = available_engines()["flite"]
    if trouble:
        pytest.skip(trouble)
    return AgentVoice()


def sounding(clip: AgentClip) -> np.ndarray:
    """Indices of the 5 ms frames that can be heard at all."""
    return np.flatnonzero(frame_levels_db(clip.pcm, 16_000) > -70.0)


@pytest.mark.parametrize("text", TEXTS)
def test_a_clip_is_whole_ticks_of_sound_and_its_causal_mel(voice: AgentVoice, text: str) -> None:
    clip = voice.say(text)
    assert clip.pcm.dtype == np.float32 and len(clip.pcm) == clip.ticks * CHUNK_SAMPLES == voice.ticks(text) * 3_200
    assert clip.mel_db.shape == (10 * clip.ticks, 80)
    np.testing.assert_array_equal(clip.mel_db, log_mel_db(clip.pcm))


@pytest.mark.parametrize("text", TEXTS)
def test_the_first_word_begins_at_once_and_the_last_tick_holds_sound(voice: AgentVoice, text: str) -> None:
    clip = voice.say(text)
    heard = sounding(clip)
    assert 0 < clip.words[0].start_ms <= 20 and heard[0] * 5 <= 30
    end_ms = (heard[-1] + 1) * 5
    assert 0 <= end_ms - 200 * (clip.ticks - 1) <= 200
    assert end_ms <= clip.words[-1].end_ms + 65  # no more than its release


@pytest.mark.parametrize("text", [*TEXTS, "one, two, three"])
def test_every_word_of_the_text_has_its_time(voice: AgentVoice, text: str) -> None:
    clip = voice.say(text)
    assert [word.word for word in clip.words] == text.replace(",", "").split()
    times_ms = [ms for word in clip.words for ms in (word.start_ms, word.end_ms)]
    assert times_ms == sorted(times_ms) and times_ms[-1] <= 200 * clip.ticks
    assert all(word.end_ms - word.start_ms >= 40 for word in clip.words)


def test_it_is_as_loud_as_everybody_else(voice: AgentVoice) -> None:
    for text in TEXTS:
        pcm = voice.say(text).pcm
        levels_db = frame_levels_db(pcm, 16_000)[sounding_frames(pcm, 16_000)]
        assert abs(10 * np.log10(np.mean(10 ** (levels_db / 10))) - SPEECH_LEVEL_DB) < 1.0


def test_a_text_has_the_same_samples_also_when_it_was_forgotten(voice: AgentVoice) -> None:
    forgetful = AgentVoice(remembered=1)
    first = forgetful.say("four")
    assert forgetful.say("four") is first
    forgetful.say("eight dollars")
    again = forgetful.say("four")
    assert again is not first
    np.testing.assert_array_equal(first.pcm, again.pcm)
    np.testing.assert_array_equal(first.pcm, voice.say("four").pcm)


@pytest.mark.usefixtures("voice")
def test_a_folder_keeps_what_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = AgentVoice(tmp_path / "new").say("are you there")
    monkeypatch.delattr(agent, "synthesize")
    kept = AgentVoice(tmp_path / "new").say("are you there")
    np.testing.assert_array_equal(kept.pcm, fresh.pcm)
    np.testing.assert_array_equal(kept.mel_db, fresh.mel_db)
    assert kept.words == fresh.words and kept.pcm.dtype == kept.mel_db.dtype == np.float32


def length_in(folder: Path) -> list[int]:
    return [AgentVoice(folder).ticks(text) for text in TEXTS]


def test_several_processes_may_fill_a_folder_at_once(tmp_path: Path, voice: AgentVoice) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as workers:
        lengths = workers.map(length_in, [tmp_path, tmp_path], chunksize=1)
    assert lengths == [[voice.ticks(text) for text in TEXTS]] * 2
    assert len(list(tmp_path.iterdir())) == len(TEXTS)


def test_what_cannot_be_said_is_refused(voice: AgentVoice) -> None:
    with pytest.raises(InputError, match="lower-case"):
        voice.say("Four 4")
