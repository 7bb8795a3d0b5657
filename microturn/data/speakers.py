"""Speakers: a voice with one vocal tract each, what they will be asked to say, and where their clips are.

A pool folder holds `plan.jsonl` (every script and who speaks it) beside the clips, so that a pool stays whole when the
world's phrases change.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from microturn.core.errors import InputError
from microturn.data.mixture import CLOSING
from microturn.data.pool import ClipPool, Job, PoolClip, build_pool
from microturn.data.scenarios import ALL_SKILLS, SKILLS, sample_script
from microturn.data.script import Script, script_from_json, script_to_json
from microturn.data.splits import Split
from microturn.data.voices import GROUPS, Prosody, Voice, fits_user, voice, voices

TRACTS = (0.82, 1.22)


class Speaker(NamedTuple):
    """`id` is "voice@tract"; pitch is the speaker's own, a factor."""

    id: str
    voice: Voice
    tract: float
    pitch: float


@dataclass(frozen=True)
class CastConfig:
    """How many speakers are made of each voice, and how many scripts of each skill they get.

    `groups` of voices take part, `most_speakers` of them at most; `degraded_share` of the clips is made to sound worse.
    `skills`: those that get scripts; a second pool of the same cast with other skills adds to the first.
    """

    split: Split = "train"
    natural_tracts: int = 8
    synthetic_tracts: int = 2
    scripts_per_skill: int = 9
    seed: int = 1
    groups: tuple[str, ...] = GROUPS
    most_speakers: int = 1_000
    degraded_share: float = 0.3
    skills: tuple[str, ...] = SKILLS


class PlannedScript(NamedTuple):
    """A script and the id of the speaker who plays the user in it."""

    speaker: str
    script: Script


def cast(config: CastConfig) -> list[Speaker]:
    """All speakers of a split; the unwarped voice is always among a voice's speakers if it may speak as a user."""
    rng = np.random.default_rng([config.seed, 17])
    speakers: list[Speaker] = []
    for member in (v for v in voices(config.split) if v.group in config.groups):
        count = config.natural_tracts if member.group == "natural" else config.synthetic_tracts
        edges = np.geomspace(*TRACTS, count)
        tracts = [1.0, *(float(t) for t in edges * np.exp(rng.uniform(-0.02, 0.02, count)))]
        for tract in tracts[: count + 1] if count > 2 else [1.0, *rng.choice(tracts[1:], count - 1)]:
            pitch = float(np.exp(rng.uniform(-0.18, 0.18))) if tract != 1.0 else 1.0
            if fits_user(member, Prosody(tract=tract)):
                speakers.append(Speaker(f"{member.id}@{tract:.3f}", member, round(float(tract), 3), pitch))
    return [speakers[i] for i in rng.permutation(len(speakers))][: config.most_speakers]


def plan(config: CastConfig, speakers: Sequence[Speaker]) -> list[PlannedScript]:
    """Scripts for every speaker."""
    return [
        PlannedScript(speaker.id, sample_script(skill, _rng(config, number, order, k), config.split))
        for number, speaker in enumerate(speakers)
        for order, skill in enumerate(ALL_SKILLS)
        if skill in config.skills
        for k in range(config.scripts_per_skill)
    ]


def _rng(config: CastConfig, *key: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, *key])


def jobs(config: CastConfig, speakers: Sequence[Speaker], planned: Sequence[PlannedScript]) -> Iterator[Job]:
    """Every clip the plan needs, once a speaker and text; lines of other people go to any speaker."""
    rng = np.random.default_rng([config.seed, 23])
    by_id = {s.id: s for s in speakers}
    ids = list(by_id)
    wanted: dict[tuple[str, str], None] = {}
    for entry in planned:
        for line in entry.script.lines:
            who = entry.speaker if line.speaker == "user" else ids[int(rng.integers(len(ids)))]
            wanted[who, line.text] = None
    for who in ids:
        for line in CLOSING.values():
            wanted[who, line.text] = None
    for who, text in wanted:
        speaker = by_id[who]
        pace = float(np.exp(rng.uniform(-0.16, 0.18)))
        pitch = speaker.pitch * float(np.exp(rng.uniform(-0.04, 0.04)))
        yield Job(speaker.voice.id, text, Prosody(round(pace / speaker.tract, 3), round(pitch, 3), speaker.tract))


