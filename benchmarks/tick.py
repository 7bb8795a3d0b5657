"""One micro-turn of one session, from sound to decision: silent and speaking, and the floor set by memory bandwidth.

Silent and speaking ticks are forced through the session's listen_bias, which a user may set; the engine has no other
way. The model is the shipped one; where none is shipped, random weights of the same shape. With a camera every tick has
a picture of 640 x 480; weights that do not see get an untrained sight for that, which takes as long as a trained one.
On a busy machine `--cpu --threads 1` measures what the process computes instead of how long it takes.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import microturn
from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, TICK_MS
from microturn.core.provenance import provenance
from microturn.engine.api import InputChunk, SessionRef, SessionSpec
from microturn.engine.embedded import EmbeddedEngine
from microturn.engine.log import TurnRecord
from microturn.engine.participant import EngineParticipant
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import load_checkpoint
from microturn.model.config import InteractionConfig, SightConfig
from microturn.model.interaction import VOICE, InteractionModel, init_weights, parameter_count
from microturn.model.sampling import SamplingConfig
from microturn.recipes.tiny import tiny, toy

CONTEXT = 1_100  # positions heard before the first measured tick
WARM_UP = 20
PROBE_BYTES = 256 * 2**20
FORCE = 1e9
KINDS = {"silent": FORCE, "speaking": -FORCE}
CAMERA = (480, 640)


class Measured(NamedTuple):
    """Milliseconds of each tick, forwards of the last one, positions at the end."""

    ms: list[float]
    forwards: int
    committed: int


def main() -> None:
    options = parse_options()
    torch.set_num_threads(options.threads)
    now_s = time.process_time if options.cpu else time.perf_counter
    model, tokenizer, weights = load_model(options)
    blind, sighted, sight = seeing(model)
    silent = measure(model, tokenizer, FORCE, options.ticks, now_s)
    speaking = measure(model, tokenizer, -FORCE, options.ticks, now_s)
    camera = {kind: measure(sighted, tokenizer, bias, options.ticks, now_s, True) for kind, bias in KINDS.items()}
    bandwidth = bytes_per_second()
    read = weight_bytes(model) + kv_bytes(model.config, silent.committed, model.decision.weight.element_size())
    report = {
        "silent": summary(silent),
        "speaking": summary(speaking),
        "camera": {kind: summary(measured) for kind, measured in camera.items()},
        "camera_p99_of_tick": round(max(summary(m)["p99_ms"] for m in camera.values()) / TICK_MS, 3),
        "sound_only_of_blind": sound_only(blind, sighted, tokenizer, options.ticks, now_s),
        "sight": sight,
        "times": "of the process" if options.cpu else "of the clock",
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
    parser.add_argument("--cpu", action="store_true", help="time of the process, not of the clock")
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


def seeing(model: InteractionModel) -> tuple[InteractionModel, InteractionModel, str]:
    """The same model without and with sight, and whether its sight is trained: that changes no time."""
    if model.config.sight is not None:
        blind = InteractionModel(replace(model.config, sight=None))
        blind.load_state_dict(model.state_dict(), strict=False)
        return blind.to(model.decision.weight.dtype).eval(), model, "its own"
    sighted = InteractionModel(replace(model.config, sight=SightConfig()))
    init_weights(sighted, seed=0)
    sighted.load_state_dict(model.state_dict(), strict=False)
    return model, sighted.to(model.decision.weight.dtype).eval(), "untrained"


class Session(NamedTuple):
    """A session whose context is filled, and its next tick."""

    engine: EmbeddedEngine
    ref: SessionRef
    model_side: EngineParticipant
    first: int


def session_of(model: InteractionModel, tokenizer: TextTokenizer, listen_bias: float) -> Session:
    config, rng = model.config, np.random.default_rng(0)
    engine = EmbeddedEngine(model, tokenizer.vocab_size, slots=1)
    shape = (-(-CONTEXT // config.sound_tokens), config.frames_per_tick, config.mel.n_mels)
    context = rng.integers(0, config.mel.n_levels, shape, np.uint8)
    records = [TurnRecord(tick, dmel, (), ()) for tick, dmel in enumerate(context)]
    ref = engine.replay(SessionSpec(sampling=SamplingConfig(listen_bias=listen_bias, stop_bias=listen_bias)), records)
    return Session(engine, ref, EngineParticipant(engine, ref, tokenizer, config.mel, config.sight), len(records))


def chunks(ticks: int, camera: bool) -> Iterator[Chunk]:
    """Noise, and with a camera pictures as a webcam gives them."""
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (8, *CAMERA, 3), np.uint8)
    for tick in range(WARM_UP + ticks):
        pcm = rng.normal(0.0, 0.05, CHUNK_SAMPLES).astype(np.float32)
        yield Chunk(pcm, frame=pictures[tick % 8] if camera else None)


def measure(
    model: InteractionModel,
    tokenizer: TextTokenizer,
    listen_bias: float,
    ticks: int,
    now_s: Callable[[], float],
    camera: bool = False,
) -> Measured:
    """Time of each tick, from 200 ms of sound and a picture to words and events, once the context is filled."""
    session = session_of(model, tokenizer, listen_bias)
    ms: list[float] = []
    last = session.first - 1
    for last, heard in enumerate(chunks(ticks, camera), start=session.first):
        began_s = now_s()
        said = session.model_side.turn(last, heard)
        ms.append(1_000 * (now_s() - began_s))
        assert any(event.kind != "heard" for event in said.events) == (listen_bias < 0)
    result = session.engine.turn(session.ref, InputChunk(last))  # the same tick again gives its stored result
    return Measured(ms[WARM_UP:], result.forwards, result.committed)


def sound_only(
    blind: InteractionModel,
    sighted: InteractionModel,
    tokenizer: TextTokenizer,
    ticks: int,
    now_s: Callable[[], float],
) -> float:
    """A silent tick without a camera: the median of the model with sight over that of the one without, tick by tick."""
    sessions = [session_of(model, tokenizer, FORCE) for model in (blind, sighted)]
    ms: list[list[float]] = [[], []]
    for number, heard in enumerate(chunks(ticks, camera=False)):
        for which in (0, 1) if number % 2 else (1, 0):
            began_s = now_s()
            sessions[which].model_side.turn(sessions[which].first + number, heard)
            ms[which].append(1_000 * (now_s() - began_s))
    return round(statistics.median(ms[1][WARM_UP:]) / statistics.median(ms[0][WARM_UP:]), 3)


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
    lines = [f"{'tick':<18}{'p50 ms':>10}{'p99 ms':>10}{'forwards':>10}{'p50 / floor':>13}"]
    rows = {kind: report[kind] for kind in KINDS} | {f"{kind}, camera": report["camera"][kind] for kind in KINDS}
    for kind, row in rows.items():
        ratio = row["p50_ms"] / (row["forwards"] * floor_ms)
        lines.append(f"{kind:<18}{row['p50_ms']:>10.2f}{row['p99_ms']:>10.2f}{row['forwards']:>10}{ratio:>13.1f}")
    read, model = report["floor"], report["model"]
    lines += [
        f"floor      {floor_ms:.2f} ms a forward: {read['mb']} MB at {read['gb_per_s']} GB/s",
        f"times      {report['times']}",
        f"camera     p99 {report['camera_p99_of_tick']:.2f} of a tick; sight: {report['sight']}",
        f"no camera  {report['sound_only_of_blind']:.2f} of the same model without sight",
        f"model      {model['weights']}, {model['parameters'] / 1e6:.1f} M, {model['dtype']}",
        f"machine    {place['cpu']}, {report['threads']} of {place['cores']} cores, load {place['load_1min']}",
        f"commit     {report['commit']}",
        f"command    {report['command']}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
