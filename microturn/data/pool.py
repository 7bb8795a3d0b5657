"""A pool of spoken clips on disk, as finely quantised log-mel: built by several processes, resumable, memory-mapped.

Folder: pool.json (what was asked for) and one folder per shard with clips.jsonl (one row per clip) and mel.u8 (uint8
[frames, 80], row-major; level q stands for q / 2 - 120 dB). Clip i is job i, whatever the number of processes; a shard
exists only when it is whole, so a killed build goes on where it stopped.
Shapes: F mel frames of 20 ms, C = 80 channels.
"""

import hashlib
import json
import multiprocessing
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from microturn.core.errors import InputError
from microturn.data import degrade
from microturn.data.voices import Prosody, WordTime, synthesize, voice
from microturn.media.mel import FLOOR_DB, MelConfig, log_mel_db

JOBS_PER_SHARD = 512
STEPS_PER_DB = 2.0
HOP_SAMPLES = MelConfig().hop_samples
N_MELS = MelConfig().n_mels
MAX_OFFSET_SAMPLES = HOP_SAMPLES - 1


class Job(NamedTuple):
    """One clip to make."""

    voice_id: str
    text: str
    prosody: Prosody = Prosody()


@dataclass(frozen=True)
class PoolClip:
    """mel_u8: uint8 [F, 80], a view of the file (`to_db` gives dB); words: times from the first sample of frame 0."""

    mel_u8: np.ndarray
    words: tuple[WordTime, ...]
    voice: str
    text: str


def to_u8(mel_db: np.ndarray) -> np.ndarray:
    """Half-dB levels from -120 dB up, same shape."""
    return np.clip(np.rint((mel_db - FLOOR_DB) * STEPS_PER_DB), 0, 255).astype(np.uint8)


def to_db(mel_u8: np.ndarray) -> np.ndarray:
    """Inverse of `to_u8`, to half a dB."""
    return mel_u8.astype(np.float32) / np.float32(STEPS_PER_DB) + np.float32(FLOOR_DB)


