"""Ways to sound a text that the model never trained on: how near the agent's own voice, and how fast.

Every way gets the mel frames of the agent's clip of a held-out line: exact, or rounded to the front end's 16 levels.
The vocoder streams, a tick at a time. `words %` is the word error of a recogniser, where pocketsphinx is installed.
"""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ
from microturn.data.agent import AgentClip, AgentVoice
from microturn.data.scenarios import all_lines
from microturn.eval.sound import border_ratio, log_spectral_distance_db, mel_error_db
from microturn.media.mel import MelConfig, dequantize, quantize
from microturn.model.griffin_lim import griffin_lim
from microturn.model.vocoder import Vocoder, VocoderConfig, load_vocoder

ROOT = Path(__file__).parents[1]
COLUMNS = ("spectrum_db", "mel_db", "border", "words_percent", "real_time")
HEADS = ("spectrum dB", "mel dB", "border", "words %", "x real time")


class Way(NamedTuple):
    """One way to sound: mel float32 [F, C] in dB to float32 [N], and by how many samples that is late."""

    sound: Callable[[torch.Tensor], torch.Tensor]
    delay_samples: int
    rounded: bool = False


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    vocoder = load_vocoder(options.vocoder) if options.vocoder else Vocoder(VocoderConfig()).eval()
    texts = held_out(options.texts)
    agent = AgentVoice()
    clips = [agent.say(text) for text in texts]
    recogniser = None if options.no_words else make_recogniser()
    rows = {name: row(way, clips, texts, recogniser) for name, way in ways(vocoder).items()}
    original = [clip.pcm for clip in clips]
    rows["original"] = {"words_percent": word_error_percent(original, texts, recogniser), "border": borders(original)}
    report = {
        "ways": rows,
        "speed_ratio": round(rows["vocoder"]["real_time"] / rows["griffin-lim"]["real_time"], 2),
        "texts": len(texts),
        "sound_s": round(sum(len(pcm) for pcm in original) / SAMPLE_RATE_HZ, 1),
        "vocoder": {
            "weights": options.vocoder.name if options.vocoder else "random",
            "parameters": sum(p.numel() for p in vocoder.parameters()),
            "delay_ms": 1_000 * vocoder.config.delay_samples / SAMPLE_RATE_HZ,
        },
        "machine": machine(),
        "commit": commit(),
        "command": shlex.join(["python", "benchmarks/voice.py", *sys.argv[1:]]),
    }
    print(json.dumps(report) if options.json else table(report))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--vocoder", type=Path, help="a vocoder.safetensors (default: random weights)")
    parser.add_argument("--texts", type=int, default=60, help="held-out lines to say (default 60)")
    parser.add_argument("--no-words", action="store_true", help="without the recogniser")
    return parser.parse_args()


def ways(vocoder: Vocoder) -> dict[str, Way]:
    """What is compared. The flow head and its twin without evaluations will stand here too, on predicted mel."""

    def streamed(mel_FC: torch.Tensor) -> torch.Tensor:
        return in_ticks(vocoder, mel_FC)

    delay = vocoder.config.delay_samples
    return {
        "vocoder": Way(streamed, delay),
        "vocoder, levels": Way(streamed, delay, rounded=True),
        "griffin-lim": Way(griffin_lim, 0),
        "griffin-lim, levels": Way(griffin_lim, 0, rounded=True),
    }


