"""`microturn doctor`: what is here, what is missing and what that costs; nothing is changed."""

import platform
import statistics
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from microturn import __version__
from microturn.commands.weights import file_hash, open_weights, shipped_weights, talker
from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, TICK_MS
from microturn.core.errors import MicroturnError
from microturn.data.voices import available_engines, voices
from microturn.media.av import library_versions

TICKS = 20
SIGNS = {"good": "[green]✓[/]", "lacking": "[yellow]![/]", "bad": "[red]✗[/]"}


class Finding(NamedTuple):
    """`state`: "good", "lacking" (something cannot be done) or "bad" (nothing can)."""

    state: str
    what: str
    found: str


def doctor() -> None:
    """Print what was found; exit code 1 where nothing can work."""
    table = Table(box=None, show_header=False, pad_edge=False)
    states: set[str] = set()
    for finding in findings():
        states.add(finding.state)
        table.add_row(SIGNS[finding.state], finding.what, finding.found)
    Console(highlight=False, soft_wrap=True).print(table)
    if "bad" in states:
        raise SystemExit(1)


def findings() -> Iterator[Finding]:
    """Everything that is looked at, in the order of the print."""
    yield Finding("good", "microturn", __version__)
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("good" if sys.version_info >= (3, 11) else "bad", "Python", python)
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    yield Finding("good", "torch", f"{torch.__version__}, {torch.get_num_threads()} threads, {cuda}")
    yield Finding("good", "FFmpeg", library_versions())
    for engine, trouble in available_engines().items():
        count = sum(v.engine == engine for split in ("train", "val", "test") for v in voices(split))
        yield (
            Finding("lacking", f"voices: {engine}", trouble)
            if trouble
            else Finding("good", f"voices: {engine}", f"{count} voices")
        )
    yield from _weights()


def _weights() -> Iterator[Finding]:
    try:
        checkpoint = open_weights(None)
    except MicroturnError as error:
        yield Finding("lacking", "weights", str(error))
        return
    path = shipped_weights()
    size_mb = path.stat().st_size / 1e6
    yield Finding("good", "weights", f"{path.name}, {size_mb:.1f} MB, sha256 {file_hash(path)}")
    model = talker(checkpoint, seed=0)
    noise = np.random.default_rng(0).normal(0, 0.01, (TICKS, CHUNK_SAMPLES)).astype(np.float32)
    times_ms: list[float] = []
    for tick, pcm in enumerate(noise):
        began = time.perf_counter()
        model.turn(tick, Chunk(pcm))
        times_ms.append(1000 * (time.perf_counter() - began))
    worst = max(times_ms[1:])  # the first one warms up
    found = f"{statistics.median(times_ms):.1f} ms in the middle, {worst:.1f} ms at worst, of {TICK_MS} ms"
    yield Finding("good" if worst < TICK_MS else "lacking", f"{TICKS} ticks", found)
