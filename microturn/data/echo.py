"""The agent's own sound in a stream: what it produced, tick by tick, and what of it the user's microphone hears.

Shapes: F mel frames (20 ms, ten a tick), C channels, N samples at 16 kHz.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from microturn.core.clock import CHUNK_SAMPLES, TICK_MS
from microturn.data.agent import AgentClip
from microturn.data.history import History
from microturn.data.tone import add_at, loudspeaker_curve, room_taps, smeared, smooth_curve, to_power
from microturn.media.mel import MelConfig, quantize

FRAME_MS = 20
FRAMES_PER_TICK = TICK_MS // FRAME_MS
ROOM_LOSS_DB = (9.0, 22.0)
EQ_DB = 5.0
UNSTEADY_DB = 1.5
LAST_LEVEL = MelConfig().n_levels - 1

Say = Callable[[str], AgentClip]


class _Sounding(NamedTuple):
    """What is heard of a saying, from frame `at` on: mel_db float32 [F, C]."""

    at: int
    mel_db: np.ndarray


def _soundings(history: History, say: Say) -> Iterator[_Sounding]:
    for saying in history.said:
        if saying.ticks:
            yield _Sounding(saying.tick * FRAMES_PER_TICK, say(saying.text).mel_db[: saying.ticks * FRAMES_PER_TICK])


def own_levels(history: History, say: Say, frames: int, mel: MelConfig = MelConfig()) -> np.ndarray:
    """The dMel of the agent's own voice: uint8 [frames, C], lowest levels where it is silent."""
    levels = np.zeros((frames, mel.n_mels), np.uint8)
    for sounding in _soundings(history, say):
        place = levels[sounding.at : sounding.at + len(sounding.mel_db)]
        place[:] = quantize(sounding.mel_db[: len(place)], mel)
    return levels


def roughened(own_FC: np.ndarray, rng: np.random.Generator, most: float, drop_share: float) -> np.ndarray:
    """Levels as another voice saying the same might give them: uint8 [F, C]; what is silent stays so.

    In training the agent hears clips of the voice that its own was learnt from, in sessions its own, which differs
    by a level or two (docs/decisions/0023). Each stretch of sound is up to `most` levels louder or softer and as much
    tilted, every number strays, and `drop_share` of the ticks are not heard at all.
    """
    sounding_F = own_FC.any(1)
    if not sounding_F.any():
        return own_FC
    frames, channels = own_FC.shape
    starts_F = np.diff(sounding_F.astype(np.int8), prepend=0) == 1
    stretch_F = np.maximum(np.cumsum(starts_F) - 1, 0)
    shape = (int(stretch_F.max()) + 1, 1)
    slope = np.linspace(-1.0, 1.0, channels, dtype=np.float32)
    strength = rng.uniform(0.0, most, shape)
    off = (strength * rng.uniform(-1.0, 1.0, shape) + strength * rng.uniform(-1.0, 1.0, shape) * slope)[stretch_F]
    stray = 0.5 * strength[stretch_F] * rng.standard_normal((frames, channels), dtype=np.float32)
    levels = np.rint(own_FC + off + stray).clip(0, LAST_LEVEL)
    ticks_N = rng.random(-(-frames // FRAMES_PER_TICK)) < drop_share
    heard_F = sounding_F & ~np.repeat(ticks_N, FRAMES_PER_TICK)[:frames]
    return np.where(heard_F[:, None], levels, 0).astype(np.uint8)


def own_pcm(history: History, say: Say, samples: int) -> np.ndarray:
    """The same as sound: float32 [samples], zeros where it is silent; what is cut short ends with its tick."""
    pcm = np.zeros(samples, np.float32)
    for saying in history.said:
        if saying.ticks:
            place = pcm[saying.tick * CHUNK_SAMPLES :][: saying.ticks * CHUNK_SAMPLES]
            place[:] = say(saying.text).pcm[: len(place)]
    return pcm


def add_echo(
    power: np.ndarray,
    history: History,
    say: Say,
    rng: np.random.Generator,
    echo_db: tuple[float, float],
    delay_ms: tuple[int, int],
) -> None:
    """Add what comes back from a loudspeaker near the microphone to `power`, float32 [F, C], in place.

    echo_db: how loud, relative to the agent's own level; one draw, as is the place it stands in, about which it
    wavers. What is said in one tick is played in the next, and arrives `delay_ms` after that.
    """
    channels = power.shape[1]
    tone_db = smooth_curve(rng, channels, EQ_DB * rng.uniform(0.0, 1.0)) + loudspeaker_curve(rng, channels)
    tone_db += rng.uniform(*echo_db)
    room = room_taps(rng, ROOM_LOSS_DB)
    late = FRAMES_PER_TICK + int(rng.integers(delay_ms[0] // FRAME_MS, delay_ms[1] // FRAME_MS + 1))
    for sounding in _soundings(history, say):
        heard_db = sounding.mel_db + (tone_db + rng.normal(0.0, UNSTEADY_DB))
        add_at(power, smeared(to_power(heard_db), room), sounding.at + late)
