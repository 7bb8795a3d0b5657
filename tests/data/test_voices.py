"""Voices: word times lie on the sound, splits are disjoint, what cannot be said is refused in one line."""

from itertools import pairwise

import numpy as np
import pytest

from microturn.core.errors import InputError, MissingDependency
from microturn.data import speech_espeak, voices
from microturn.data.speech import RawSpeech, Span, frame_levels_db, level, trim
from microturn.data.speech_espeak import Timing, spans_of_timing
from microturn.data.voices import ALL_VOICES, Prosody, Voice, fits_user, synthesize, voice

LINE = "well, there was a dog, and john's cow can't go"
WORDS = ["well", "there", "was", "a", "dog", "and", "john's", "cow", "can't", "go"]
PLAIN = Prosody()
ONE_OF_EACH = ["espeak:en+f3", "espeak:en+klatt2", "flite:kal16", "flite:slt", "festival:kal", "festival:slt_hts"]


def said(voice_id: str, prosody: Prosody = PLAIN) -> voices.Clip:
    known = {v.id: v for v in ALL_VOICES}
    engine, name = voice_id.split(":")
    trouble = voices.available_engines()[engine]
    if trouble:
        pytest.skip(trouble)
    return synthesize(known.get(voice_id, Voice(voice_id, engine, name, "train", "synthetic")), LINE, prosody)


@pytest.mark.parametrize("voice_id", ONE_OF_EACH)
def test_words_come_in_order_inside_the_clip(voice_id: str) -> None:
    clip = said(voice_id)
    assert [w.word for w in clip.words] == WORDS
    assert all(w.end_ms - w.start_ms >= 25 for w in clip.words)
    assert all(a.end_ms <= b.start_ms + 1 for a, b in pairwise(clip.words))
    assert clip.words[0].start_ms <= 35
    assert 0 <= len(clip.pcm) / 16 - clip.words[-1].end_ms <= 65


def test_mm_hm_sounds_like_um_hum_and_keeps_its_own_words() -> None:
    speaker = voice("flite:kal16")
    written, sounding = synthesize(speaker, "mm hm, and then"), synthesize(speaker, "um hum, and then")
    assert [w.word for w in written.words] == ["mm", "hm", "and", "then"]
    assert [(w.start_ms, w.end_ms) for w in written.words] == [(w.start_ms, w.end_ms) for w in sounding.words]


