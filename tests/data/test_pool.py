"""The clip pool: what is stored is what was said, a killed build goes on, other jobs are refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from microturn.core.errors import InputError
from microturn.data import pool
from microturn.data.pool import ClipPool, Job, build_pool, to_db, to_u8
from microturn.data.voices import Clip, Prosody, WordTime

JOBS = [
    Job(voice_id, text, Prosody(tract=tract))
    for voice_id in ("espeak:en-us", "flite:kal16")
    for text in ("hello", "what is two plus two")
    for tract in (0.9, 1.1)
]


@pytest.fixture(autouse=True)
def tone_instead_of_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tone of 100 ms a word, so that no synthesiser is needed; two jobs a shard."""

    def tone(voice, text: str, prosody: Prosody) -> Clip:
        words = text.split()
        pcm = 0.1 * np.sin(np.arange(1600 * len(words)) * prosody.tract)
        return Clip(pcm.astype(np.float32), tuple(WordTime(w, 100 * i, 100 * i + 100) for i, w in enumerate(words)))

    monkeypatch.setattr(pool, "synthesize", tone)
    monkeypatch.setattr(pool, "JOBS_PER_SHARD", 2)


def test_clip_i_is_job_i_with_its_words(tmp_path: Path) -> None:
    build_pool(JOBS, tmp_path, processes=1)
    clips = ClipPool.open(tmp_path)
    assert len(clips) == len(JOBS)
    for i, job in enumerate(JOBS):
        clip = clips.clip(i)
        assert (clip.voice, clip.text, clips.prosody(i)) == tuple(job)
        assert [w.word for w in clip.words] == job.text.split()
        assert 0 <= len(clip.mel_u8) * 20 - clip.words[-1].end_ms <= 20
        assert clip.mel_u8.shape[1] == 80 and to_db(clip.mel_u8).max() == pytest.approx(-20, abs=6)
    assert clips.find("flite:kal16", "hello") == [4, 5]
    assert clips.find("flite:kal16", "bye") == []


def test_a_killed_build_goes_on_and_gives_the_same_pool(tmp_path: Path) -> None:
    build_pool(JOBS, tmp_path / "whole", processes=1, degraded_share=0.5)
    build_pool(JOBS, tmp_path / "killed", processes=1, degraded_share=0.5)
    shutil.rmtree(tmp_path / "killed" / "shard-00002")
    (tmp_path / "killed" / "unfinished-shard-00002-4711").mkdir()
    counts = []
    build_pool(JOBS, tmp_path / "killed", 1, degraded_share=0.5, progress=lambda done, total: counts.append(done))
    assert counts == [6, 8]
    whole, resumed = ClipPool.open(tmp_path / "whole"), ClipPool.open(tmp_path / "killed")
    for i in range(len(JOBS)):
        np.testing.assert_array_equal(whole.clip(i).mel_u8, resumed.clip(i).mel_u8)


def test_other_jobs_or_seeds_do_not_mix_into_a_pool(tmp_path: Path) -> None:
    build_pool(JOBS, tmp_path, processes=1)
    with pytest.raises(InputError, match="another pool"):
        build_pool(JOBS[1:], tmp_path, processes=1)
    with pytest.raises(InputError, match="another pool"):
        build_pool(JOBS, tmp_path, processes=1, seed=1)


def test_a_folder_without_a_pool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pool"):
        ClipPool.open(tmp_path)


def test_stored_levels_are_within_a_quarter_of_a_decibel() -> None:
    db = np.linspace(-120, 7.5, 999, dtype=np.float32)
    assert np.abs(to_db(to_u8(db)) - db).max() <= 0.2501
