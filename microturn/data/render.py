"""A script as sound: its lines synthesised, placed, degraded, mixed, labelled. The fast mel-domain twin is mixture.py.

Shapes: N samples at 16 kHz.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np

from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.core.errors import InputError
from microturn.core.wav import to_float, to_int16
from microturn.data import degrade
from microturn.data.agent import agent_voice
from microturn.data.oracle import Expect, oracle
from microturn.data.scenarios import chat
from microturn.data.script import PlainWord, Script, Spoken, TimedWord, staged
from microturn.data.sight.film import Film
from microturn.data.sight.play import Staged, seen
from microturn.data.speech import SPEECH_LEVEL_DB
from microturn.data.splits import Split
from microturn.data.voices import Clip, Prosody, Voice, fits_user, synthesize, voices

FRAME_MS = 20
MIN_REST_MS = 3_000
BABBLE_VOICES = 3
COLORS = tuple(color for color in get_args(degrade.NoiseColor) if color != "babble")


@dataclass(frozen=True)
class RenderConfig:
    """How wide the world is. Ranges are uniform draws; shares are probabilities, each drawn once a session.

    `far_db` and `tv_db` say how much softer another person and a television are; levels of noise are relative to the
    user's speech. `spoken`: the agent is one that sounds, so its texts take their time; its sound is not in this one.
    """

    gain_db: tuple[float, float] = (-12.0, 6.0)
    eq_db: float = 4.0
    room_share: float = 0.5
    rt60_s: tuple[float, float] = (0.15, 0.6)
    direct_db: tuple[float, float] = (3.0, 15.0)
    far_db: tuple[float, float] = (2.0, 10.0)
    tv_db: tuple[float, float] = (4.0, 14.0)
    noise_share: float = 0.8
    snr_db: tuple[float, float] = (10.0, 40.0)
    babble_share: float = 0.15
    babble_snr_db: tuple[float, float] = (14.0, 28.0)
    telephone_share: float = 0.05
    spoken: bool = False


def clean() -> RenderConfig:
    """Nothing between mouth and ear; others are as loud as the user."""
    none = (0.0, 0.0)
    return RenderConfig(
        gain_db=none, eq_db=0.0, room_share=0.0, far_db=none, tv_db=none,
        noise_share=0.0, babble_share=0.0, telephone_share=0.0,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Rendered:
    """pcm: float32 [N], whole ticks, values that 16 bits hold; spoken: absolute word times; expects: the labels.

    film: the camera's frame of a tick, None where nothing is shown.
    """

    pcm: np.ndarray
    spoken: tuple[Spoken, ...]
    expects: tuple[Expect, ...]
    end_ms: int
    film: Film | None = None


class _Sound(NamedTuple):
    """A clip in the session's time."""

    speaker: str
    start_ms: int
    clip: Clip


def render(
    script: Script, voice: Voice, prosody: Prosody, rng: np.random.Generator, config: RenderConfig = RenderConfig()
) -> Rendered:
    """Let `voice` speak the user's lines and another voice of its split the others'; decided by `rng` alone.

    With voices of espeak the sound repeats but for the hair's breadth that speech_espeak tells of, with others exactly.
    The session ends `tail_ms` after the last word, and not before 3 s after the last thing expected by then was begun
    (was said, where the agent sounds).
    """
    stranger = _stranger(voice, rng)
    sounds = _placed(script, voice, prosody, stranger)
    lines = zip(sounds, script.lines, strict=True)
    spoken = tuple(Spoken(sound.speaker, line, _words(sound)) for sound, line in lines)
    length = _length(config.spoken)
    end_ms = _end_ms(script, spoken, length)
    pcm = _mixed(sounds, voice, end_ms, rng, config)
    return _labelled(script, to_float(to_int16(pcm)), spoken, end_ms, length)