@pytest.mark.parametrize("voice_id", ONE_OF_EACH)
def test_the_pause_at_a_comma_is_quiet_and_the_words_beside_it_are_not(voice_id: str) -> None:
    clip = said(voice_id)
    levels_db = frame_levels_db(clip.pcm, 16_000)
    dog, following = clip.words[4], clip.words[5]
    assert following.start_ms - dog.end_ms >= 40
    pause_db = levels_db[(dog.end_ms + 20) // 5 : (following.start_ms - 10) // 5].mean()
    assert pause_db < -50
    assert min(levels_db[w.start_ms // 5 : w.end_ms // 5].max() for w in clip.words) > -35


@pytest.mark.parametrize("voice_id", ONE_OF_EACH)
def test_rate_and_tract_shorten_the_clip_and_the_word_times_with_it(voice_id: str) -> None:
    plain, faster, smaller = (said(voice_id, p) for p in (Prosody(), Prosody(rate=1.25), Prosody(tract=1.25)))
    for changed in (faster, smaller):
        assert changed.words[-1].end_ms / plain.words[-1].end_ms == pytest.approx(0.8, abs=0.06)
        assert len(changed.pcm) / len(plain.pcm) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("voice_id", ["flite:kal16", "flite:slt", "festival:kal", "festival:slt_hts"])
def test_the_same_line_sounds_the_same_after_another_voice_spoke(voice_id: str) -> None:
    first = said(voice_id)
    said("flite:kal16", Prosody(rate=1.2, pitch=1.1))
    said("espeak:en-us+m1", Prosody(pitch=0.8))
    again = said(voice_id)
    assert first.words == again.words
    np.testing.assert_array_equal(first.pcm, again.pcm)


@pytest.mark.parametrize("voice_id", ["espeak:en+f3", "espeak:en+klatt2"])
def test_espeak_keeps_its_timing_to_a_mel_frame_or_two_after_another_voice_spoke(voice_id: str) -> None:
    first = said(voice_id)
    said("espeak:en-us+m1", Prosody(pitch=0.8))
    again = said(voice_id)
    assert all(abs(a.end_ms - b.end_ms) <= 45 for a, b in zip(first.words, again.words, strict=True))


@pytest.mark.parametrize("voice_id", ["espeak:en-029+m3", "flite:kal16", "flite:slt", "festival:kal"])
def test_pitch_changes_the_sound_but_not_the_timing(voice_id: str) -> None:
    low, high = said(voice_id, Prosody(pitch=0.9)), said(voice_id, Prosody(pitch=1.2))
    assert low.words[-1].end_ms == pytest.approx(high.words[-1].end_ms, rel=0.04)
    n = min(len(low.pcm), len(high.pcm))
    assert np.abs(low.pcm[:n] - high.pcm[:n]).mean() > 0.005


@pytest.mark.parametrize("voice_id", ONE_OF_EACH)
def test_every_voice_is_equally_loud(voice_id: str) -> None:
    levels_db = frame_levels_db(said(voice_id).pcm, 16_000)
    active_db = 10 * np.log10((10 ** (levels_db[levels_db > -60] / 10)).mean())
    assert active_db == pytest.approx(-26, abs=1.5)


def test_espeak_word_events_that_cover_two_words_are_shared_by_letters() -> None:
    timing = Timing(words=[(0, 0), (6, 3000), (5, 12000)], pauses=[2000, 11000], n_samples=12000)
    spans = spans_of_timing("well, there was", timing, 1000)
    assert spans == (Span("well", 0.0, 2.0), Span("there", 3.0, 8.0), Span("was", 8.0, 11.0))


def test_trim_leaves_a_little_silence_and_moves_the_words() -> None:
    pcm = np.concatenate([np.zeros(8000), np.sin(np.arange(8000)), np.zeros(8000)]).astype(np.float32)
    trimmed = trim(RawSpeech(pcm, 16_000, (Span("a", 0.4, 0.8), Span("b", 0.8, 1.3))))
    assert len(trimmed.pcm) == pytest.approx(16 * 590, abs=100)
    assert trimmed.spans[0].start_s == pytest.approx(0.03, abs=0.006)
    assert trimmed.spans[1].end_s == pytest.approx(0.53, abs=0.006)


def test_silence_can_be_trimmed_and_levelled() -> None:
    silent = RawSpeech(np.zeros(1600, np.float32), 16_000, (Span("a", 0.0, 0.1),))
    assert len(level(trim(silent)).pcm) == 1600


def test_splits_share_no_voice_and_leave_out_the_judges() -> None:
    assert len({v.id for v in ALL_VOICES}) == len(ALL_VOICES)
    assert [v.id for v in voices.voices("test", "natural")] == ["festival:ked"]
    assert voices.voices("val", "natural") == ()
    variants = {v.name.split("+")[-1] for v in ALL_VOICES}
    assert not variants & {"awb", "klatt4", "f2", "m7"}
    by_split = [{v.name.split("+")[-1] for v in voices.voices(split, "synthetic")} for split in voices.SPLITS]
    assert not by_split[0] & by_split[1] and not by_split[0] & by_split[2] and not by_split[1] & by_split[2]


def test_users_do_not_sound_like_the_agent() -> None:
    assert not fits_user(voice("flite:rms"), Prosody())
    assert fits_user(voice("flite:rms"), Prosody(tract=1.15))
    assert fits_user(voice("flite:slt"), Prosody())


@pytest.mark.parametrize("text", ["", "Hello", "twenty 3", 'say "hi"', "one,, two", "one,", ",", "a, , b", "' ' '"])
def test_a_line_that_cannot_be_said_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be said"):
        synthesize(voice("flite:slt"), text)


def test_an_unknown_voice_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="festival:ked"):
        voice("festival:bob")
    with pytest.raises(InputError, match="train"):
        voices.voices("training")


def test_a_missing_library_names_its_debian_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("libespeak-ng.so.1: cannot open shared object file")

    monkeypatch.setattr(speech_espeak, "load", fail)
    voices._load.cache_clear()
    with pytest.raises(MissingDependency, match="apt install libespeak-ng1"):
        synthesize(voice("espeak:en-us"), "hello")
    assert "libespeak-ng1" in voices.available_engines()["espeak"]
    monkeypatch.undo()
    voices._load.cache_clear()
