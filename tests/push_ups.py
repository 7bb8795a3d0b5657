"""A filmed exercise for tests of whole paths: somebody asks to have push ups counted, rests, and does some."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from microturn.commands.weights import open_weights
from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.data.lexicon import NUMBER_OF
from microturn.data.sight.play import Moving, Rep, Shot
from microturn.data.sight.scene import Scene
from microturn.data.voices import synthesize, voice

# A voice and a phrase that training never had.
VOICE, REQUEST = "espeak:en-us+Annie", "look at me and count my push ups"
SAID_MS, FIRST_MS, LENGTH_MS, COUNT = 1_000, 7_000, 2_400, 5
END_MS = FIRST_MS + COUNT * LENGTH_MS + 2_000
PLAY = Moving("floor", tuple(Rep("push ups", FIRST_MS + LENGTH_MS * n, LENGTH_MS - 300) for n in range(COUNT)))
LOOK = 3


def pictures(height: int, width: int, fps: int, length_ms: int = END_MS) -> Iterator[np.ndarray]:
    """uint8 [H, W, 3], `fps` a second; after the push ups nothing moves."""
    scene = Scene(Shot(PLAY, "test", LOOK), height, width)
    return (scene.frame(number * 1_000 // fps) for number in range(length_ms * fps // 1_000))


def request() -> np.ndarray:
    """What is asked for, float32 [N] at 16 kHz, with the silence before it."""
    return np.concatenate(
        [np.zeros(SAID_MS * SAMPLE_RATE_HZ // 1_000, np.float32), synthesize(voice(VOICE), REQUEST).pcm]
    )


def last_number(words: Sequence[str]) -> int:
    """The last number among words that were said, 0 where there is none."""
    numbers = [NUMBER_OF[word] for word in " ".join(words).split() if word in NUMBER_OF]
    return numbers[-1] if numbers else 0


def needs_sight() -> None:
    """Skip where the shipped weights do not see."""
    if open_weights(None).model.config.sight is None:
        pytest.skip("the shipped weights do not see yet: nothing counts what a camera shows")
