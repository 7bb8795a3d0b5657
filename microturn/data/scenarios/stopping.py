"""What ends a standing instruction, and sentences with "stop" in them that end nothing. The skill is in ending.py."""

from collections.abc import Iterator
from functools import cache

from microturn.data.lexicon import PEOPLE, PLACES
from microturn.data.script import StopAll
from microturn.data.splits import STORY, Core, Phrase, Slot, Split, phrases, split_of

STOPPING = (
    Core("okay stop"),
    Core("stop"),
    Core("stop now"),
    Core("please stop"),
    Core("stop please"),
    Core("okay you can stop"),
    Core("okay stop now"),
    Core("that's enough, stop"),
    Core("please stop now"),
    Core("now stop please", "val"),
    Core("okay now stop", "val"),
    Core("so please stop", "val"),
    Core("okay stop please", "test"),
    Core("you can stop now", "test"),
    Core("okay please stop now", "test"),
    Core("that's enough, stop now", "test"),
)
STOPPING_TOLD = (
    Core("we had to stop {where}"),
    Core("the bus did not stop {where}"),
    Core("my {who} told me to stop {where}"),
    Core("my {who} could not stop laughing"),
    Core("the rain did not stop all day"),
    Core("my {who} wanted to stop {where}", "val"),
    Core("the train will stop {where}", "test"),
    Core("my {who} did not stop {where}", "test"),
)


@cache
def stopping(split: Split) -> tuple[Phrase, ...]:
    """All ways to end whatever is on; in train the two canonical ones three times, for they are said most."""
    cores = [core for core in STOPPING if core.split == split]
    cores += 2 * [core for core in STOPPING[:2] if core.split == split]
    return tuple(Phrase(core.text, f"stop:{core.text}", f"stop:{core.text}", StopAll()) for core in cores)


@cache
def told(split: Split) -> tuple[Phrase, ...]:
    """Stops that are only told about."""
    pairs = [(who, PLACES[(i * 3 + step) % len(PLACES)]) for i, who in enumerate(PEOPLE) for step in range(0, 20, 3)]
    slots = [Slot(f"{w}-{p}", {"who": w, "where": p}, None, split_of("toldstop", w, p)) for w, p in pairs]
    return phrases(split, "toldstop", STOPPING_TOLD, STORY, slots, 1)


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from (*stopping(split), *told(split))
