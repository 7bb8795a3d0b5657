"""What may come in with a tick: shapes, types and ranges of a chunk. What is done with it lives in the engine."""

import numpy as np

from microturn.core.errors import InputError
from microturn.engine.api import InputChunk, SessionRef
from microturn.model.config import InteractionConfig


def check_chunk(ref: SessionRef, chunk: InputChunk, config: InteractionConfig, vocab_size: int) -> None:
    """InputError that names the session and the tick where a model of `config` cannot take the chunk."""
    where = f"session {ref.id!r}, seq {chunk.seq}"
    dmel, frame, sight = chunk.dmel, chunk.frame, config.sight
    shape = (config.frames_per_tick, config.mel.n_mels)
    if dmel is not None and (dmel.shape != shape or dmel.dtype != np.uint8):
        raise InputError("dmel", where, f"{dmel.dtype} {list(dmel.shape)}", f"uint8 {list(shape)} or None")
    if dmel is not None and int(dmel.max()) >= config.mel.n_levels:
        raise InputError("dmel", where, f"level {dmel.max()}", f"levels 0 to {config.mel.n_levels - 1}")
    if any(not run or not all(0 <= token < vocab_size for token in run) for run in chunk.text):
        raise InputError("text", where, chunk.text, f"runs of a marker and tokens, ids 0 to {vocab_size - 1}")
    grid = None if sight is None else (sight.height, sight.width, 3)
    if frame is not None and (frame.shape != grid or frame.dtype != np.uint8):
        right = "None, this model has no sight" if grid is None else f"uint8 {list(grid)} or None"
        raise InputError("frame", where, f"{frame.dtype} {list(frame.shape)}", right)