@torch.no_grad()
def in_ticks(vocoder: Vocoder, mel_FC: torch.Tensor) -> torch.Tensor:
    """As the engine does it: a block of 200 ms at a time."""
    state, blocks = vocoder.begin(), []
    for block_FC in mel_FC.split(CHUNK_SAMPLES // MelConfig().hop_samples):
        pcm, state = vocoder.step(block_FC, state)
        blocks.append(pcm)
    return torch.cat(blocks)


def held_out(count: int) -> list[str]:
    """Lines of the test split, spread evenly over it."""
    lines = list(all_lines("test"))
    return lines[:: max(1, len(lines) // count)][:count]


def row(way: Way, clips: Sequence[AgentClip], texts: Sequence[str], recogniser: Any) -> dict[str, Any]:
    """The figures of one way, over all clips."""
    mels = [torch.from_numpy(dequantize(quantize(c.mel_db)) if way.rounded else c.mel_db) for c in clips]
    way.sound(mels[0])
    began_s = time.perf_counter()
    late = [way.sound(mel_FC).numpy() for mel_FC in mels]
    took_s = time.perf_counter() - began_s
    said = [np.append(pcm[way.delay_samples :], np.zeros(way.delay_samples, np.float32)) for pcm in late]
    pairs = list(zip(said, (clip.pcm for clip in clips), strict=True))
    return {
        "spectrum_db": round(float(np.mean([log_spectral_distance_db(a, b) for a, b in pairs])), 2),
        "mel_db": round(float(np.mean([mel_error_db(a, b) for a, b in pairs])), 2),
        "border": borders(late),
        "words_percent": word_error_percent(said, texts, recogniser),
        "real_time": round(sum(len(pcm) for pcm in late) / SAMPLE_RATE_HZ / took_s, 1),
    }


def borders(sounds: Sequence[np.ndarray]) -> float:
    """`border_ratio` over clips of any length, weighed by their blocks."""
    long = [pcm for pcm in sounds if len(pcm) > CHUNK_SAMPLES]
    return round(float(np.average([border_ratio(pcm) for pcm in long], weights=[len(pcm) for pcm in long])), 2)


def make_recogniser() -> Any:
    """A general English recogniser, or None where there is none."""
    try:
        from pocketsphinx import Decoder
    except ImportError:
        return None
    return Decoder(samprate=SAMPLE_RATE_HZ, loglevel="FATAL")


def word_error_percent(sounds: Sequence[np.ndarray], texts: Sequence[str], recogniser: Any) -> float | None:
    """Wrong, missing and added words, as a share of the right ones."""
    if recogniser is None:
        return None
    wrong = total = 0
    for pcm, text in zip(sounds, texts, strict=True):
        right = text.replace(",", "").split()
        wrong += edit_distance(heard(pcm, recogniser), right)
        total += len(right)
    return round(100.0 * wrong / total, 1)


def heard(pcm: np.ndarray, recogniser: Any) -> list[str]:
    """Words of a sound, which gets 200 ms of faint noise before and after, as recognisers expect."""
    noise = np.random.default_rng(0).normal(0.0, 1e-4, len(pcm) + 2 * CHUNK_SAMPLES).astype(np.float32)
    noise[CHUNK_SAMPLES:-CHUNK_SAMPLES] += pcm
    recogniser.start_utt()
    recogniser.process_raw((np.clip(noise, -1.0, 1.0) * 32_767).astype(np.int16).tobytes(), full_utt=True)
    recogniser.end_utt()
    hypothesis = recogniser.hyp()
    return hypothesis.hypstr.split() if hypothesis else []


def edit_distance(said: Sequence[str], right: Sequence[str]) -> int:
    """Levenshtein's, in words."""
    row = list(range(len(right) + 1))
    for i, word in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, wanted in enumerate(right, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != wanted))
    return row[-1]


def machine() -> dict[str, Any]:
    """Where this ran, and how busy it was with other things."""
    return {
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
    }


def commit() -> str:
    """Short commit of the code, with a plus where files differ from it."""
    try:
        described = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(described, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def table(report: dict[str, Any]) -> str:
    lines = [f"{'way':<22}" + "".join(f"{head:>13}" for head in HEADS)]
    for name, figures in report["ways"].items():
        shown = ("-" if figures.get(column) is None else figures[column] for column in COLUMNS)
        lines.append(f"{name:<22}" + "".join(f"{value:>13}" for value in shown))
    model, place = report["vocoder"], report["machine"]
    lines += [
        f"speed      the vocoder is {report['speed_ratio']} times as fast as Griffin-Lim, on one thread",
        f"vocoder    {model['weights']}, {model['parameters'] / 1e6:.2f} M, {model['delay_ms']:.0f} ms late",
        f"texts      {report['texts']} held-out lines, {report['sound_s']} s",
        f"machine    {place['cpu']}, one of {place['cores']} cores, load {place['load_1min']}",
        f"commit     {report['commit']}",
        f"command    {report['command']}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
