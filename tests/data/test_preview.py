"""A previewed scenario can be played and looked at."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from microturn.core.errors import InputError
from microturn.core.wav import read_wav
from microturn.data.preview import COLORS, preview
from microturn.media.av import read_audio, video_frames


def test_a_preview_is_a_page_with_its_sound_and_its_picture(tmp_path: Path) -> None:
    page = preview("not for me", 3, "val", tmp_path / "new")
    assert page.name == "not-for-me-3.html" and page.with_suffix(".wav").name in page.read_text()
    assert len(read_wav(page.with_suffix(".wav"))) > 16_000
    picture = ET.parse(page.with_suffix(".svg")).getroot()
    texts = ["".join(node.itertext()) for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"user", "expected", "0 s, tick 0"} <= set(texts) and len(texts) > 20


def test_the_picture_shows_what_is_expected_when(tmp_path: Path) -> None:
    page = preview("countdown", 1, "train", tmp_path)
    picture = page.with_suffix(".svg").read_text()
    assert ">two<" in picture and "(countdown)" in page.read_text()
    agent = read_wav(page.with_suffix(".wav"))[:, 1]
    boxes = ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}rect")
    starts_s = [(float(b.attrib["x"]) - 70) / 110 for b in boxes if b.get("fill") == COLORS["expected"]]
    assert starts_s and all(agent[int(s * 16_000) :][:3_200].any() for s in starts_s)
    assert not agent[: int(starts_s[0] * 16_000) - 100].any()


@pytest.mark.parametrize(("skill", "split"), [("juggle", "train"), ("count", "exam")])
def test_what_does_not_exist_cannot_be_previewed(tmp_path: Path, skill: str, split: str) -> None:
    with pytest.raises(InputError, match="one of"):
        preview(skill, 0, split, tmp_path)  # type: ignore[arg-type]


def test_what_is_to_be_seen_is_a_video_with_both_sides_sound(tmp_path: Path) -> None:
    page = preview("asked", 4, "train", tmp_path)
    video = page.with_suffix(".mp4")
    frames = list(video_frames(video))
    seconds = len(read_wav(page.with_suffix(".wav"))) / 16_000
    assert frames[0].rgb.shape == (340, 320, 3) and len(frames) == pytest.approx(25 * seconds, abs=2)
    assert len(read_audio(video)) == pytest.approx(16_000 * seconds, abs=3_200)
    assert video.name in page.read_text() and "Appeared(" in page.read_text()
