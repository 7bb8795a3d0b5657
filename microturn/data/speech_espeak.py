"""The espeak-ng voices, in process through ctypes on libespeak-ng: sound, and word times from its events."""

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_int, c_short, c_uint, c_void_p
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from microturn.data.speech import RawSpeech, Span, seed_c_noise, written_words

_SYNCHRONOUS, _WITH_PHONEMES = 2, 1
_RATE, _PITCH = 1, 3
_WORD_EVENT, _PHONEME_EVENT = 1, 7
_UTF8, _POS_CHARACTER = 1, 1
_WORDS_PER_MINUTE = 165


class _Event(Structure):
    _fields_ = (
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", ctypes.c_char * 8),
    )


_CALLBACK = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


class Timing(NamedTuple):
    """What espeak-ng said about time: (text position, first sample) of word events, first samples of pauses."""

    words: list[tuple[int, int]]
    pauses: list[int]
    n_samples: int


class _Espeak:
    """The one espeak-ng of this process: its library is a global, so this owns it. Not for threads."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.sample_rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _WITH_PHONEMES)
        if self.sample_rate_hz < 0:
            raise OSError("espeak-ng did not start: its data is missing")
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)
        self._blocks: list[np.ndarray] = []
        self._words: list[tuple[int, int]] = []
        self._pauses: list[int] = []

    def _receive(self, samples: "ctypes._Pointer[c_short]", n_samples: int, events: "ctypes._Pointer[_Event]") -> int:
        if samples and n_samples > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, (n_samples,)).copy())
        i = 0
        while events[i].type != 0:
            if events[i].type == _WORD_EVENT:
                self._words.append((events[i].text_position - 1, events[i].sample))
            elif events[i].type == _PHONEME_EVENT and events[i].id.startswith(b"_"):
                self._pauses.append(events[i].sample)
            i += 1
        return 0

    def speak(self, name: str, text: str, rate: float, pitch: float) -> tuple[np.ndarray, Timing]:
        """int16 [N] and its timing."""
        if self._library.espeak_SetVoiceByName(name.encode("ascii")) != 0:
            raise OSError(f"espeak-ng has no voice {name!r}")
        self._library.espeak_SetParameter(_RATE, round(_WORDS_PER_MINUTE * rate), 0)
        self._library.espeak_SetParameter(_PITCH, round(np.clip(50 + 50 * np.log2(pitch), 0, 99)), 0)
        self._blocks, self._words, self._pauses = [], [], []
        seed_c_noise()
        raw = text.encode("utf-8") + b"\0"
        self._library.espeak_Synth(c_char_p(raw), ctypes.c_size_t(len(raw)), 0, _POS_CHARACTER, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = np.concatenate(self._blocks or [np.zeros(0, np.int16)])
        return samples, Timing(self._words, self._pauses, len(samples))


@lru_cache(maxsize=1)
def _espeak() -> _Espeak:
    return _Espeak()


def load() -> None:
    """Open the library; OSError where it is not installed."""
    _espeak()


def speak(name: str, text: str, rate: float, pitch: float) -> RawSpeech:
    """Say `text` with voice `name` (such as en-us+f3).

    Not quite repeatable: the library carries its glottal phase, and the echo of some variants, from line to line, which
    moves samples by a millisecond and, with echo, adds up to 40 ms of faint sound before the first word.
    """
    espeak = _espeak()
    samples, timing = espeak.speak(name, text, rate, pitch)
    spans = spans_of_timing(text, timing, espeak.sample_rate_hz)
    return RawSpeech(samples.astype(np.float32) / 32768.0, espeak.sample_rate_hz, spans)


def spans_of_timing(text: str, timing: Timing, sample_rate_hz: int) -> tuple[Span, ...]:
    """Word spans in seconds.

    An event may cover several written words ("there was"): they share its time by their number of letters.
    Its time ends at the first pause after it, or where the next event begins, or with the sound.
    """
    words = written_words(text)
    groups = _groups(text, words, timing)
    spans: list[Span] = []
    for g, (begin, group) in enumerate(groups):
        following = groups[g + 1][0] if g + 1 < len(groups) else timing.n_samples
        end = next((pause for pause in timing.pauses if begin < pause < following), following)
        letters = np.cumsum([0] + [len(words[w]) for w in group])
        edges_s = ((begin + (end - begin) * letters / letters[-1]) / sample_rate_hz).tolist()
        spans += [Span(words[w], edges_s[i], edges_s[i + 1]) for i, w in enumerate(group)]
    return tuple(spans)


def _groups(text: str, words: tuple[str, ...], timing: Timing) -> list[tuple[int, list[int]]]:
    """(first sample, indices of the written words) of each word event that owns any; a word belongs to the last event
    whose text position is not behind it."""
    first_sample_of: dict[int, int] = {}
    for position, sample in timing.words:
        first_sample_of.setdefault(position, sample)
    owned: dict[int, list[int]] = {}
    for w, start in enumerate(_word_starts(text, words)):
        at = max((p for p in first_sample_of if p < start + len(words[w])), default=min(first_sample_of, default=0))
        owned.setdefault(at, []).append(w)
    return [(first_sample_of.get(position, 0), group) for position, group in sorted(owned.items())]


def _word_starts(text: str, words: tuple[str, ...]) -> list[int]:
    starts, position = [], 0
    for word in words:
        position = text.index(word, position)
        starts.append(position)
        position += len(word)
    return starts
