"""What the agent can recite (days, months, colors, fruits, numbers, stories), and how it is asked to. Texts only."""

from collections.abc import Iterator
from functools import cache

from microturn.data.lexicon import COLORS, DAYS, FRUITS, MONTHS, NAMES, PEOPLE, number_words
from microturn.data.script import Recite
from microturn.data.splits import BARE, COMMAND, STORY, Core, Phrase, Slot, Split, hashed, phrases, split_of

LETTER_MS = 65  # how long the agent's voice takes for a letter or a space of a recital, as measured
LEAST_MS = 4_500  # shorter recitals are over before anybody could interrupt them
COUNTS_TO = (10, 12, 15, 20)
CANONICAL_RANGE = "5-15"

LISTS = {
    "the days of the week": " ".join(DAYS),
    "the months": " ".join(MONTHS),
    "the colors": " ".join(COLORS),
    "the fruits": " ".join(FRUITS.values()),
}
# Each is asked for by what it is about, so that there is one right text; "tell me a story" asks for the first one.
STORIES = {
    "a lion": """a strong lion was asleep in the forest when a small mouse ran over his face the lion was angry but he
        let the mouse go and from that day on the mouse was his best friend""",
    "a dog": """an old dog had a big piece of meat in his mouth he saw a dog with meat in the river and wanted that too
        but when his mouth was open the river took it all away""",
    "a fox": """a fox saw some sweet grapes high above him he jumped and jumped but he could not get the grapes so he
        said they are sour and walked home hungry""",
    "a bear": """a brown bear was looking for honey in the forest there was some in an old wall and he put his arm in it
        but then he could not pull it out and had to wait all night""",
    "a frog": """a green frog sat by the lake and sang every night the ducks could not sleep so they built a new house
        for the frog behind the hill and then the lake was quiet""",
    "a cat": """a black cat lived in the kitchen of a hotel every morning a woman gave her milk and every night she
        found a mouse and so they were happy for years""",
    "a horse": """a young horse did not like the high bridge so his mother said i will go first and she walked over the
        bridge and the young horse followed her home""",
    "a king": """a rich king was sad in his big castle one evening a poor boy came and sang for him and the king was so
        happy that he gave the boy half of all his money""",
    "a boat": """a little boat was tired of the lake so one night it ran down the river to the sea there the waves were
        high and the wind was cold and the boat wanted to go home again""",
    "a train": """a slow train was always late and the people were angry one winter there was so much snow that no car
        and no bus could move but the slow train came and all were happy""",
    "a garden": """a girl had a small garden and wanted the best garden in the village she gave it water every day but
        it was too much water and in the end only the ducks were happy there""",
    "the moon": """a baby wanted to have the moon so her father put a plate of water in the garden and there was the
        moon in the water and the baby was happy and slept""",
}

LISTING = (
    Core("list {x}"),
    Core("name {x}"),
    Core("say {x}"),
    Core("tell me {x}", "val"),
    Core("tell me all {x}", "test"),
)
COUNTING_UP = (
    Core("count to {n}"),
    Core("count up to {n}"),
    Core("count from one to {n}"),
    Core("start counting up to {n}", "val"),
    Core("count up from one to {n}", "test"),
)
COUNTING_ON = (
    Core("count from {a} to {b}"),
    Core("count up from {a} to {b}"),
    Core("start at {a} and count to {b}", "val"),
    Core("start from {a} and count to {b}", "test"),
)
TELLING = (
    Core("tell me a story about {x}"),
    Core("tell me the story about {x}"),
    Core("tell me the story of {x}", "val"),
    Core("tell a story about {x}", "test"),
)
TELLING_ANY = (Core("tell me a story"), Core("tell me a short story", "val"), Core("tell us a story", "test"))
TOLD = (
    Core("my {who} can say {x}"),
    Core("my {who} can count to {n}"),
    Core("my {who} told me a story about {s}"),
    Core("in school we had to list {x}", "val"),
    Core("my {who} had to count to {n}", "test"),
    Core("my {who} knows a story about {s}", "test"),
)
SOMEBODY = (
    Core("{n}, {r}"),
    Core("hey {n}, {r}"),
    Core("hello {n}, {r}", "val"),
    Core("so {n}, {r}", "test"),
    Core("okay {n}, {r}", "test"),
)


