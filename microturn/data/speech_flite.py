"""The flite voices, in process through ctypes on libflite: sound, and word times from its segments."""

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_short, c_void_p
from functools import lru_cache

import numpy as np

from microturn.data.speech import RawSpeech, Span, seed_c_noise, written_words

_F0_MEAN_HZ = {"kal16": 95.0}
_FIRST_SEGMENT = "R:SylStructure.daughter1.daughter1.R:Segment.p.end"
_LAST_SEGMENT = "R:SylStructure.daughtern.daughtern.R:Segment.end"


class _Wave(Structure):
    _fields_ = (
        ("type", c_char_p),
        ("sample_rate", c_int),
        ("num_samples", c_int),
        ("num_channels", c_int),
        ("samples", POINTER(c_short)),
    )


class _Voice(Structure):
    _fields_ = (("name", c_char_p), ("features", c_void_p))


_SIGNATURES = {
    "flite_init": (c_int, ()),
    "flite_synth_text": (c_void_p, (c_char_p, c_void_p)),
    "flite_feat_set_float": (None, (c_void_p, c_char_p, c_float)),
    "delete_utterance": (None, (c_void_p,)),
    "utt_wave": (POINTER(_Wave), (c_void_p,)),
    "utt_relation": (c_void_p, (c_void_p, c_char_p)),
    "relation_head": (c_void_p, (c_void_p,)),
    "item_next": (c_void_p, (c_void_p,)),
    "item_daughter": (c_void_p, (c_void_p,)),
    "item_last_daughter": (c_void_p, (c_void_p,)),
    "item_as": (c_void_p, (c_void_p, c_char_p)),
    "item_feat_string": (c_char_p, (c_void_p, c_char_p)),
    "flite_ffeature_float": (c_float, (c_void_p, c_char_p)),
}


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    flite = ctypes.CDLL("libflite.so.1")
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(flite, name)
        function.restype, function.argtypes = result, arguments
    flite.flite_init()
    return flite


@lru_cache(maxsize=8)
def _voice(name: str) -> int:
    _library()
    register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
    register.restype, register.argtypes = c_void_p, (c_char_p,)
    return register(None)


def load() -> None:
    """Open the library; OSError where it is not installed."""
    _voice("kal16")


def speak(name: str, text: str, rate: float, pitch: float) -> RawSpeech:
    """Say `text` with voice `name` (kal16, slt, rms)."""
    flite, voice = _library(), _voice(name)
    features = ctypes.cast(voice, POINTER(_Voice)).contents.features
    flite.flite_feat_set_float(features, b"duration_stretch", 1.0 / rate)
    if name in _F0_MEAN_HZ:
        flite.flite_feat_set_float(features, b"int_f0_target_mean", _F0_MEAN_HZ[name] * pitch)
    else:
        flite.flite_feat_set_float(features, b"f0_shift", pitch)
    seed_c_noise()
    utterance = flite.flite_synth_text(text.encode("ascii"), voice)
    try:
        wave = flite.utt_wave(utterance).contents
        samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,))
        pcm = samples.astype(np.float32) / 32768.0
        return RawSpeech(pcm, wave.sample_rate, _spans(flite, utterance, text))
    finally:
        flite.delete_utterance(utterance)


def _spans(flite: ctypes.CDLL, utterance: int, text: str) -> tuple[Span, ...]:
    spans = []
    token = flite.relation_head(flite.utt_relation(utterance, b"Token"))
    for word in written_words(text):
        first, last = flite.item_daughter(token), flite.item_last_daughter(token)
        start_s = flite.flite_ffeature_float(first, _FIRST_SEGMENT.encode())
        end_s = flite.flite_ffeature_float(last, _LAST_SEGMENT.encode())
        spans.append(Span(word, start_s, end_s))
        token = flite.item_next(token)
    return tuple(spans)
