"""The vocoder and Griffin-Lim on lines that it never trained on: how near the agent's own voice, and how fast.

Every way gets the mel frames of the agent's clip of a held-out line: exact, or rounded to the front end's 16 levels.
The vocoder streams, a tick at a time. `pitch dB`: how far the pitch stands out, which hoarseness lowers. `words %`: the
word error of a recogniser, where pocketsphinx is installed.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ
from microturn.core.errors import MissingDependency
from microturn.core.provenance import provenance
from microturn.data.agent import AgentClip, AgentVoice
from microturn.data.scenarios import all_lines
from microturn.eval.sound import border_ratio, log_spectral_distance_db, mel_error_db, prominence_db
from microturn.eval.speech import Recogniser, WorldRecogniser, spoken_word_error
from microturn.media.mel import MelConfig, dequantize, quantize
from microturn.model.checkpoint import load_checkpoint
from microturn.model.griffin_lim import griffin_lim
from microturn.model.vocoder import Vocoder, load_vocoder

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "microturn/weights/tiny.safetensors"
COLUMNS = ("spectrum_db", "mel_db", "prominence_db", "border", "words_percent", "real_time")
HEADS = ("spectrum dB", "mel dB", "pitch dB", "border", "words %", "x real time")


class Way(NamedTuple):
    """One way to sound: mel float32 [F, C] in dB to float32 [N], and by how many samples that is late."""

    sound: Callable[[torch.Tensor], torch.Tensor]
    delay_samples: int
    rounded: bool = False


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    vocoder = load_vocoder(options.vocoder) if options.vocoder else shipped_vocoder()
    texts = held_out(options.texts)
    agent = AgentVoice()
    clips = [agent.say(text) for text in texts]
    recogniser = None if options.no_words else listener()
    rows = {name: row(way, clips, texts, recogniser) for name, way in ways(vocoder).items()}
    original = [clip.pcm for clip in clips]
    rows["original"] = {
        "prominence_db": prominence([(pcm, pcm) for pcm in original]),
        "border": borders(original),
        "words_percent": words_percent(original, texts, recogniser),
    }
    report = {
        "ways": rows,
        "speed_ratio": round(rows["vocoder"]["real_time"] / rows["griffin-lim"]["real_time"], 2),
        "texts": len(texts),
        "sound_s": round(sum(len(pcm) for pcm in original) / SAMPLE_RATE_HZ, 1),
        "vocoder": {
            "weights": options.vocoder.name if options.vocoder else SHIPPED.name,
            "parameters": sum(p.numel() for p in vocoder.parameters()),
            "delay_ms": 1_000 * vocoder.config.delay_samples / SAMPLE_RATE_HZ,
        },
        **provenance("python benchmarks/vocoder.py"),
    }
    print(json.dumps(report) if options.json else table(report))


def shipped_vocoder() -> Vocoder:
    voice = load_checkpoint(SHIPPED).model.voice
    assert voice is not None
    return voice.vocoder


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--vocoder", type=Path, help="a vocoder.safetensors (default: the shipped one)")
    parser.add_argument("--texts", type=int, default=60, help="held-out lines to say (default 60)")
    parser.add_argument("--no-words", action="store_true", help="without the recogniser")
    return parser.parse_args()


def ways(vocoder: Vocoder) -> dict[str, Way]:
    """What is compared, on mel that nothing predicted; `benchmarks/speaking.py` compares what predicts it."""

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


def row(way: Way, clips: Sequence[AgentClip], texts: Sequence[str], recogniser: Recogniser | None) -> dict[str, Any]:
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
        "prominence_db": prominence(pairs),
        "border": borders(late),
        "words_percent": words_percent(said, texts, recogniser),
        "real_time": round(sum(len(pcm) for pcm in late) / SAMPLE_RATE_HZ / took_s, 1),
    }


def prominence(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """How far the pitch stands out, over clips with a voice."""
    return round(float(np.nanmean([prominence_db(said, right) for said, right in pairs])), 1)


def borders(sounds: Sequence[np.ndarray]) -> float:
    """`border_ratio` over clips of any length, weighed by their blocks."""
    long = [pcm for pcm in sounds if len(pcm) > CHUNK_SAMPLES]
    return round(float(np.average([border_ratio(pcm) for pcm in long], weights=[len(pcm) for pcm in long])), 2)


def listener() -> Recogniser | None:
    """The recogniser that knows the world's words, or None where pocketsphinx is not installed."""
    try:
        return WorldRecogniser()
    except MissingDependency:
        return None


def words_percent(sounds: Sequence[np.ndarray], texts: Sequence[str], recogniser: Recogniser | None) -> float | None:
    """Word error in percent, None without a recogniser."""
    if recogniser is None:
        return None
    return round(100.0 * spoken_word_error(sounds, texts, recogniser).word_error, 1)


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
