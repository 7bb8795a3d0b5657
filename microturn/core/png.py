"""The smallest PNG that any viewer opens: 8-bit RGB, no row filters. Other pictures are the business of media.av."""

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from microturn.core.errors import InputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RIGHT = "a PNG written by microturn (8-bit RGB, no row filters)"


def write_png(path: Path, frame: npt.NDArray[np.uint8]) -> None:
    """Write uint8 [H, W, 3] RGB; the file appears whole or not at all."""
    height, width, _ = frame.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = frame.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = _part(b"IHDR", header) + _part(b"IDAT", zlib.compress(rows.tobytes(), 1)) + _part(b"IEND", b"")
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(_SIGNATURE + body)
    unfinished.replace(path)


def read_png(path: Path) -> npt.NDArray[np.uint8]:
    """Read uint8 [H, W, 3] RGB as `write_png` wrote it; InputError for any other file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("cannot read", path, error.strerror or "an error", _RIGHT) from error
    parts = dict(_parts(content))
    header = parts.get(b"IHDR", b"")
    if content[:8] != _SIGNATURE or header[8:] != bytes((8, 2, 0, 0, 0)):
        raise InputError("another kind of picture", path, f"{len(content)} bytes", _RIGHT)
    width, height = struct.unpack(">II", header[:8])
    try:
        rows = np.frombuffer(zlib.decompress(parts.get(b"IDAT", b"")), np.uint8).reshape(height, 1 + 3 * width)
    except (zlib.error, ValueError) as error:
        raise InputError("broken picture", path, str(error), _RIGHT) from error
    if rows[:, 0].any():
        raise InputError("another kind of picture", path, "row filters", _RIGHT)
    return rows[:, 1:].reshape(height, width, 3).copy()


def _part(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _parts(content: bytes) -> list[tuple[bytes, bytes]]:
    parts: list[tuple[bytes, bytes]] = []
    at = len(_SIGNATURE)
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        parts.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    return parts
