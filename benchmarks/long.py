"""Half an hour of conversation in one session: level, rate, latency and memory at its end against its beginning.

A block of held-out scripts (unseen synthetic voice) is spoken over and over, so that both ends hear the same. With
`--echo-db -15` the model's own sound comes back into its microphone, so loud: `extra` counts what it then says although
nothing is due, within 2 s of its own sound.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.progress import track

from microturn.commands.weights import open_weights
from microturn.core.clock import TICK_MS
from microturn.core.provenance import provenance
from microturn.data.agent import agent_voice
from microturn.data.voices import voices
from microturn.engine.embedded import EmbeddedEngine
from microturn.eval.long import BlockFigures, Conversation, block_figures, block_of
from microturn.model.sampling import noted_sampling

BLOCK_S = 150.0
RATIOS = ("level", "words_per_s", "silent_ms", "speaking_ms", "resident_mb")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--minutes", type=float, default=30.0, help="length of the conversation at least (default 30)")
    parser.add_argument("--echo-db", type=float, help="level of its own echo in its microphone (default: none)")
    parser.add_argument("--weights", type=Path, help="a checkpoint (default: the shipped one)")
    options = parser.parse_args()
    report = measured(options.minutes, options.echo_db, options.weights)
    print(json.dumps(report) if options.json else table(report))


def measured(minutes: float, echo_db: float | None, weights: Path | None) -> dict[str, Any]:
    torch.set_num_threads(1)
    checkpoint = open_weights(weights)
    voice = next(v for v in voices("test", "synthetic"))
    block = block_of(voice, BLOCK_S, seed=0)
    times = max(2, math.ceil(minutes * 60_000 / (block.ticks * TICK_MS)))
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    engine = EmbeddedEngine(model, tokenizer.vocab_size, slots=1)
    sampling = noted_sampling(checkpoint.notes)
    talk = Conversation(engine, tokenizer, model.config.mel, sampling, echo_db, resident_bytes)
    for _ in track(range(times), "blocks", disable=not sys.stderr.isatty()):
        talk.hear(block.pcm)
    blocks = block_figures(talk, block, times, agent_voice().ticks)
    return {
        "minutes": round(times * block.ticks * TICK_MS / 60_000, 1),
        "block_s": block.ticks * TICK_MS / 1000,
        "echo_db": echo_db,
        "tail_to_head": tail_to_head(blocks),
        "extra_answers": sum(b.extra_answers for b in blocks),
        "blocks": [asdict(b) for b in blocks],
        **provenance("python benchmarks/long.py"),
    }


def tail_to_head(blocks: Sequence[BlockFigures]) -> dict[str, float]:
    """Last third against first third; the very first block, where the cache fills, is in the head."""
    third = max(1, len(blocks) // 3)
    rows = [asdict(b) | {"level": None if b.level_db is None else 10.0 ** (b.level_db / 20.0)} for b in blocks]
    return {name: round(mean(rows[-third:], name) / mean(rows[:third], name), 3) for name in RATIOS}


def mean(rows: Sequence[dict[str, Any]], name: str) -> float:
    values = [row[name] for row in rows if row[name] is not None]
    return sum(values) / len(values)


def resident_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def table(report: dict[str, Any]) -> str:
    names = ("event_f1", "false_per_min", "level_db", "words_per_s", "silent_ms", "speaking_ms", "resident_mb")
    lines = ["block" + "".join(f"{name:>15}" for name in (*names, "extra_answers"))]
    for number, block in enumerate(report["blocks"]):
        shown = (block[name] for name in (*names, "extra_answers"))
        lines.append(f"{number:5}" + "".join(f"{'-' if v is None else round(v, 2):>15}" for v in shown))
    ratios = ", ".join(f"{name} {value}" for name, value in report["tail_to_head"].items())
    lines.append(f"last third / first third: {ratios}")
    lines.append(f"{report['minutes']} min, echo {report['echo_db']} dB, extra answers {report['extra_answers']}")
    lines.append(f"commit {report['commit']}, load {report['machine']['load_1min']}: {report['command']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
