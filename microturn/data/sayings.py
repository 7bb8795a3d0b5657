"""What the agent's voice practises on: texts with how often each is drawn. No sound, no ticks.

Answers and recitals are what it will say, remarks what it says of things seen, reports what it says of work that is
done; words of the world in any order are what it may be asked to repeat; the user's lines are plain sentences, so that
no word is known in one surrounding only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np

from microturn.data.lexicon import BACKCHANNELS, WORDS, number_words
from microturn.data.oracle import LET_ME_CHECK, STILL_WORKING
from microturn.data.scenarios import SKILLS, all_lines, corpus, recitals, working
from microturn.data.script import Recite
from microturn.data.sight.play import COLORS, SHAPES, Side
from microturn.data.sight.watcher import MOVES, NO_HAND, RESTS, SIT_UP, START, STOP
from microturn.data.splits import Split, split_of
from microturn.media.text import words

UNITS = ("dollars", "feet", "seconds")
ECHO_WORDS = (2, 5)


@dataclass(frozen=True)
class SayingsConfig:
    """How many texts of the kinds that never end, and the share of each kind in what is drawn."""

    scripts: int = 200 * len(SKILLS)
    echoes: int = 11_000
    lines: int = 5_000
    reports: int = 3_000
    answer_share: float = 0.2
    recital_share: float = 0.1
    remark_share: float = 0.05
    report_share: float = 0.12
    echo_share: float = 0.35
    line_share: float = 0.18
    seed: int = 0


class Sayings(NamedTuple):
    """Texts, and the probability of each; these add up to 1."""

    texts: tuple[str, ...]
    weights: np.ndarray


def sayings(split: Split, config: SayingsConfig = SayingsConfig()) -> Sayings:
    """What is practised in a split. A text counts to the first kind that has it."""
    rng = np.random.default_rng([config.seed, 17])
    kinds = (
        (config.recital_share, recited(split)),
        (config.answer_share, answers(split, config.scripts, rng)),
        (config.remark_share, remarks(split)),
        (config.report_share, reports(split, config.reports)),
        (config.echo_share, echoes(split, config.echoes, rng)),
        (config.line_share, _thinned(all_lines(split), config.lines, rng)),
    )
    texts: dict[str, float] = {}
    for share, found in kinds:
        fresh = [text for text in dict.fromkeys(map(_spelled, found)) if text and text not in texts]
        texts |= dict.fromkeys(fresh, share / max(1, len(fresh)))
    weights = np.array(list(texts.values()))
    return Sayings(tuple(texts), weights / weights.sum())


def answers(split: Split, scripts: int, rng: np.random.Generator) -> list[str]:
    """What is said in so many scripts, numbers with and without units, and what a listener says."""
    said = [text for dialog in corpus(split, scripts, rng) for text in dialog.answers]
    numbers = [number_words(n) for n in range(101)]
    united = [f"{number} {unit}" for number in numbers for unit in UNITS]
    kept = [text for text in (*numbers, *united, *BACKCHANNELS) if split == "train" or split_of("say", text) == split]
    return [*said, *kept]


def remarks(split: Split) -> list[str]:
    """What a model with sight says of things seen, but for plain numbers; a text belongs to one split."""
    things = [f"{color} {shape}" for color in COLORS for shape in SHAPES]
    changes = [f"{shape} {side}" for shape in SHAPES for side in get_args(Side)]
    gone = [f"{no} {shape}" for shape in SHAPES for no in ("no", "no more")]
    known = [SIT_UP, NO_HAND, START, STOP, MOVES, RESTS, *COLORS, *get_args(Side), *things, *changes, *gone]
    return [text for text in known if split == "train" or split_of("say", text) == split]


def reports(split: Split, count: int) -> list[str]:
    """What is said of work that was handed over, in so many drawn ones; a text belongs to one split."""
    rng = np.random.default_rng(29)
    found = (working.result(rng, split) for _ in range(count))
    known = [text for text in found if split_of("say", text) == split]
    return [LET_ME_CHECK, STILL_WORKING, *known] if split == "train" else known


def recited(split: Split) -> list[str]:
    """Every recital that is asked for in a split; the lists and the stories are knowledge, the same in all."""
    meanings = [phrase.meaning for phrase in recitals.requests(split)]
    return [meaning.text for meaning in meanings if isinstance(meaning, Recite)]


def echoes(split: Split, count: int, rng: np.random.Generator) -> list[str]:
    """Single words, each once in train, then random ones in a row; a row belongs to one split."""
    known = sorted(WORDS)
    found = list(known) if split == "train" else []
    while len(found) < count:
        length = int(rng.integers(ECHO_WORDS[0], ECHO_WORDS[1] + 1))
        text = " ".join(known[index] for index in rng.integers(len(known), size=length))
        if split_of("echo", text) == split:
            found.append(text)
    return found


def _thinned(lines: Iterable[str], count: int, rng: np.random.Generator) -> Sequence[str]:
    every = list(lines)
    return [every[index] for index in rng.permutation(len(every))[:count]]


def _spelled(text: str) -> str:
    """As the voice is asked to say it: the words that a vocabulary knows, no digits, no punctuation."""
    return " ".join(word for word in words(text) if not word.isdigit())
