"""The sound of a session for a page: both sides in stereo, the user left and the model right. No scores."""

import base64
import tempfile
from pathlib import Path

import numpy as np

from microturn.eval.suite.trace import Trace, playout
from microturn.media.av import write_audio


def data_url(trace: Trace) -> str:
    """An mp3 as text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.mp3"
        write_both(path, trace)
        return "data:audio/mpeg;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def write_both(path: Path, trace: Trace) -> None:
    """The same as a file."""
    write_audio(path, np.stack([trace.user, playout(trace).pcm], axis=1))
