"""Who speaks in the synthetic world, and `synthesize`: text in, tidy speech with exact word times out.

The synthesisers themselves live in speech_espeak, speech_flite and speech_festival; their common shape in speech.
Not here on purpose: flite `awb` and espeak-ng `klatt4`, `f2`, `m7`, which are kept for judging.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from microturn.core.errors import InputError, MissingDependency
from microturn.data import speech_espeak, speech_festival, speech_flite
from microturn.data.speech import RawSpeech, level, resample, trim, written_words

SPLITS = ("train", "val", "test")
GROUPS = ("synthetic", "natural")
AGENT_VOICE = "flite:rms"
AGENT_TRACT = (0.94, 1.06)
DEBIAN_PACKAGES = {
    "espeak": ("libespeak-ng1", "espeak-ng-data"),
    "flite": ("libflite1",),
    "festival": ("festival", "festvox-kallpc16k", "festvox-kdlpc16k", "festvox-us-slt-hts"),
}
# Written words that every engine would spell out letter by letter, and what it is asked to say instead.
SAID_AS = {"mm": "um", "hm": "hum"}
_WORD = re.compile(r"[a-z'\-]+")
_LINE = re.compile(r"{word}(,? +{word})*".format(word=r"['\-]*[a-z][a-z'\-]*"))


@dataclass(frozen=True)
class Voice:
    """One speaker. `id` is "engine:name"; `split` and `group` say who may hear it and what kind it is."""

    id: str
    engine: str
    name: str
    split: str
    group: str


@dataclass(frozen=True)
class Prosody:
    """How it is said: `rate` > 1 is faster; `pitch` scales f0 (no effect on flite:rms and festival:slt_hts, which
    cannot); `tract` resamples, so it scales formants, f0 and speed together."""

    rate: float = 1.0
    pitch: float = 1.0
    tract: float = 1.0


@dataclass(frozen=True)
class WordTime:
    """A word and where its sound begins and ends, in milliseconds from the clip's first sample."""

    word: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Clip:
    """pcm: float32 [N] at 16 kHz, -26 dBFS while it sounds, about 30 ms before and 60 ms after the sound."""

    pcm: np.ndarray
    words: tuple[WordTime, ...]


def synthesize(voice: Voice, text: str, prosody: Prosody = Prosody()) -> Clip:
    """Say one line. `text`: lower-case words of letters and apostrophes, commas where the voice should pause.

    flite and festival repeat themselves exactly, espeak-ng nearly (see speech_espeak). Raises InputError for other
    text, MissingDependency where the engine or the voice is not installed.
    """
    if not _LINE.fullmatch(text):
        raise InputError("a line that cannot be said", voice.id, text, "lower-case words with single commas between")
    speak = _load(voice.engine)
    try:
        raw = speak(voice.name, _sounding(text), prosody.rate, prosody.pitch)
    except OSError as error:
        raise _missing(voice.engine, error) from error
    speech = level(trim(resample(raw, prosody.tract)))
    timed = zip(written_words(text), speech.spans, strict=True)
    words = tuple(WordTime(word, round(start * 1000), round(end * 1000)) for word, (_, start, end) in timed)
    return Clip(speech.pcm, words)


def _sounding(text: str) -> str:
    return _WORD.sub(lambda word: SAID_AS.get(word[0], word[0]), text)


def voices(split: str, group: str | None = None) -> tuple[Voice, ...]:
    """All voices of a split, of one group if given. There is no natural voice for validation."""
    if split not in SPLITS or group not in (*GROUPS, None):
        raise InputError("no such set of voices", "voices", (split, group), f"one of {SPLITS} and {GROUPS}")
    return tuple(v for v in ALL_VOICES if v.split == split and group in (None, v.group))


def voice(voice_id: str) -> Voice:
    """The voice with this id."""
    for candidate in ALL_VOICES:
        if candidate.id == voice_id:
            return candidate
    near = ", ".join(v.id for v in ALL_VOICES if v.engine == voice_id.split(":")[0]) or "flite:slt, espeak:en-us, ..."
    raise InputError("no such voice", "voice", voice_id, f"one of {near}")


def fits_user(voice: Voice, prosody: Prosody) -> bool:
    """Whether a user may sound like this: the agent's own voice may not, unless its vocal tract is changed."""
    low, high = AGENT_TRACT
    return voice.id != AGENT_VOICE or not low <= prosody.tract <= high


def available_engines() -> dict[str, str]:
    """Engine name to "" where it works here, else to the line that says what to install."""
    troubles = {}
    for engine in _ENGINES:
        try:
            _load(engine)
            troubles[engine] = ""
        except MissingDependency as missing:
            troubles[engine] = str(missing)
    return troubles


_Speak = Callable[[str, str, float, float], RawSpeech]
_ENGINES = {"espeak": speech_espeak, "flite": speech_flite, "festival": speech_festival}


@lru_cache(maxsize=8)
def _load(engine: str) -> _Speak:
    try:
        _ENGINES[engine].load()
    except OSError as error:
        raise _missing(engine, error) from error
    return _ENGINES[engine].speak


def _missing(engine: str, error: OSError) -> MissingDependency:
    install = "apt install " + " ".join(DEBIAN_PACKAGES[engine])
    return MissingDependency(f"{engine} ({error})", f"speaking with the voices of {engine}", install)


_ESPEAK = {
    "train": """en-us en en-gb-scotland en-029+m3 en-us+m1 en-us+m2 en+m6 en-us+m8 en-us+f1 en+f3 en-us+f4 en-us+f5
        en-us+klatt en+klatt2 en-us+Denis en-us+Michael en-us+Nguyen en-us+Gene en+Diogo en-us+iven en-us+steph
        en-us+ed en+robert en-us+max en-us+grandma en-us+Andrea en-gb-x-gbcwmd+quincy en-us+marcelo""",
    "val": "en-us+belinda en-us+Mario en-us+klatt5",
    "test": "en-us+Annie en-us+shelby en-us+travis en-us+m4 en-us+klatt3",
}
_NATURAL = {
    "train": "flite:kal16 flite:slt flite:rms festival:kal festival:slt_hts",
    "test": "festival:ked",
}


def _natural(split: str, voice_id: str) -> Voice:
    engine, name = voice_id.split(":")
    return Voice(voice_id, engine, name, split, "natural")


ALL_VOICES: tuple[Voice, ...] = tuple(
    Voice(f"espeak:{name}", "espeak", name, split, "synthetic")
    for split, names in _ESPEAK.items()
    for name in names.split()
) + tuple(_natural(split, voice_id) for split, ids in _NATURAL.items() for voice_id in ids.split())