def recital_ms(text: str) -> int:
    """About how long the agent's voice takes for a recital."""
    return LETTER_MS * len(text)


@cache
def subjects() -> tuple[Slot, ...]:
    """What there is a story about."""
    return tuple(Slot(x.split()[1], {"x": x}, Recite(" ".join(text.split()))) for x, text in STORIES.items())


@cache
def lists() -> tuple[Slot, ...]:
    """What can be listed."""
    return tuple(Slot(x.split()[1], {"x": x}, Recite(text)) for x, text in LISTS.items())


def _counted(start: int, stop: int) -> Recite:
    return Recite(" ".join(number_words(n) for n in range(start, stop + 1)))


@cache
def counts() -> tuple[Slot, ...]:
    """Counting from one."""
    return tuple(Slot(f"to-{n}", {"n": number_words(n)}, _counted(1, n)) for n in COUNTS_TO)


def _ranges() -> Iterator[Slot]:
    """Counting from elsewhere; the pair of ends is held out."""
    for start in range(2, 14):
        for stop in range(start + 8, min(start + 14, 30)):
            key = f"{start}-{stop}"
            held_out: Split = "train" if key == CANONICAL_RANGE else split_of("range", key)
            if key == CANONICAL_RANGE or hashed("range", key) < (4_000 if held_out == "train" else 8_000):
                fill = {"a": number_words(start), "b": number_words(stop)}
                yield Slot(key, fill, _counted(start, stop), held_out)


@cache
def requests(split: Split) -> tuple[Phrase, ...]:
    """Everything that asks for a recital."""
    any_story = Slot("any", {}, subjects()[0].meaning)
    return (
        *phrases(split, "list", LISTING, COMMAND, lists(), 5, lambda slot: True),
        *phrases(split, "countup", COUNTING_UP, COMMAND, counts(), 4, lambda slot: True),
        *phrases(split, "range", COUNTING_ON, COMMAND, _ranges(), 1, lambda slot: slot.key == CANONICAL_RANGE),
        *phrases(split, "story", TELLING, COMMAND, subjects(), 2, lambda slot: True),
        *phrases(split, "anystory", TELLING_ANY, COMMAND, [any_story], 5, lambda slot: True),
    )


@cache
def long_requests(split: Split) -> tuple[Phrase, ...]:
    """Those whose recital leaves time for three words of somebody else."""
    recitals = [(phrase, phrase.meaning) for phrase in requests(split)]
    return tuple(p for p, m in recitals if isinstance(m, Recite) and recital_ms(m.text) >= LEAST_MS)


@cache
def plain_requests() -> tuple[Slot, ...]:
    """Each request once, in its first wording, as {r}: to stand in a longer line."""
    worded = [(LISTING[0], lists()), (COUNTING_UP[0], counts()), (TELLING[0], subjects())]
    return tuple(
        Slot(slot.key, {"r": core.text.format(**slot.fill)}, slot.meaning) for core, slots in worded for slot in slots
    )


@cache
def told(split: Split) -> tuple[Phrase, ...]:
    """Recitals that are only talked about."""
    slots = []
    for index, who in enumerate(PEOPLE):
        for step in range(3):
            x, n = tuple(LISTS)[(index + step) % 4], number_words(COUNTS_TO[(index + 2 * step) % 4])
            story = tuple(STORIES)[(index + 5 * step) % len(STORIES)]
            key = f"{who}-{step}"
            held_out = split_of("toldrecital", key)
            if held_out != "train" or hashed("toldrecital", key) < 3_500:
                slots.append(Slot(key, {"who": who, "x": x, "n": n, "s": story}, None, held_out))
    return phrases(split, "toldrecital", TOLD, STORY, slots, 1)


@cache
def to_somebody(split: Split) -> tuple[Phrase, ...]:
    """Requests to people who are not the agent."""
    slots = []
    for name in NAMES:
        for slot in plain_requests():
            key = f"{name}-{slot.key}"
            held_out = split_of("askrecital", key)
            if hashed("askrecital", key) < (350 if held_out == "train" else 1_500):
                slots.append(Slot(key, slot.fill | {"n": name}, None, held_out))
    return phrases(split, "askrecital", SOMEBODY, BARE, slots, 1)


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from (*requests(split), *told(split), *to_somebody(split))
