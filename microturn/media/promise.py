"""The length a media file promises in its header, where that can be trusted; media.av compares it with the truth."""

from pathlib import Path

from av.audio import AudioStream
from av.container import InputContainer
from av.video import VideoStream

UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # what a wav header holds while the file is still being written


def promised_s(path: Path, container: InputContainer, stream: AudioStream | VideoStream) -> float | None:
    """Seconds the header promises for this stream; None where the format says nothing that is more than a guess."""
    formats = container.format.name.split(",")
    if "wav" in formats:
        return _wav_s(path, stream)
    if "matroska" in formats:
        return _clock_s(stream.metadata.get("DURATION", ""))
    if "mp3" in formats and not _has_mp3_header(path):
        return None
    if not {"mov", "flac", "mp3"} & set(formats) or stream.duration is None or stream.time_base is None:
        return None
    return float(stream.duration * stream.time_base)


def _wav_s(path: Path, stream: AudioStream | VideoStream) -> float | None:
    """FFmpeg believes a wav's size; the header says how much there should be."""
    with path.open("rb") as file:
        size, at = path.stat().st_size, 12
        while at + 8 <= size:
            file.seek(at)
            part = file.read(8)
            part_size = int.from_bytes(part[4:], "little")
            if part[:4] == b"data":
                bytes_per_s = (stream.codec_context.bit_rate or 0) / 8
                unknown = (
                    part_size in UNKNOWN_SIZES or not bytes_per_s or not stream.codec_context.name.startswith("pcm_")
                )
                return None if unknown else part_size / bytes_per_s
            at += 8 + part_size + part_size % 2
    return None


def _clock_s(text: str) -> float | None:
    """Seconds of "HH:MM:SS.fraction"."""
    try:
        hours, minutes, seconds = text.split(":")
        return 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds)
    except ValueError:
        return None


def _has_mp3_header(path: Path) -> bool:
    """Whether an mp3 carries its length; without, FFmpeg guesses it from the bit rate."""
    with path.open("rb") as file:
        begin = file.read(10)
        if begin[:3] == b"ID3":
            seven_bits = [byte & 0x7F for byte in begin[6:10]]
            file.seek(10 + sum(part << shift for part, shift in zip(seven_bits, (21, 14, 7, 0), strict=True)))
        else:
            file.seek(0)
        frame = file.read(512)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))
