"""One micro-turn of one session, from sound to decision: silent and speaking, and the floor set by memory bandwidth.

Silent and speaking ticks are forced through the session's listen_bias, which a user may set; the engine has no other
way. The model is the shipped one; where none is shipped, random weights of the same shape.
"""

import argparse
import json
import os
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import microturn
from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES
from microturn.core.provenance import provenance
from microturn.engine.api import InputChunk, SessionSpec
from microturn.engine.embedded import EmbeddedEngine
from microturn.engine.log import TurnRecord
from microturn.engine.participant import EngineParticipant
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import load_checkpoint
from microturn.model.config import InteractionConfig
from microturn.model.interaction import VOICE, InteractionModel, init_weights, parameter_count
from microturn.model.sampling import SamplingConfig
from microturn.recipes.tiny import tiny, toy

CONTEXT = 1_100  # positions heard before the first measured tick
WARM_UP = 20
PROBE_BYTES = 256 * 2**20
FORCE = 1e9


class Measured(NamedTuple):
    """Milliseconds of each tick, forwards of the last one, positions at the end."""

    ms: list[float]
    forwards: int
    committed: int


def main() -> None:
    options = parse_options()
    torch.set_num_threads(options.threads)
    model, tokenizer, weights = load_model(options)
    silent = measure(model, tokenizer, FORCE, options.ticks)
    speaking = measure(model, tokenizer, -FORCE, options.ticks)
    bandwidth = bytes_per_second()
    read = weight_bytes(model) + kv_bytes(model.config, silent.committed, model.decision.weight.element_size())
    report = {
        "silent": summary(silent),
        "speaking": summary(speaking),
        "floor_ms": round(1_000 * read / bandwidth, 3),
        "floor": {"mb": round(read / 1e6, 1), "gb_per_s": round(bandwidth / 1e9, 2)},
        "model": {"weights": weights, "parameters": parameter_count(model), "dtype": options.dtype},
        "context": {"from": CONTEXT, "to_silent": silent.committed, "to_speaking": speaking.committed},
        "ticks": options.ticks,
        "threads": options.threads,
        **provenance("python benchmarks/tick.py"),
    }
    print(json.dumps(report) if options.json else table(report))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--ticks", type=int, default=300, help="measured ticks of each kind (default 300, one minute)")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="threads of torch (default 2)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--weights", type=Path, help="a checkpoint instead of the shipped one")
    parser.add_argument("--toy", action="store_true", help="random weights of the toy size, for a quick look")
    return parser.parse_args()


def load_model(options: argparse.Namespace) -> tuple[InteractionModel, TextTokenizer, str]:
    """Model, tokenizer, and what to call the weights."""
    dtype: torch.dtype = getattr(torch, options.dtype)
    shipped = sorted((Path(microturn.__file__).parent / "weights").glob("*.safetensors"))
    path = options.weights or (shipped[0] if shipped and not options.toy else None)
    if path is not None:
        checkpoint = load_checkpoint(path, dtype=dtype)
        return checkpoint.model, checkpoint.tokenizer, path.name
    config = (toy() if options.toy else tiny()).model
    tokenizer = TextTokenizer.train(["one two three"])
    model = InteractionModel(replace(config, vocab_size=max(config.vocab_size, tokenizer.vocab_size)))
    init_weights(model, seed=0)
    # Training starts the decision at zero; then <listen> and every word would be as likely.
    torch.nn.init.normal_(model.decision.weight, std=0.1, generator=torch.Generator().manual_seed(0))
    return model.to(dtype).eval(), tokenizer, "random"