def write_plan(folder: Path, config: CastConfig, planned: Sequence[PlannedScript]) -> None:
    """Beside the clips."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"split": config.split}), *(json.dumps([p.speaker, script_to_json(p.script)]) for p in planned)]
    (folder / "plan.jsonl").write_text("\n".join(rows) + "\n")


def plan_file(folder: Path) -> Path:
    """Where a pool's plan is; InputError where there is none."""
    path = folder / "plan.jsonl"
    if not path.exists():
        raise InputError("no plan", path, "nothing", "a pool made by `microturn data pool`")
    return path


def make_pool(
    config: CastConfig,
    folder: Path,
    processes: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Clips of a whole cast, then the plan; goes on with what is there. `progress(done, total)` counts clips."""
    speakers = cast(config)
    planned = plan(config, speakers)
    clips = list(jobs(config, speakers, planned))
    build_pool(clips, folder, processes, config.seed, config.degraded_share, progress)
    write_plan(folder, config, planned)


def cast_folder(folder: Path, config: CastConfig) -> Path:
    """Where a cast's pool lies among those of a recipe: the same cast may have several, with different skills."""
    others = "" if config.skills == SKILLS else f"-{config.skills[0].replace(' ', '-')}"
    return folder / f"cast-{config.seed}{others}"


def pools_in(folder: Path) -> list[Path]:
    """The folder itself, or the pools of several casts in it."""
    return sorted(folder.glob("cast-*")) or [folder]


class _Place(NamedTuple):
    pool: ClipPool
    index: int


class Cast:
    """Speakers with their scripts and clips, as mixture.Clips wants them."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._clips: dict[str, dict[str, list[_Place]]] = {}
        rows = [row for folder in folders for row in self._open(folder)]
        self._anyone: dict[str, list[str]] = {}
        for who, texts in self._clips.items():
            for text in texts:
                self._anyone.setdefault(text, []).append(who)
        self._scripts: dict[str, list[Script]] = {}
        self._banks: dict[tuple[str, str], list[str]] = {}
        for row in rows:
            speaker, script = json.loads(row)
            self._take(PlannedScript(speaker, script_from_json(script)))
        self._groups = {
            group: [s for s in self._scripts if group in (None, voice(s.split("@")[0]).group)]
            for group in (None, "natural", "synthetic")
        }

    def _open(self, folder: Path) -> list[str]:
        """Index a pool's clips; returns the rows of its plan."""
        rows = plan_file(folder).read_text().splitlines()[1:]
        pool = ClipPool.open(folder)
        for index in range(len(pool)):
            clip = pool.clip(index)
            who = f"{clip.voice}@{pool.prosody(index).tract:.3f}"
            self._clips.setdefault(who, {}).setdefault(clip.text, []).append(_Place(pool, index))
        return rows

    def _take(self, planned: PlannedScript) -> None:
        """Keep a planned script if the speaker's part of it has been synthesised."""
        script = planned.script
        said = self._clips.get(planned.speaker, {})
        lines = [line for line in script.lines if line.speaker == "user"]
        if not lines or any(line.text not in said for line in lines):
            return
        self._scripts.setdefault(planned.speaker, []).append(script)
        if script.skill in ("count", "convert", "taboo"):
            stories = [line.text for line in lines if line.meaning is None and len(line.text.split()) >= 3]
            self._banks.setdefault((planned.speaker, script.skill), []).extend(stories)

    def speakers(self, group: str | None = None) -> Sequence[str]:
        """Ids of the speakers that have scripts."""
        return self._groups[group]

    def scripts(self, speaker: str) -> Sequence[Script]:
        """The speaker's scripts."""
        return self._scripts[speaker]

    def bank(self, speaker: str, skill: str) -> Sequence[str]:
        """Story phrases the speaker has for a skill."""
        return self._banks.get((speaker, skill), ())

    def say(self, speaker: str, text: str, rng: np.random.Generator, unlike: str = "") -> PoolClip | None:
        """A clip of `text` by the speaker, or by somebody else who has it, never by the voice of `unlike`."""
        places = self._clips.get(speaker, {}).get(text)
        if places is None:
            others = [w for w in self._anyone.get(text, ()) if w.split("@")[0] != unlike.split("@")[0]]
            if not others:
                return None
            places = self._clips[others[int(rng.integers(len(others)))]][text]
        place = places[int(rng.integers(len(places)))]
        return place.pool.clip(place.index)