def build_pool(
    jobs: Sequence[Job],
    folder: Path,
    processes: int = 2,
    seed: int = 0,
    degraded_share: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Say every job and store it; `progress(done, total)` counts clips, those of an earlier build included.

    `degraded_share` of the clips go through a random tone, room, telephone or noise first. A folder built from other
    jobs or another seed raises InputError.
    """
    folder = Path(folder)
    jobs = [Job(*job) for job in jobs]
    _claim(folder, jobs, seed, degraded_share)
    shards = range(-(-len(jobs) // JOBS_PER_SHARD))
    missing = [s for s in shards if not _shard_folder(folder, s).exists()]
    done = len(jobs) - sum(len(_jobs_of(jobs, s)) for s in missing)
    report = progress or (lambda done, total: None)
    report(done, len(jobs))
    work = [(s, _jobs_of(jobs, s)) for s in missing]
    for n_clips in _run(partial(_build_shard, folder, seed, degraded_share), work, processes):
        done += n_clips
        report(done, len(jobs))


class ClipPool:
    """A finished pool (or as much of it as is there), memory-mapped."""

    def __init__(self, folder: Path) -> None:
        self._rows: list[dict] = []
        self._mels: list[np.ndarray] = []
        self._by_line: dict[tuple[str, str], list[int]] = defaultdict(list)
        for shard in sorted(Path(folder).glob("shard-" + "[0-9]" * 5)):
            mel_u8 = np.memmap(shard / "mel.u8", np.uint8, "r").reshape(-1, N_MELS)
            for row in (shard / "clips.jsonl").read_text().splitlines():
                self._add(json.loads(row), mel_u8)

    @classmethod
    def open(cls, folder: Path) -> "ClipPool":
        """Raises InputError where no pool lies in `folder`."""
        if not (Path(folder) / "pool.json").exists():
            raise InputError("no pool of clips", folder, "no pool.json", "a folder made by `build_pool`")
        return cls(folder)

    def _add(self, row: dict, mel_u8: np.ndarray) -> None:
        self._by_line[row["voice"], row["text"]].append(len(self._rows))
        self._rows.append(row)
        self._mels.append(mel_u8)

    def __len__(self) -> int:
        return len(self._rows)

    def clip(self, index: int) -> PoolClip:
        """Clip of job `index`."""
        row = self._rows[index]
        first = row["offset_frames"]
        words = tuple(WordTime(*word) for word in row["words"])
        return PoolClip(self._mels[index][first : first + row["n_frames"]], words, row["voice"], row["text"])

    def find(self, voice_id: str, text: str) -> list[int]:
        """Indices of the clips in which this voice says this line."""
        return list(self._by_line.get((voice_id, text), ()))

    def prosody(self, index: int) -> Prosody:
        """How clip `index` is said."""
        return Prosody(**self._rows[index]["prosody"])


def _claim(folder: Path, jobs: Sequence[Job], seed: int, degraded_share: float) -> None:
    digest = hashlib.sha256(repr(jobs).encode()).hexdigest()[:16]
    header = {"seed": seed, "degraded_share": degraded_share, "n_jobs": len(jobs), "jobs": digest}
    header |= {"jobs_per_shard": JOBS_PER_SHARD, "hop_samples": HOP_SAMPLES, "n_mels": N_MELS}
    path = folder / "pool.json"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(json.dumps(header, indent=1) + "\n")
        return
    found = json.loads(path.read_text())
    if found != header:
        raise InputError("another pool lies there", path, found, f"an empty folder, or {header}")


def _shard_folder(folder: Path, shard: int) -> Path:
    return folder / f"shard-{shard:05d}"


def _jobs_of(jobs: Sequence[Job], shard: int) -> Sequence[Job]:
    return jobs[shard * JOBS_PER_SHARD : (shard + 1) * JOBS_PER_SHARD]


def _run(
    build: Callable[[tuple[int, Sequence[Job]]], int], work: Sequence[tuple[int, Sequence[Job]]], processes: int
) -> Iterator[int]:
    if processes <= 1 or len(work) <= 1:
        yield from map(build, work)
        return
    with multiprocessing.get_context("spawn").Pool(min(processes, len(work))) as workers:
        yield from workers.imap_unordered(build, work)
        workers.close()  # leaving the block ends workers at once; this lets them end their festival first
        workers.join()


def _build_shard(folder: Path, seed: int, degraded_share: float, work: tuple[int, Sequence[Job]]) -> int:
    shard, jobs = work
    rows, mels, offset_frames = [], [], 0
    for number, job in enumerate(jobs):
        rng = np.random.default_rng((seed, shard, number))
        mel_u8, words = _spoken(job, rng, degraded_share)
        rows.append(_row(job, offset_frames, len(mel_u8), words))
        mels.append(mel_u8)
        offset_frames += len(mel_u8)
    _write_shard(_shard_folder(folder, shard), rows, np.concatenate(mels))
    return len(jobs)


def _spoken(job: Job, rng: np.random.Generator, degraded_share: float) -> tuple[np.ndarray, list[list]]:
    clip = synthesize(voice(job.voice_id), job.text, job.prosody)
    lead = int(rng.integers(MAX_OFFSET_SAMPLES + 1))
    tail = -(lead + len(clip.pcm)) % HOP_SAMPLES
    pcm = np.pad(clip.pcm, (lead, tail))
    if rng.random() < degraded_share:
        pcm = _degraded(pcm, rng)
    shift_ms = lead * 1000 / MelConfig().sample_rate_hz
    words = [[w.word, round(w.start_ms + shift_ms), round(w.end_ms + shift_ms)] for w in clip.words]
    return to_u8(log_mel_db(pcm)), words


def _degraded(pcm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Independent draws, so that a clip gets none, one or several."""
    if rng.random() < 0.6:
        pcm = degrade.eq(pcm, rng, rng.uniform(2.0, 8.0))
    if rng.random() < 0.6:
        pcm = degrade.room(pcm, rng, rng.uniform(0.15, 0.7), rng.uniform(0.0, 12.0))
    if rng.random() < 0.25:
        pcm = degrade.codec_8k(pcm)
    return pcm


def _row(job: Job, offset_frames: int, n_frames: int, words: list[list]) -> dict:
    return {
        "voice": job.voice_id,
        "text": job.text,
        "prosody": asdict(job.prosody),
        "offset_frames": offset_frames,
        "n_frames": n_frames,
        "words": words,
    }


def _write_shard(final: Path, rows: list[dict], mel_u8: np.ndarray) -> None:
    unfinished = final.with_name(f"unfinished-{final.name}-{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    (unfinished / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    mel_u8.tofile(unfinished / "mel.u8")
    unfinished.rename(final)
