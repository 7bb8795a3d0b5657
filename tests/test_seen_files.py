"""A rendered scene as a file: the model is shown that scene, and what it counts does not depend on the container."""

from pathlib import Path

import numpy as np
import pytest

from microturn.commands.run import FileSpeaker, RunRequest, run
from microturn.core.clock import FastClock
from microturn.core.events import read_rows
from microturn.core.fakes import Scripted
from microturn.core.participant import converse
from microturn.media.av import tick_pictures, write_audio, write_video
from microturn.media.picture import fitted
from tests.push_ups import COUNT, last_number, needs_sight, pictures, request

FPS, SECONDS = 10, 2


@pytest.mark.parametrize("ending", ["y4m", "mp4"])
def test_the_model_is_shown_the_scene_of_the_file_in_order_and_once_a_tick(ending: str, tmp_path: Path) -> None:
    path, model = tmp_path / f"scene.{ending}", Scripted({})
    write_video(path, pictures(240, 320, FPS, SECONDS * 1_000), FPS)
    speaker = FileSpeaker(iter(()), {}, tick_pictures(path))
    list(converse(speaker, model, FastClock(), SECONDS * 5))
    source = np.stack([fitted(picture, 80, 80) for picture in pictures(240, 320, FPS, SECONDS * 1_000)])
    assert speaker.done(SECONDS * 5 - 1)
    for tick, chunk in enumerate(model.heard):
        assert chunk.frame is not None and chunk.frame.shape == (240, 320, 3)
        shown = fitted(chunk.frame, 80, 80).astype(np.float32)
        assert np.abs(shown - source[2 * tick + 1]).mean() < 5  # of two pictures a tick the newer one


def test_push_ups_are_counted_the_same_from_y4m_and_mp4(tmp_path: Path) -> None:
    needs_sight()
    write_audio(tmp_path / "asked.wav", request())
    counts: list[int] = []
    for ending in ("y4m", "mp4"):
        path, out = tmp_path / f"push-ups.{ending}", tmp_path / ending
        write_video(path, pictures(240, 320, FPS), FPS)
        run(RunRequest(tmp_path / "asked.wav", out, video=path))
        said = [row["text"] for _, row in read_rows(out / "said.jsonl") if row["kind"] == "say"]
        counts.append(last_number(said))
    assert counts[0] == counts[1] and abs(counts[0] - COUNT) <= 1
