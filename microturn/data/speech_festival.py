"""The festival voices: one festival process for many lines, driven by Scheme over a pipe; waves go through a file."""

import atexit
import os
import subprocess
import tempfile
import threading
from functools import lru_cache
from pathlib import Path

import numpy as np

from microturn.data.speech import RawSpeech, Span, written_words

LINE_LIMIT_S = 60.0
_FESTIVAL_NAME = {"kal": "kal_diphone", "ked": "ked_diphone", "slt_hts": "cmu_us_slt_arctic_hts"}
_DONE = "microturn-done"
_DEFINITIONS = f"""
(define (microturn-select voice)
  (voice) (set! microturn-lr int_lr_params)
  (set! microturn-hts (if (boundp 'hts_engine_params) hts_engine_params nil)))
(define (microturn-prosody hts stretch rate pitch semitones)
  (if hts
    (set! hts_engine_params (append (list (list "-r" rate) (list "-fm" semitones)) microturn-hts))
    (begin
      (Parameter.set 'Duration_Stretch stretch)
      (set! int_lr_params
        (cons (list 'target_f0_mean (* pitch (cadr (assoc 'target_f0_mean microturn-lr)))) (cdr microturn-lr))))))
(define (microturn-say text path)
  (set! microturn-utt (utt.synth (eval (list 'Utterance 'Text text))))
  (utt.save.wave microturn-utt path 'riff)
  (format t "voice %s\\n" current-voice)
  (mapcar
    (lambda (token)
      (format t "word")
      (mapcar
        (lambda (w) (format t " %f %f" (item.feat w 'word_start) (item.feat w 'word_end)))
        (item.daughters token))
      (format t "\\n"))
    (utt.relation.items microturn-utt 'Token))
  (format t "{_DONE}\\n") (fflush nil))
"""


class _Festival:
    """One running festival and the file it writes its waves to; `close` ends both."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="microturn-festival-")
        self._wave = Path(self._folder.name) / "line.wav"
        self._process = subprocess.Popen(
            ["festival", "--pipe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="ascii",
        )
        self._selected = ""
        self._write(_DEFINITIONS)

    def _write(self, scheme: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(scheme + "\n")
        self._process.stdin.flush()

    def speak(self, name: str, text: str, rate: float, pitch: float) -> RawSpeech:
        if name != self._selected:
            self._write(f"(microturn-select voice_{_FESTIVAL_NAME[name]})")
            self._selected = name
        hts, semitones = "t" if name == "slt_hts" else "nil", 12.0 * np.log2(pitch)
        self._write(f"(microturn-prosody {hts} {1.0 / rate:.4f} {rate:.4f} {pitch:.4f} {semitones:.3f})")
        self._write(f'(microturn-say "{text}" "{self._wave}")')
        times = self._read_times(name, text)
        if len(times) != len(written_words(text)):
            raise OSError(f"festival voice {name!r} gave {len(times)} word times for {text!r}")
        pcm, sample_rate_hz = _read_wave(self._wave)
        spans = tuple(
            Span(word, start_s, end_s) for word, (start_s, end_s) in zip(written_words(text), times, strict=True)
        )
        return RawSpeech(pcm, sample_rate_hz, spans)

    def _read_times(self, name: str, text: str) -> list[tuple[float, float]]:
        assert self._process.stdout is not None
        times = []
        limit = threading.Timer(LINE_LIMIT_S, self._process.kill)
        limit.start()
        try:
            for row in self._process.stdout:
                if row.startswith(_DONE):
                    return times
                if row.startswith("voice") and row.split()[1] != _FESTIVAL_NAME[name]:
                    raise OSError(f"festival has no voice {_FESTIVAL_NAME[name]}")
                numbers = [float(number) for number in row.split()[1:]] if row.startswith("word") else []
                if numbers:
                    times.append((numbers[0], max(numbers[1::2])))
        finally:
            limit.cancel()
        raise OSError(f"festival ended while voice {name!r} said {text!r}: is the voice installed?")

    def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()
        self._folder.cleanup()


def _read_wave(path: Path) -> tuple[np.ndarray, int]:
    data = path.read_bytes()
    sample_rate_hz = int.from_bytes(data[24:28], "little")
    samples = np.frombuffer(data, "<i2", offset=44)
    return samples.astype(np.float32) / 32768.0, sample_rate_hz


@lru_cache(maxsize=1)
def _festival(process_id: int) -> _Festival:
    """The festival of this process; a forked child gets its own."""
    festival = _Festival()
    atexit.register(festival.close)
    return festival


def load() -> None:
    """Start festival; OSError where it is not installed."""
    _festival(os.getpid())


def speak(name: str, text: str, rate: float, pitch: float) -> RawSpeech:
    """Say `text` with voice `name` (kal, ked, slt_hts)."""
    festival = _festival(os.getpid())
    try:
        return festival.speak(name, text, rate, pitch)
    except OSError:
        _festival.cache_clear()
        festival.close()
        raise
