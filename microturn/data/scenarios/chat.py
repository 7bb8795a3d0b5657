"""Chat that asks nothing: everyday sentences, some with words from outside the world strewn in."""

from collections.abc import Iterator
from functools import cache

from microturn.data.lexicon import PEOPLE, UNKNOWN_WORDS
from microturn.data.scenarios.smalltalk import SMALLTALK
from microturn.data.splits import STORY, Core, Phrase, Slot, Split, phrases, split_of, thinned

FRAMES = (
    Core("the {u} was late this {when}"),
    Core("i think my {who} lost the {u}"),
    Core("we talked about the {u} last {when}"),
    Core("my {who} wants to buy a new {u}"),
    Core("nobody knows where the {u} is"),
    Core("the {u} and the {v} were on sale"),
    Core("my {who} is very tired this {when}"),
    Core("it was a long {when} for my {who}"),
    Core("the {v} was made of {u}"),
    Core("my {who} broke the {u}", "val"),
    Core("i forgot the {u} this {when}", "val"),
    Core("my {who} called me about the {u}", "test"),
    Core("this {when} we looked for the {u}", "test"),
    Core("i saw the {u} behind the {v}", "test"),
)
WHEN = ("morning", "evening", "week", "summer", "winter", "year", "month", "weekend", "spring")


@cache
def phrases_of(split: Split) -> tuple[Phrase, ...]:
    """About 350 sentences in train that mean nothing to the agent."""
    slots = []
    for index, unknown in enumerate(UNKNOWN_WORDS):
        for offset in range(8):
            other = UNKNOWN_WORDS[(index * 7 + offset * 13 + 1) % len(UNKNOWN_WORDS)]
            who, when = PEOPLE[(index + 5 * offset) % len(PEOPLE)], WHEN[(index + offset) % len(WHEN)]
            key = f"{unknown}-{other}-{who}-{when}"
            fill = {"u": unknown, "v": other, "who": who, "when": when}
            slots.append(Slot(key, fill, None, split_of("chat", key)))
    strewn = phrases(split, "chat", FRAMES, STORY, thinned(slots, 22, "chat"), 1)
    plain = tuple(
        Phrase(text, f"chat:plain{index}", f"chat:plain{index}")
        for index, text in enumerate(SMALLTALK)
        if split_of("plain", text) == split
    )
    return strewn + plain


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from phrases_of(split)
