"""`microturn demo`: conversations the model has never met, held live on the fast clock. The page is page.py."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from microturn.commands.both import BOTH, SAID, played, write_sides
from microturn.commands.held import IN_FULL, Talk, counted, sounding_words
from microturn.commands.page import write_page
from microturn.commands.places import writable_folder
from microturn.commands.timeline import Teller
from microturn.commands.weights import open_weights, talker
from microturn.core.chunk import Chunk
from microturn.core.clock import CHUNK_SAMPLES, FastClock
from microturn.core.errors import MissingDependency
from microturn.core.participant import Participant, converse
from microturn.core.recording import Replay
from microturn.data.oracle import oracle
from microturn.data.render import RenderConfig, Rendered, render
from microturn.data.scenarios import ALL_SKILLS, sample_script
from microturn.data.script import Script, evenly_spoken, staged
from microturn.data.sight.play import seen
from microturn.data.voices import Prosody, Voice, available_engines, voices
from microturn.eval.marks import marks

PROGRAM = ("answer", "self-correction", "count", "convert", "interval", "not for me", "memory")
SPOKEN_PROGRAM = (*PROGRAM, "barge-in")
SEEN_PROGRAM = ("reps", "appear")  # for a model that sees, behind the others
NATURAL_AT = 6  # one scenario is spoken by the natural test voice, where its engine is installed
LENGTH_MS = (8_000, 26_000)
TRIES = 50
MIN_EXPECTED = 2


@dataclass(frozen=True)
class Scene:
    """One scenario, ready to be spoken."""

    skill: str
    script: Script
    voice: Voice
    sound: Rendered


def demo(out: Path, weights: Path | None, seed: int) -> None:
    """Hold every scenario of the program, print it, and write the page."""
    checkpoint = open_weights(weights)
    writable_folder(out)
    console = Console(highlight=False, soft_wrap=True)
    console.print("Scenarios of the test split: phrases, combinations and voices that training never had.")
    console.print("The voices are speech synthesizers, the only ones this model knows.\n")
    talks: list[Talk] = []
    config = checkpoint.model.config
    for number, scene in enumerate(scenes(seed, config.voice is not None, config.sight is not None)):
        console.print(f"[bold]{number + 1}. {scene.skill}[/], spoken by {scene.voice.id}")
        talks.append(held(scene, console, talker(checkpoint, seed)))
        if talks[-1].said_pcm is not None:
            write_sides(out / f"{number + 1}-{SAID}", out / f"{number + 1}-{BOTH}", talks[-1].pcm, talks[-1].said_pcm)
        console.print()
    page = write_page(out / "index.html", talks, checkpoint.notes)
    console.print(counted([mark for talk in talks for mark in talk.marks], IN_FULL), style="bold")
    console.print(f"Listen to it and look at it: {page}", markup=False)


def scenes(seed: int, aloud: bool = False, sees: bool = False) -> Iterator[Scene]:
    """The program; what is drawn depends on the seed and on which voices are installed, never on what a model says.

    `aloud`: for a model that speaks. What it says takes time then, and there is more in the program. `sees`: for one
    with sight, which is shown something too.
    """
    installed = [engine for engine, trouble in available_engines().items() if not trouble]
    synthetic, natural = ([v for v in voices("test", g) if v.engine in installed] for g in ("synthetic", "natural"))
    if not synthetic + natural:
        raise MissingDependency("espeak-ng", "a demo", "apt install libespeak-ng1 espeak-ng-data")
    program = (SPOKEN_PROGRAM if aloud else PROGRAM) + (SEEN_PROGRAM if sees else ())
    for number, skill in enumerate(program):
        cast = natural if number == NATURAL_AT and natural else synthetic or natural
        voice = cast[(number + seed) % len(cast)]
        script = _script(skill, seed)
        yield Scene(skill, script, voice, _sound(script, voice, seed, aloud))


def held(scene: Scene, console: Console, model: Participant) -> Talk:
    """Let the model hear a scene and print what happens as it happens."""
    sound = scene.sound
    ticks = len(sound.pcm) // CHUNK_SAMPLES
    film = () if sound.film is None else tuple(sound.film(tick) for tick in range(ticks))
    shown = film or (None,) * ticks
    heard_pcm = sound.pcm.reshape(-1, CHUNK_SAMPLES)
    user = Replay([Chunk(pcm, frame=frame) for pcm, frame in zip(heard_pcm, shown, strict=True)])
    teller = Teller(console, sound)
    for turn in converse(user, model, FastClock(), ticks):
        teller.tell(turn)
    teller.finish()
    found, heard = tuple(marks(teller.said, sound.expects)), tuple(teller.heard)
    if not teller.voiced:
        return Talk(scene.skill, scene.voice, sound.pcm, sound.spoken, heard, found, film=film)
    words = tuple(sounding_words(teller.said))
    return Talk(scene.skill, scene.voice, sound.pcm, sound.spoken, heard, found, played(teller.blocks), words, film)


def _script(skill: str, seed: int) -> Script:
    """The first script of a convenient length in which several things are expected; else the last that was drawn."""
    script = None
    for attempt in range(TRIES):
        script = sample_script(skill, np.random.default_rng([seed, ALL_SKILLS.index(skill), attempt]), "test")
        placed = evenly_spoken(script)
        shots = staged(script, [line.words[-1].end_ms for line in placed.spoken], 0, placed.end_ms)
        expected = len(oracle(placed.spoken, placed.end_ms, seen=seen(shots)))
        if not script.negative and LENGTH_MS[0] <= placed.end_ms <= LENGTH_MS[1] and expected >= MIN_EXPECTED:
            break
    assert script is not None
    return script


def _sound(script: Script, voice: Voice, seed: int, aloud: bool) -> Rendered:
    """The script in this voice; another draw where a stranger's voice is not installed."""
    for attempt in range(TRIES):
        try:
            rng = np.random.default_rng([seed, attempt])
            return render(script, voice, Prosody(), rng, RenderConfig(spoken=aloud))
        except MissingDependency:
            if attempt + 1 == TRIES:
                raise
    raise AssertionError("TRIES is above 0")
