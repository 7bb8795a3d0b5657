"""Which scenarios the world is examined with: skill, voice and seed, drawn once and rendered when needed."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from microturn.core.config import to_dict
from microturn.core.errors import InputError
from microturn.core.wav import WavWriter, read_wav
from microturn.data.render import RenderConfig, Rendered, relabelled, render
from microturn.data.scenarios import ALL_SKILLS, SIGHT_SKILLS, SKILLS, sample_script
from microturn.data.script import PlainWord, SceneScript, Script
from microturn.data.splits import Split
from microturn.data.voices import Prosody, Voice, fits_user, voices

GROUPS = ("seen", "unseen synthetic", "unseen natural", "canonical")
SEEN_LOOKS = "seen looks"
RATE_SPREAD = 0.12
PITCH_SPREAD = 0.08


@dataclass(frozen=True)
class WorldScenario:
    """One examination, as plain values; `rendered` makes it sound. `id` is unique in its list.

    `blind`: every picture that the camera gives is black; what is right then is right by chance.
    """

    id: str
    group: str
    script: Script
    voice: Voice
    prosody: Prosody
    seed: int
    config: RenderConfig = field(default_factory=RenderConfig)
    blind: bool = False


def world_scenarios(
    split: Split = "test",
    groups: Sequence[str] = GROUPS,
    per_skill: int = 12,
    seed: int = 0,
    skills: Sequence[str] = SKILLS,
    config: RenderConfig = RenderConfig(),
) -> list[WorldScenario]:
    """`per_skill` scenarios of every skill for every group; the groups share their scripts and differ in voices.

    "seen": scripts of `split`, voices of training; "unseen synthetic" and "unseen natural": scripts and voices of
    `split`; "canonical": scripts of training, for users say those phrases, and voices of `split`. Every fourth scenario
    of a skill is a negative one. "seen looks" has the scripts and voices of "unseen synthetic" that show something, and
    shows it as training does: what differs between the two is the appearance alone.
    """
    made: list[WorldScenario] = []
    for group in groups:
        speakers = _voices(split, group)
        for skill in skills if group != SEEN_LOOKS else [s for s in skills if s in SIGHT_SKILLS]:
            for number in range(per_skill):
                key = [seed, number, ALL_SKILLS.index(skill)]
                script = _script(skill, key, "train" if group == "canonical" else split, number % 4 == 3)
                if group == SEEN_LOOKS:
                    script = _looking_seen(script)
                rng = np.random.default_rng([*key, GROUPS.index("unseen synthetic" if group == SEEN_LOOKS else group)])
                speaker = speakers[(number + ALL_SKILLS.index(skill)) % len(speakers)]
                name = f"{group}/{skill}/{number}"
                draw = _prosody(rng), int(rng.random() * 2**31)
                made.append(WorldScenario(name, group, script, speaker, *draw, config))
    return made


def validation_scenarios(
    per_skill: int = 4, seed: int = 0, config: RenderConfig = RenderConfig(), skills: Sequence[str] = SKILLS
) -> list[WorldScenario]:
    """Scripts and voices of the val split, which has synthetic voices only."""
    return world_scenarios("val", ("unseen synthetic",), per_skill, seed, skills, config)


def blindfolded(scenarios: Sequence[WorldScenario]) -> list[WorldScenario]:
    """Those with something to see once more, every picture black."""
    watching = [s for s in scenarios if isinstance(s.script, SceneScript)]
    return [replace(s, id=f"{s.id}/blind", group=f"{s.group}, blind", blind=True) for s in watching]


def rendered(scenario: WorldScenario, cache: Path | None = None) -> Rendered:
    """The sound and the labels. `cache`: a folder that keeps sounds, so that they repeat exactly, but no labels."""
    if cache is None:
        return _render(scenario)
    pcm_file = cache / f"{_digest(scenario)}.wav"
    words_file = pcm_file.with_suffix(".json")
    if words_file.exists():
        rows = cast("list[list[list[Any]]]", json.loads(words_file.read_text()))
        words = [[PlainWord(*word) for word in row] for row in rows]
        return relabelled(scenario.script, words, read_wav(pcm_file)[:, 0], scenario.config.spoken)
    fresh = _render(scenario)
    cache.mkdir(parents=True, exist_ok=True)
    own = f".{os.getpid()}.partial"  # another process may be making the same sound
    with WavWriter(pcm_file.with_suffix(own)) as wav:
        wav.write(fresh.pcm)
    pcm_file.with_suffix(own).replace(pcm_file)
    words_file.with_suffix(own).write_text(
        json.dumps([[[w.word, w.start_ms, w.end_ms] for w in s.words] for s in fresh.spoken])
    )
    words_file.with_suffix(own).replace(words_file)
    return fresh


def user_words(sound: Rendered) -> list[str]:
    """What the user said, word by word: the reference of the transcript."""
    return [word.word for spoken in sound.spoken if spoken.speaker == "user" for word in spoken.words]


def _render(scenario: WorldScenario) -> Rendered:
    rng = np.random.default_rng(scenario.seed)
    return render(scenario.script, scenario.voice, scenario.prosody, rng, scenario.config)


def _digest(scenario: WorldScenario) -> str:
    values = to_dict(replace(scenario, script=replace(scenario.script, lines=()), id="", group=""))
    del values["blind"]  # sounds the same
    whole = json.dumps(values)
    return hashlib.sha256(f"{whole} {scenario.script.lines!r}".encode()).hexdigest()[:24]


def _script(skill: str, key: Sequence[int], split: Split, negative: bool) -> Script:
    """The first one drawn that is negative, or that is not."""
    rng = np.random.default_rng(key)
    return next(
        script for script in iter(lambda: sample_script(skill, rng, split), None) if script.negative == negative
    )


def _looking_seen(script: Script) -> Script:
    """The same play in a look of training."""
    assert isinstance(script, SceneScript)
    return replace(script, shot=replace(script.shot, split="train"))


def _voices(split: Split, group: str) -> list[Voice]:
    if group not in (*GROUPS, SEEN_LOOKS):
        known = ", ".join((*GROUPS, SEEN_LOOKS))
        raise InputError("unknown group of scenarios", "world_scenarios", repr(group), f"one of {known}")
    kind = {"unseen synthetic": "synthetic", "unseen natural": "natural", SEEN_LOOKS: "synthetic"}.get(group)
    found = [v for v in voices("train" if group == "seen" else split, kind) if fits_user(v, Prosody())]
    if not found:
        raise InputError("no voices", "world_scenarios", f"{group} in {split}", "the test split, or another group")
    if group in ("canonical", "seen"):
        return _alternating(found)
    return found


def _alternating(speakers: Sequence[Voice]) -> list[Voice]:
    """Natural and synthetic voices in turn, as many of both."""
    natural = [v for v in speakers if v.group == "natural"]
    synthetic = [v for v in speakers if v.group == "synthetic"]
    if not natural or not synthetic:
        return list(speakers)
    longest = max(len(natural), len(synthetic))
    return [kind[i % len(kind)] for i in range(longest) for kind in (natural, synthetic)]


def _prosody(rng: np.random.Generator) -> Prosody:
    rate = float(np.exp(rng.uniform(-RATE_SPREAD, RATE_SPREAD)))
    return Prosody(round(rate, 3), round(float(np.exp(rng.uniform(-PITCH_SPREAD, PITCH_SPREAD))), 3))
