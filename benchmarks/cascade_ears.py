"""Word error of the two recognisers that the cascade can hear with, on lines and voices of the test split.

Every line goes through the ears as in a session: 20 ms packets, a low noise, and the beginning and end of speech told
as late as a voice-activity detector tells them.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import microturn
from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.provenance import provenance
from microturn.core.wav import to_int16
from microturn.data.scenarios import all_lines
from microturn.data.voices import Clip, synthesize, voices
from microturn.eval.peer.ears import Ears, OwnEars, SphinxEars, sphinx
from microturn.eval.scorers import plain, word_edits
from microturn.model.checkpoint import load_checkpoint

NOISE_DBFS = -70.0
STARTED_S, STOPPED_S = 0.2, 0.2
BEFORE_S, AFTER_S = 0.5, 1.0
PACKET_S = 0.02


def main() -> None:
    options = parse_options()
    weights = options.weights or Path(microturn.__file__).parent / "weights" / "tiny.safetensors"
    rng = np.random.default_rng(options.seed)
    lines = [plain(line) for line in rng.choice(list(all_lines("test")), options.lines, replace=False)]
    speakers = voices("test")
    spoken = [(speakers[n % len(speakers)], line) for n, line in enumerate(lines)]
    checkpoint, decoder = load_checkpoint(weights), sphinx()
    found: dict[str, Any] = {}
    for name in ("own", "sphinx"):
        rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for speaker, line in spoken:
            ears = OwnEars(checkpoint) if name == "own" else SphinxEars(decoder)
            words = heard(ears, synthesize(speaker, line), rng)
            rows[speaker.id].append((word_edits(line.split(), words.split()), len(line.split())))
        found[name] = {"all": error(row for each in rows.values() for row in each)}
        found[name] |= {voice: error(each) for voice, each in rows.items()}
    if options.json:
        report = {"word_error": found, "lines": options.lines} | provenance("python benchmarks/cascade_ears.py")
        print(json.dumps(report, indent=1))
        return
    print(f"{'voice':28} {'own':>6} {'sphinx':>8}")
    for voice in found["own"]:
        print(f"{voice:28} {found['own'][voice]:6.2f} {found['sphinx'][voice]:8.2f}")


def heard(ears: Ears, clip: Clip, rng: np.random.Generator) -> str:
    """The words of one line."""
    quiet = (round(seconds * SAMPLE_RATE_HZ) for seconds in (BEFORE_S, AFTER_S))
    before, after = (np.zeros(samples, np.float32) for samples in quiet)
    pcm = np.concatenate([before, clip.pcm, after]).astype(np.float32)
    pcm += rng.standard_normal(len(pcm), dtype=np.float32) * np.float32(10.0 ** (NOISE_DBFS / 20.0))
    packet = round(PACKET_S * SAMPLE_RATE_HZ)
    begins = round((BEFORE_S + clip.words[0].start_ms / 1000 + STARTED_S) / PACKET_S)
    ends = round((BEFORE_S + clip.words[-1].end_ms / 1000 + STOPPED_S) / PACKET_S)
    settled = ends + (round(0.2 / PACKET_S) if ears.settles else 0)
    words = ""
    for number in range(len(pcm) // packet):
        if number == begins:
            ears.began()
        if number == settled:
            words = ears.ended()
        ears.hear(to_int16(pcm[number * packet : (number + 1) * packet]).astype("<i2").tobytes())
    return words


def error(rows: Iterable[tuple[int, int]]) -> float:
    """Edits a word."""
    listed = list(rows)
    return round(sum(edits for edits, _ in listed) / sum(words for _, words in listed), 3)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
