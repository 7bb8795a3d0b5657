"""Files in and out: every container, any rate and layout, and what the refusals say."""

import io
import struct
import wave
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.media.av import (
    audio_blocks,
    audio_chunks,
    has_sound,
    read_audio,
    tick_pictures,
    video_frames,
    write_audio,
    write_video,
)
from microturn.media.pcm import level_dbfs

SECONDS = 1.5


def tone(rate_hz: int, hz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(int(SECONDS * rate_hz)) / rate_hz)).astype(np.float32)


def pictures(count: int = 10) -> list[np.ndarray]:
    return [np.full((32, 48, 3), 20 * number, np.uint8) for number in range(count)]


def pitch_hz(pcm: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(pcm[4000:20_000]))))


def wav_bytes(code: int, bits: int, channels: int, data: bytes, rate_hz: int = 16_000) -> bytes:
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * block, block, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("ending", "rate_hz"),
    [
        ("wav", 8_000),
        ("wav", 44_100),
        ("flac", 48_000),
        ("mp3", 44_100),
        ("mp4", 48_000),
        ("m4a", 22_050),
        ("mkv", 16_000),
        ("webm", 48_000),
    ],
)
def test_any_container_rate_and_layout_comes_out_mono_at_16_khz(
    tmp_path: Path, ending: str, rate_hz: int, channels: int
) -> None:
    path = tmp_path / f"a.{ending}"
    pcm = tone(rate_hz)
    write_audio(path, pcm if channels == 1 else np.stack([pcm, pcm], axis=1), rate_hz)
    out = read_audio(path)
    assert out.dtype == np.float32 and abs(len(out) - 24_000) < 1_200
    assert pitch_hz(out) == pytest.approx(440.0, abs=1.0)
    assert level_dbfs(out[4000:20_000]) == pytest.approx(-9.03, abs=0.5)  # lame turns down by 0.45 dB


@pytest.mark.parametrize("ending", ["wav", "flac", "mkv"])
def test_lossless_files_keep_every_sample(tmp_path: Path, ending: str) -> None:
    pcm = np.round(tone(16_000) * 32768) / np.float32(32768)
    write_audio(tmp_path / f"a.{ending}", pcm)
    assert np.array_equal(read_audio(tmp_path / f"a.{ending}"), pcm)


@pytest.mark.parametrize(
    ("code", "bits", "values"),
    [
        (1, 8, np.array([0, 128, 192], "u1")),
        (1, 32, np.array([-(2**31), 0, 2**30], "<i4")),
        (3, 32, np.array([-1, 0, 0.5], "<f4")),
        (3, 64, np.array([-1, 0, 0.5], "<f8")),
    ],
)
def test_every_sample_type_has_the_same_scale(tmp_path: Path, code: int, bits: int, values: np.ndarray) -> None:
    (tmp_path / "a.wav").write_bytes(wav_bytes(code, bits, 1, values.tobytes()))
    assert read_audio(tmp_path / "a.wav").tolist() == [-1.0, 0.0, 0.5]


def test_chunks_are_the_sound_of_the_file(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", tone(44_100), 44_100)
    chunks = list(audio_chunks(tmp_path / "a.wav"))
    assert [chunk.shape for chunk in chunks] == [(3200,)] * 8
    assert np.array_equal(np.concatenate(chunks)[:24_000], read_audio(tmp_path / "a.wav"))


def test_a_long_file_is_read_lazily(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "long.wav"), "wb") as wav:
        wav.setparams((1, 2, 16_000, 0, "NONE", "none"))
        wav.writeframes(bytes(2 * 16_000 * 600))
    first = list(islice(audio_blocks(tmp_path / "long.wav"), 3))
    assert sum(map(len, first)) < 16_000


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm"])
def test_pictures_and_sound_come_back_from_a_video(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    write_video(path, pictures(), fps=5, pcm=tone(48_000), rate_hz=48_000)
    frames = list(video_frames(path))
    assert [frame.t_ms for frame in frames] == list(range(0, 2000, 200))
    assert all(abs(int(frame.rgb.mean()) - 20 * number) < 8 for number, frame in enumerate(frames))
    assert abs(len(read_audio(path)) - 24_000) < 1_200


def test_pictures_come_back_from_y4m(tmp_path: Path) -> None:
    write_video(tmp_path / "a.y4m", pictures(3), fps=5)
    assert [(frame.t_ms, frame.rgb.shape) for frame in video_frames(tmp_path / "a.y4m")] == [
        (0, (32, 48, 3)),
        (200, (32, 48, 3)),
        (400, (32, 48, 3)),
    ]


def test_a_video_without_sound_is_refused_as_sound(tmp_path: Path) -> None:
    write_video(tmp_path / "a.y4m", pictures(3), fps=5)
    with pytest.raises(InputError, match="no audio stream: got video; right is a file with sound in it"):
        read_audio(tmp_path / "a.y4m")


def test_sound_without_pictures_is_refused_as_video(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", tone(16_000))
    with pytest.raises(InputError, match="no video stream: got audio"):
        next(video_frames(tmp_path / "a.wav"))


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "mp4", "mkv", "webm"])
def test_a_truncated_file_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    write_audio(path, tone(48_000), 48_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(InputError, match=r"ends too early|broken|cannot be read"):
        read_audio(path)


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "mkv", "webm"])
def test_a_truncated_file_gives_what_is_there_when_allowed(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    write_audio(path, tone(48_000), 48_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    assert 8_000 < len(read_audio(path, allow_truncated=True)) < 22_000


def test_a_wav_still_being_written_is_no_truncated_one(tmp_path: Path) -> None:
    content = bytearray(wav_bytes(1, 16, 1, bytes(32_000)))
    content[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "a.wav").write_bytes(content)
    assert len(read_audio(tmp_path / "a.wav")) == 16_000


NAN = np.array([0.0, 0.5, np.nan, 0.0], "<f4").tobytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file: got 0 bytes"),
        (b"this is no sound at all\n" * 40, "cannot be read as sound or video: got text; right is a sound or video"),
        (np.random.default_rng(0).bytes(5000), "cannot be read as sound or video: got 5000 bytes"),
        (wav_bytes(1, 16, 0, bytes(100)), "cannot be read as sound or video|broken"),
        (wav_bytes(1, 16, 1, b""), "no sound in the file: got 0 samples"),
        (wav_bytes(1, 16, 1, bytes(100))[:40], "cannot be read as sound or video|no sound in the file"),
        (wav_bytes(3, 32, 1, NAN), r"samples that are no numbers: got NaN or infinity at 0\.000 s"),
        (wav_bytes(3, 32, 2, np.array([np.inf] * 4, "<f4").tobytes()), "samples that are no numbers"),
    ],
)
def test_a_file_that_is_no_sound_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_audio(tmp_path / "a.wav")
    assert "\n" not in str(caught.value) and "a.wav" in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.wav: no such file"):
        read_audio(tmp_path / "none.wav")
    with pytest.raises(InputError, match="not a file: got a folder"):
        read_audio(tmp_path)


