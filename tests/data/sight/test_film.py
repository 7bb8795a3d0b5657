"""The camera of a session: what it gives in a tick, and what it does not."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from microturn.data.mixture import MixConfig, build_stream
from microturn.data.scenarios import SIGHT_SKILLS, sample_script
from microturn.data.script import PlainWord, Script
from microturn.data.sight.clip import written_frames
from microturn.data.sight.film import Film, inner_size
from microturn.data.sight.play import Hand, Shot, Shown, Staged
from microturn.data.sight.scene import Scene
from microturn.data.stream import Stream

WIDE, SQUARE = Shot(Hand(2), "train", 5), Shot(Hand(5, (Shown(400, 0),)), "train", 6)
STAGED = (Staged(SQUARE, 200, 600, 1_600), Staged(WIDE, 2_000, 2_000, 3_000))


def test_a_tick_has_the_frame_of_the_shot_that_is_on() -> None:
    film = Film(STAGED, phase_ms=50)
    assert [tick for tick in range(16) if film(tick) is not None] == [*range(1, 8), *range(10, 15)]
    np.testing.assert_array_equal(film(4), Scene(SQUARE).frame(4 * 200 + 50 - 600))


def test_a_lost_frame_does_not_arrive_and_changes_no_other() -> None:
    whole, lossy = Film(STAGED), Film(STAGED, lost=[3])
    assert lossy(3) is None
    np.testing.assert_array_equal(whole(4), lossy(4))


def test_a_wide_picture_has_black_above_and_below() -> None:
    height, width = inner_size(WIDE, 80, 80)
    frame = Film(STAGED)(11)
    assert (height, width) == (45, 80) and frame is not None and frame.shape == (80, 80, 3)
    assert not frame[:17].any() and not frame[-17:].any() and frame[20:60].any()


def test_films_of_the_same_shots_are_equal() -> None:
    assert Film(STAGED) == Film(STAGED) != Film(STAGED, phase_ms=3)


def test_what_is_written_repeats_the_last_frame() -> None:
    first, second, third = written_frames(Film(STAGED, lost=[2]), 3)
    assert not first.any() and second.any()
    np.testing.assert_array_equal(second, third)


class Clip:
    def __init__(self, text: str) -> None:
        words = text.replace(",", "").split()
        self.mel_u8 = np.full((5 * len(words), 80), 120, np.uint8)
        self.words = tuple(PlainWord(word, 100 * i, 100 * i + 90) for i, word in enumerate(words))


class Clips:
    """Everybody says anything; scripts are those of one skill."""

    def __init__(self, skill: str) -> None:
        self.mine = [sample_script(skill, np.random.default_rng(seed), "train") for seed in range(8)]

    def speakers(self, group: str | None = None) -> Sequence[str]:
        return ("ann@1.000", "bob@1.000")

    def scripts(self, speaker: str) -> Sequence[Script]:
        return self.mine

    def say(self, speaker: str, text: str, rng: np.random.Generator, unlike: str = "") -> Clip:
        return Clip(text)

    def bank(self, speaker: str, skill: str) -> Sequence[str]:
        return ()


CONFIG = MixConfig(ticks=300, typed_share=0.0, typed_fresh_share=0.0, babble_share=0.0, dark_share=0.0)


@pytest.mark.parametrize("skill", SIGHT_SKILLS)
def test_a_stream_shows_what_its_labels_speak_of(skill: str) -> None:
    streams = [build_stream(Clips(skill), np.random.default_rng(seed), CONFIG) for seed in range(4)]
    assert all(isinstance(stream.frames, Film) for stream in streams)
    assert {e.skill for stream in streams for e in stream.expects} >= {skill}
    for stream in streams:
        assert isinstance(stream.frames, Film)
        shots = stream.frames.staged
        assert all(one.end_ms <= other.start_ms for one, other in pairwise(shots))
        assert {staged.shot.split for staged in shots} == {"train"}


def test_a_stream_of_other_skills_has_a_camera_only_where_asked() -> None:
    def stream(share: float) -> Stream:
        return build_stream(Clips("answer"), np.random.default_rng(1), replace(CONFIG, camera_share=share))

    assert stream(0.0).frames is None
    watched = stream(1.0)
    assert isinstance(watched.frames, Film) and watched.frames(50) is not None
    assert watched.expects == stream(0.0).expects


@pytest.mark.parametrize("skill", ["asked", "appear", "fingers"])
def test_what_is_seen_may_be_asked_about_in_writing(skill: str) -> None:
    config = replace(CONFIG, ticks=600, typed_fresh_share=1.0, typed_seen_share=1.0)
    streams = [build_stream(Clips(skill), np.random.default_rng(seed), config) for seed in range(3)]
    assert all(stream.typed for stream in streams)
    assert {e.skill for stream in streams for e in stream.expects} >= {"fingers" if skill == "fingers" else "asked"}


def test_more_may_be_asked_about_what_is_seen_as_long_as_there_is_room() -> None:
    def answers(more: int, room: int = 150) -> int:
        config = replace(CONFIG, ticks=600, typed_seen_more=more, typed_tokens=room)
        streams = [build_stream(Clips("asked"), np.random.default_rng(seed), config) for seed in range(6)]
        assert all(sum(len(one.text.split()) + 2 for one in s.typed) <= room + 2 * len(s.typed) for s in streams)
        return sum(e.skill == "asked" for s in streams for e in s.expects)

    assert answers(9) > 1.5 * answers(0) and answers(9, room=20) < answers(9)
