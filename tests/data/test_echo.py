"""What the agent hears of itself: its own levels where it sounds, its echo a tick later in the user's microphone."""

import numpy as np

from microturn.data.agent import AgentClip
from microturn.data.echo import add_echo, own_levels, own_pcm
from microturn.data.history import History, Saying
from microturn.data.voices import WordTime
from microturn.media.mel import quantize

FRAMES = 200
HISTORY = History(
    (Saying(2, ("four",), (0,), 2, "four"), Saying(8, ("four", "four"), (0, 0), 3, "four four four")), {}, frozenset()
)


def say(text: str) -> AgentClip:
    """Two ticks a word, each frame louder than the one before."""
    words = tuple(WordTime(word, 400 * i, 400 * i + 400) for i, word in enumerate(text.split()))
    mel_db = np.repeat(np.arange(-60.0, -60.0 + 20 * len(words))[:, None], 80, axis=1).astype(np.float32)
    return AgentClip(np.full(6_400 * len(words), 0.5, np.float32), mel_db, words)


def echoed(gain_db: float, delay_ms: int, seed: int = 0) -> np.ndarray:
    power = np.full((FRAMES, 80), 1e-12, np.float32)
    gains_db, delays_ms = (gain_db, gain_db), (delay_ms, delay_ms)
    add_echo(power, HISTORY, say, np.random.default_rng(seed), gains_db, delays_ms)
    return 10 * np.log10(power)


def test_own_levels_are_those_of_the_clips_as_far_as_they_sound() -> None:
    levels = own_levels(HISTORY, say, FRAMES)
    assert levels.shape == (FRAMES, 80) and levels.dtype == np.uint8
    np.testing.assert_array_equal(levels[20:40], quantize(say("four").mel_db))
    np.testing.assert_array_equal(levels[80:110], quantize(say("four four four").mel_db[:30]))
    assert not levels[:20].any() and not levels[40:80].any() and not levels[110:].any()
    np.testing.assert_array_equal(own_levels(HISTORY, say, 90), levels[:90])


def test_own_sound_lies_in_the_ticks_of_its_levels() -> None:
    pcm = own_pcm(HISTORY, say, 10 * 3_200)
    heard = pcm.reshape(10, 3_200).any(axis=1)
    assert pcm.dtype == np.float32 and np.flatnonzero(heard).tolist() == [2, 3, 8, 9]


def test_an_echo_comes_a_tick_and_its_delay_later() -> None:
    for delay_ms in (0, 60, 160):
        middle_db = echoed(-10.0, delay_ms)[:, 35]
        heard = np.flatnonzero(middle_db > -110)
        assert heard[0] == 20 + 10 + delay_ms // 20
        assert np.argmax(middle_db[:80]) >= heard[0] + 19  # loudest where the clip is, or in what the room adds


def test_an_echo_is_as_much_softer_as_asked() -> None:
    peaks = np.array([[echoed(gain, 0, seed)[:80, 35].max() for gain in (-30.0, -10.0)] for seed in range(30)])
    np.testing.assert_allclose(peaks[:, 1] - peaks[:, 0], 20.0, atol=0.1)
    assert abs(np.median(peaks[:, 1]) - (-41.0 - 10.0)) < 3.0


def test_the_generator_alone_decides_an_echo() -> None:
    np.testing.assert_array_equal(echoed(-10.0, 0, 1), echoed(-10.0, 0, 1))
    assert not np.array_equal(echoed(-10.0, 0, 1), echoed(-10.0, 0, 2))
