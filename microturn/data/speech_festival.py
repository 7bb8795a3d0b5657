"""The festival voices: one festival process for many lines, driven by Scheme over a pipe; word times from its Token relation."""

import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from microturn.data.speech import RawSpeech, Span, written_words

PACKAGES = {
    "kal": "festival festvox-kallpc16k",
    "ked": "festival festvox-kdlpc16k",
    "slt_hts": "festival festvox-us-slt-hts",
}
_SELECT = {"kal": "voice_kal_diphone", "ked": "voice_ked_diphone", "slt_hts": "voice_cmu_us_slt_arctic_hts"}
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
            self._write(f"(microturn-select {_SELECT[name]})")
            self._selected = name
        hts, semitones = "t" if name == "slt_hts" else "nil", 12.0 * np.log2(pitch)
        self._write(f"(microturn-prosody {hts} {1.0 / rate:.4f} {rate:.4f} {pitch:.4f} {semitones:.3f})")
        self._write(f'(microturn-say "{text}" "{self._wave}")')
        times = self._read_times(name, text)
        pcm, sample_rate_hz = _read_wave(self._wave)
        spans = tuple(
            Span(word, start_s, end_s) for word, (start_s, end_s) in zip(written_words(text), times, strict=True)
        )
        return RawSpeech(pcm, sample_rate_hz, spans)

    def _read_times(self, name: str, text: str) -> list[tuple[float, float]]:
        assert self._process.stdout is not None
        times = []
        for row in self._process.stdout:
            if row.startswith(_DONE):
                return times
            if row.startswith("word"):
                numbers = [float(number) for number in row.split()[1:]]
                if numbers:
                    times.append((numbers[0], max(numbers[1::2])))
        raise OSError(f"festival ended while voice {name!r} said {text!r}; needed: apt install {PACKAGES[name]}")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


def _read_wave(path: Path) -> tuple[np.ndarray, int]:
    data = path.read_bytes()
    sample_rate_hz = int.from_bytes(data[24:28], "little")
    samples = np.frombuffer(data, "<i2", offset=44)
    return samples.astype(np.float32) / 32768.0, sample_rate_hz


@lru_cache(maxsize=1)
def _festival() -> _Festival:
    return _Festival()


def load() -> None:
    """Start festival; OSError where it is not installed."""
    _festival()


def speak(name: str, text: str, rate: float, pitch: float) -> RawSpeech:
    """Say `text` with voice `name` (kal, ked, slt_hts)."""
    return _festival().speak(name, text, rate, pitch)