def relabelled(script: Script, words: Sequence[Sequence[TimedWord]], pcm: np.ndarray, aloud: bool = False) -> Rendered:
    """What `render` gave, from its sound and the word times of each line: labels are never stored.

    aloud: whether the agent is one that sounds (`RenderConfig.spoken`).
    """
    spoken = tuple(Spoken(line.speaker, line, tuple(timed)) for line, timed in zip(script.lines, words, strict=True))
    return _labelled(script, pcm, spoken, len(pcm) // CHUNK_SAMPLES * TICK_MS, _length(aloud))


def _labelled(
    script: Script, pcm: np.ndarray, spoken: tuple[Spoken, ...], end_ms: int, length: Callable[[str], int] | None
) -> Rendered:
    shots = _staged(script, spoken, end_ms)
    expects = tuple(oracle(spoken, end_ms, length, seen(shots)))
    return Rendered(pcm, spoken, expects, end_ms, Film(shots) if shots else None)


def _staged(script: Script, spoken: Sequence[Spoken], end_ms: int) -> tuple[Staged, ...]:
    return staged(script, [said.words[-1].end_ms for said in spoken], 0, end_ms)


def _length(aloud: bool) -> Callable[[str], int] | None:
    return agent_voice().ticks if aloud else None


def _stranger(voice: Voice, rng: np.random.Generator) -> Voice:
    others = [v for v in voices(voice.split) if v.id != voice.id and fits_user(v, Prosody())]
    return others[int(rng.integers(len(others)))]


def _placed(script: Script, voice: Voice, prosody: Prosody, stranger: Voice) -> list[_Sound]:
    if not script.lines:
        raise InputError("a script without lines", "render", repr(script.skill), "at least one line")
    now_ms, sounds = 0, []
    for line in script.lines:
        of_user = line.speaker == "user"
        clip = synthesize(voice if of_user else stranger, line.text, prosody if of_user else Prosody())
        start_ms = (now_ms + line.gap_ms) // FRAME_MS * FRAME_MS
        sounds.append(_Sound(line.speaker, start_ms, clip))
        now_ms = start_ms + clip.words[-1].end_ms
    return sounds


def _words(sound: _Sound) -> tuple[PlainWord, ...]:
    at_ms = sound.start_ms
    return tuple(PlainWord(w.word, at_ms + w.start_ms, at_ms + w.end_ms) for w in sound.clip.words)


def _end_ms(script: Script, spoken: Sequence[Spoken], length: Callable[[str], int] | None) -> int:
    end_ms = spoken[-1].words[-1].end_ms + script.tail_ms
    expects = oracle(spoken, end_ms, length, seen(_staged(script, spoken, end_ms)))
    if expects:
        last = expects[-1]
        sounds = length(last.text) if length else 0
        end_ms = max(end_ms, (last.cut or last.tick + sounds) * TICK_MS + MIN_REST_MS)
    return -(-end_ms // TICK_MS) * TICK_MS


def _mixed(
    sounds: Sequence[_Sound], voice: Voice, end_ms: int, rng: np.random.Generator, config: RenderConfig
) -> np.ndarray:
    gain_db = rng.uniform(*config.gain_db)
    pcm = _colored(_track(sounds, "user", end_ms), rng, config, rng.random() < config.room_share)
    for speaker, softer_db in (("other", config.far_db), ("tv", config.tv_db)):
        track = _track(sounds, speaker, end_ms)
        if track.any():
            far = _colored(track, rng, config, config.room_share > 0)
            pcm = pcm + degrade.gain(far, -rng.uniform(*softer_db))
    level_db = SPEECH_LEVEL_DB - rng.uniform(*config.snr_db)
    if rng.random() < config.noise_share:
        color = COLORS[int(rng.integers(len(COLORS)))]
        pcm = degrade.add_noise(pcm, rng, color, level_db)
    if rng.random() < config.babble_share:
        level_db = SPEECH_LEVEL_DB - rng.uniform(*config.babble_snr_db)
        pcm = degrade.add_noise(pcm, rng, "babble", level_db, _babble(voice, rng))
    pcm = degrade.gain(pcm, gain_db)
    return degrade.codec_8k(pcm) if rng.random() < config.telephone_share else pcm


def _track(sounds: Sequence[_Sound], speaker: str, end_ms: int) -> np.ndarray:
    """All clips of one speaker at their places, float32 [N]."""
    pcm = np.zeros(end_ms * SAMPLE_RATE_HZ // 1000, np.float32)
    for sound in sounds:
        if sound.speaker == speaker:
            at = sound.start_ms * SAMPLE_RATE_HZ // 1000
            fits = sound.clip.pcm[: len(pcm) - at]
            pcm[at : at + len(fits)] += fits
    return pcm


def _colored(pcm: np.ndarray, rng: np.random.Generator, config: RenderConfig, in_room: bool) -> np.ndarray:
    if config.eq_db > 0:
        pcm = degrade.eq(pcm, rng, config.eq_db * rng.random())
    if in_room:
        pcm = degrade.room(pcm, rng, rng.uniform(*config.rt60_s), rng.uniform(*config.direct_db))
    return pcm


def _babble(voice: Voice, rng: np.random.Generator) -> list[np.ndarray]:
    """Small talk of strangers from the user's split."""
    split: Split = voice.split  # type: ignore[assignment]  # voices checks it
    lines = chat.phrases_of(split)
    texts = [lines[int(rng.integers(len(lines)))].text for _ in range(BABBLE_VOICES)]
    return [synthesize(_stranger(voice, rng), text).pcm for text in texts]
