"""A recorded session as a file to play: stereo wav or mkv, made when first asked for and kept beside it. And pictures.

They wait for the disk and for codecs: call them from a thread.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args
from uuid import uuid4

from microturn.core.clock import TICK_MS
from microturn.core.png import read_png
from microturn.core.recording import frame_paths, stereo_blocks
from microturn.core.wav import WavWriter
from microturn.gateway.kept import KeptSession
from microturn.media.av import VideoFrame
from microturn.media.jpeg import encode_jpeg
from microturn.media.mkv import write_mkv

Kind = Literal["wav", "mkv"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MEDIA_TYPES: dict[Kind, str] = {"wav": "audio/wav", "mkv": "video/x-matroska"}
THUMBNAIL_WIDTH = 160


def media(kept: KeptSession, kind: Kind) -> Path:
    """The file of this kind in the session's folder, made if it is not there or older than the recording."""
    path = kept.folder / f"media.{kind}"
    if not path.exists() or path.stat().st_mtime < (kept.folder / "timeline.jsonl").stat().st_mtime:
        unfinished = kept.folder / f"media-{uuid4().hex}.part"  # two requests at once make a file each
        try:
            write_media(kept.folder, unfinished, kind)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return path


def write_media(folder: Path, path: Path, kind: Kind) -> None:
    """Any recording as a bystander hears it, the user left and the model right; mkv also with the camera."""
    if kind == "mkv":
        write_mkv(path, stereo_blocks(folder), _pictures(folder))
        return
    with WavWriter(path, channels=2) as wav:
        for block in stereo_blocks(folder):
            wav.write(block)


def thumbnail(kept: KeptSession, tick: int) -> bytes | None:
    """The user's picture of a tick as a small JPEG; None where there is none."""
    paths = dict(frame_paths(kept.folder))
    return encode_jpeg(read_png(paths[tick]), THUMBNAIL_WIDTH) if tick in paths else None


def _pictures(folder: Path) -> Iterator[VideoFrame]:
    for tick, path in frame_paths(folder):
        yield VideoFrame(tick * TICK_MS, read_png(path))