def test_an_unknown_ending_is_refused_when_writing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"got \.xyz; right is one of \.wav"):
        write_audio(tmp_path / "a.xyz", tone(16_000))
    with pytest.raises(InputError, match="sound in this container"):
        write_video(tmp_path / "a.y4m", pictures(1), fps=5, pcm=tone(16_000))


def test_a_folder_that_is_not_there_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: got No such file"):
        write_audio(tmp_path / "none" / "a.wav", tone(16_000))


def test_three_channels_and_odd_pictures_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="channels to write: got 3"):
        write_audio(tmp_path / "a.wav", np.zeros((10, 3), np.float32))
    with pytest.raises(InputError, match="size of a picture: got 5x4"):
        write_video(tmp_path / "a.mp4", [np.zeros((4, 5, 3), np.uint8)], fps=5)


def test_the_standard_library_reads_our_wav(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", tone(16_000))
    with wave.open(io.BytesIO((tmp_path / "a.wav").read_bytes())) as wav:
        assert (wav.getnchannels(), wav.getframerate(), wav.getnframes()) == (1, 16_000, 24_000)


def greys(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    return [np.full((height, width, 3), 20 + 15 * number, np.uint8) for number in range(count)]


@pytest.mark.parametrize("name", ["a.y4m", "a.mp4", "a.webm"])
def test_a_camera_shows_the_newest_picture_of_each_tick(name: str, tmp_path: Path) -> None:
    write_video(tmp_path / name, greys(10), 10)
    shown = list(tick_pictures(tmp_path / name))
    assert [round(float(rgb.mean())) for rgb in shown if rgb is not None] == pytest.approx(
        [35, 65, 95, 125, 155], abs=4
    )
    assert len(shown) == 5 and not has_sound(tmp_path / name)


def test_ticks_without_a_picture_have_none(tmp_path: Path) -> None:
    write_video(tmp_path / "slow.mp4", greys(3), 2, np.zeros(16_000, np.float32))
    assert [rgb is not None for rgb in tick_pictures(tmp_path / "slow.mp4")] == [True, False, True, False, False, True]
    assert has_sound(tmp_path / "slow.mp4")


def test_large_pictures_come_smaller_with_their_aspect(tmp_path: Path) -> None:
    write_video(tmp_path / "large.mp4", greys(2, 720, 1280), 5)
    assert [rgb.shape for rgb in tick_pictures(tmp_path / "large.mp4") if rgb is not None] == [(360, 640, 3)] * 2


def test_pictures_of_a_turned_telephone_come_upright(tmp_path: Path) -> None:
    upright = np.zeros((64, 48, 3), np.uint8)
    upright[:32] = 200  # bright above
    path = tmp_path / "phone.mp4"
    write_video(path, [np.rot90(upright, 1)] * 3, 5)
    data = bytearray(path.read_bytes())
    # ISO/IEC 14496-12 8.3.2: the track's matrix lies 44 bytes behind the box's name; it says to turn by 90 degrees.
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 65_536, 0, -65_536, 0, 0, 48 * 65_536, 0, 2**30)
    path.write_bytes(data)
    shown = [rgb for rgb in tick_pictures(path) if rgb is not None]
    assert [rgb.shape for rgb in shown] == [(64, 48, 3)] * 3
    assert shown[0][:28].mean() > 180 > 30 > shown[0][36:].mean()


def test_pictures_that_cannot_be_decoded_are_passed_over(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 255, (96, 96, 3), np.uint8) for _ in range(20)]
    write_video(tmp_path / "whole.mkv", noisy, 5)
    data = bytearray((tmp_path / "whole.mkv").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4_000] = bytes(4_000)
    (tmp_path / "broken.mkv").write_bytes(data)
    shown = list(tick_pictures(tmp_path / "broken.mkv"))
    assert 8 <= sum(rgb is not None for rgb in shown) <= len(shown) <= 20


def test_a_file_without_pictures_is_told(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", np.zeros(1_600, np.float32))
    with pytest.raises(InputError, match="no video stream"):
        list(tick_pictures(tmp_path / "a.wav"))
