"""How fast scenes are drawn: frames a second of one core for each kind of scene, and what a stream of 64 s costs.

    python benchmarks/scenes.py [--json] [--frames 400]

Frames are those of the training split's looks, at the size and rate that the model sees them. Times are those of the
process, so that other work on the machine does not count; ratios are to a plain matrix product of the same machine.
"""

import argparse
import json
import time
from typing import Any

import numpy as np

from microturn.core.clock import TICK_MS
from microturn.core.provenance import provenance
from microturn.data.scenarios import SIGHT_SKILLS, sample_script
from microturn.data.script import SceneScript
from microturn.data.sight.film import Film
from microturn.data.sight.play import (
    EXERCISES,
    Go,
    Hand,
    Lean,
    Moving,
    Play,
    Rep,
    Shot,
    Shown,
    Sitting,
    Staged,
    Thing,
    Things,
)
from microturn.data.sight.scene import HEIGHT, WIDTH, Scene

STREAM_TICKS = 320
PER_SCENE = 40


def main() -> None:
    options = parse_options()
    kinds = {name: frames_per_s(plays, options.frames) for name, plays in scenes().items()}
    unit_s = matrix_s()
    report = {
        "frames_per_s": kinds,
        "slowest_frames_per_s": min(kinds.values()),
        "frame_in_matrix_products": {name: round(1.0 / (rate * unit_s), 3) for name, rate in kinds.items()},
        "scene_ms": round(set_up_ms(), 3),
        "stream_s": {skill: stream_s(skill) for skill in SIGHT_SKILLS},
        "picture": {"height": HEIGHT, "width": WIDTH},
        **provenance("python benchmarks/scenes.py"),
    }
    print(json.dumps(report) if options.json else table(report))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--frames", type=int, default=400, help="frames of each kind of scene (default 400)")
    return parser.parse_args()


def scenes() -> dict[str, Play]:
    """One play of each kind, in motion all the time."""
    found: dict[str, Play] = {}
    for motion in EXERCISES:
        reps = tuple(Rep(motion, 2_000 * n, 2_000) for n in range(PER_SCENE))
        found[motion] = Moving("floor" if motion == "push ups" else "standing", reps)
    found["hand"] = Hand(5, tuple(Shown(400 * n, n % 6) for n in range(PER_SCENE)))
    found["sitting"] = Sitting(0.0, tuple(Lean(1_000 * n, 1_000, n % 2) for n in range(PER_SCENE)))
    goes = tuple(Go(1_000 * n, 1_000, 0.2 + 0.6 * (n % 2)) for n in range(PER_SCENE))
    colors = enumerate(("red", "blue", "green"))
    found["things"] = Things(tuple(Thing("star", color, 0.5, 0.2 + 0.2 * i, goes) for i, color in colors))
    return found


def frames_per_s(play: Play, count: int) -> float:
    """Frames of one core's second, scenes made anew every 40 frames (8 s of a session)."""
    began_s = time.process_time()
    drawn = 0
    for seed in range(-(-count // PER_SCENE)):
        scene = Scene(Shot(play, "train", seed))
        for tick in range(PER_SCENE):
            drawn += scene.frame(tick * TICK_MS).size > 0
    return round(drawn / (time.process_time() - began_s), 1)


def set_up_ms() -> float:
    """What a scene costs before its first frame."""
    play = scenes()["squats"]
    began_s = time.process_time()
    for seed in range(PER_SCENE):
        Scene(Shot(play, "train", seed))
    return 1_000 * (time.process_time() - began_s) / PER_SCENE


def stream_s(skill: str) -> float:
    """All frames of a stream of 64 s that is filled with shots of one skill."""
    staged: list[Staged] = []
    for number in range(4):
        script = sample_script(skill, np.random.default_rng(number), "train")
        assert isinstance(script, SceneScript)
        start_ms = number * STREAM_TICKS * TICK_MS // 4
        staged.append(Staged(script.shot, start_ms, start_ms + 2_000, start_ms + STREAM_TICKS * TICK_MS // 4))
    film = Film(staged)
    began_s = time.process_time()
    seen = sum(film(tick) is not None for tick in range(STREAM_TICKS))
    assert seen == STREAM_TICKS
    return round(time.process_time() - began_s, 3)


def matrix_s() -> float:
    """A product of two 256 x 256 float32 matrices, best of 20: the yardstick."""
    matrix = np.random.default_rng(0).standard_normal((256, 256), dtype=np.float32)
    best_s = float("inf")
    for _ in range(20):
        began_s = time.process_time()
        for _ in range(10):
            _ = matrix @ matrix
        best_s = min(best_s, (time.process_time() - began_s) / 10)
    return best_s


def table(report: dict[str, Any]) -> str:
    lines = [f"{'scene':<16}{'frames a second':>16}{'in matrix products':>20}"]
    for name, rate in report["frames_per_s"].items():
        lines.append(f"{name:<16}{rate:>16.0f}{report['frame_in_matrix_products'][name]:>20.2f}")
    lines += [f"{skill:<16}{seconds:>16.2f} s of one core for 64 s" for skill, seconds in report["stream_s"].items()]
    lines.append(f"{'a new scene':<16}{report['scene_ms']:>16.2f} ms")
    lines.append(f"machine    {report['machine']}")
    lines.append(f"command    {report['command']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