def measure(model: InteractionModel, tokenizer: TextTokenizer, listen_bias: float, ticks: int) -> Measured:
    """Wall time of each tick, from 200 ms of sound to words and events, once the context is filled."""
    config, rng = model.config, np.random.default_rng(0)
    engine = EmbeddedEngine(model, tokenizer.vocab_size, slots=1)
    shape = (-(-CONTEXT // config.sound_tokens), config.frames_per_tick, config.mel.n_mels)
    context = rng.integers(0, config.mel.n_levels, shape, np.uint8)
    records = [TurnRecord(tick, dmel, (), ()) for tick, dmel in enumerate(context)]
    ref = engine.replay(SessionSpec(sampling=SamplingConfig(listen_bias=listen_bias, stop_bias=listen_bias)), records)
    model_side = EngineParticipant(engine, ref, tokenizer, config.mel)
    ms: list[float] = []
    last = len(records) - 1
    for tick in range(len(records), len(records) + WARM_UP + ticks):
        heard = Chunk(pcm=rng.normal(0.0, 0.05, CHUNK_SAMPLES).astype(np.float32))
        began_s = time.perf_counter()
        said = model_side.turn(tick, heard)
        ms.append(1_000 * (time.perf_counter() - began_s))
        assert any(event.kind != "heard" for event in said.events) == (listen_bias < 0)
        last = tick
    result = engine.turn(ref, InputChunk(last))  # the same tick again gives its stored result
    return Measured(ms[WARM_UP:], result.forwards, result.committed)


def summary(measured: Measured) -> dict[str, float | int]:
    percent = statistics.quantiles(measured.ms, n=100, method="inclusive")
    return {"p50_ms": round(percent[49], 3), "p99_ms": round(percent[98], 3), "forwards": measured.forwards}


def weight_bytes(model: InteractionModel) -> int:
    """Bytes of the weights of a forward: no token table, of which a tick reads a few rows, and no voice."""
    tokens = model.fusion.tokens.weight
    named = model.named_parameters()
    return sum(p.numel() * p.element_size() for n, p in named if p is not tokens and not n.startswith(VOICE))


def kv_bytes(config: InteractionConfig, length: int, element_bytes: int) -> int:
    """Bytes of the keys and values that one query at position `length` can see."""
    backbone, total = config.backbone, 0
    for layer in range(backbone.layers):
        is_global = backbone.is_global(layer)
        heads = backbone.kv_heads if is_global else backbone.local_kv_heads
        width = backbone.head_dim if is_global else backbone.local_head_dim
        total += 2 * min(length, backbone.reach(layer) or length) * heads * width * element_bytes
    return total


def bytes_per_second() -> float:
    """Memory bandwidth of reading, best of ten passes over an array larger than any cache, by matrix times vector."""
    matrix = torch.ones(PROBE_BYTES // 4 // 4_096, 4_096)
    vector = torch.ones(4_096)
    best_s = float("inf")
    for _ in range(10):
        began_s = time.perf_counter()
        torch.mv(matrix, vector)
        best_s = min(best_s, time.perf_counter() - began_s)
    return PROBE_BYTES / best_s


def table(report: dict[str, Any]) -> str:
    floor_ms, place = report["floor_ms"], report["machine"]
    lines = [f"{'tick':<10}{'p50 ms':>10}{'p99 ms':>10}{'forwards':>10}{'p50 / floor':>13}"]
    for kind in ("silent", "speaking"):
        row = report[kind]
        ratio = row["p50_ms"] / (row["forwards"] * floor_ms)
        lines.append(f"{kind:<10}{row['p50_ms']:>10.2f}{row['p99_ms']:>10.2f}{row['forwards']:>10}{ratio:>13.1f}")
    read, model = report["floor"], report["model"]
    lines += [
        f"floor      {floor_ms:.2f} ms a forward: {read['mb']} MB at {read['gb_per_s']} GB/s",
        f"model      {model['weights']}, {model['parameters'] / 1e6:.1f} M, {model['dtype']}",
        f"machine    {place['cpu']}, {report['threads']} of {place['cores']} cores, load {place['load_1min']}",
        f"commit     {report['commit']}",
        f"command    {report['command']}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
