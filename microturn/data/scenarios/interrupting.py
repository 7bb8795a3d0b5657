"""What a user says into a recital: to end it, to have something else instead, or only to show that they listen."""

from collections.abc import Iterator
from functools import cache

from microturn.data.lexicon import BACKCHANNELS
from microturn.data.scenarios import questions, recitals
from microturn.data.script import Ask, Backchannel, StopAll
from microturn.data.splits import BARE, Core, Phrase, Slot, Split, hashed, phrases, split_of

ASKING = (
    Core("wait, {q}"),
    Core("hold on, {q}"),
    Core("no, {q}"),
    Core("sorry, {q}"),
    Core("okay stop, {q}"),
    Core("no wait, {q}", "val"),
    Core("oh wait, {q}", "test"),
    Core("oh sorry, {q}", "test"),
)
INSTEAD = (
    Core("no, {r} instead"),
    Core("wait, {r}"),
    Core("no, {r}"),
    Core("sorry, {r} instead"),
    Core("no wait, {r}", "val"),
    Core("oh no, {r} instead", "test"),
    Core("wait, {r} instead", "test"),
)
HOLDING = (
    Core("wait"),
    Core("hold on"),
    Core("that's enough"),
    Core("wait please"),
    Core("oh wait", "val"),
    Core("hold on please", "test"),
    Core("wait wait", "test"),
)
CANONICAL = (
    "wait, what is two plus two",
    "hold on, what day comes after monday",
    "sorry, what is the opposite of hot",
)
PER_MILLE = {"sum": 40, "day": 160, "month": 100, "opposite": 140, "color": 240}


@cache
def asking(split: Split) -> tuple[Phrase, ...]:
    """Questions that interrupt; they are reported under "barge-in"."""
    slots, canonical = [], []
    for kind, share in PER_MILLE.items():
        for fact in questions.facts(kind):
            key = f"{kind}-{fact.key}"
            held_out = fact.split or split_of("interrupt", key)
            assert isinstance(fact.meaning, Ask)
            meaning = Ask(fact.meaning.answer, "barge-in")
            asked = questions.CORES[kind][0].text.format(**fact.fill)
            canonical += [
                Phrase(core.text.format(q=asked), f"interrupt:{index}||", f"interrupt:{key}-canonical", meaning)
                for index, core in enumerate(ASKING)
                if split == "train" and core.text.format(q=asked) in CANONICAL
            ]
            if hashed("interrupt", key) < 10 * share * (1 if held_out == "train" else 3):
                slots.append(Slot(key, {"q": asked}, meaning, held_out))
    return (*canonical, *phrases(split, "interrupt", ASKING, BARE, slots, 1))


@cache
def instead(split: Split) -> tuple[Phrase, ...]:
    """Requests for another recital."""
    return phrases(split, "instead", INSTEAD, BARE, recitals.plain_requests(), 1, lambda slot: slot.key == "months")


@cache
def holding(split: Split) -> tuple[Phrase, ...]:
    """Short words that end a recital like "stop" does."""
    texts = [core.text for core in HOLDING if core.split == split]
    return tuple(Phrase(text, f"hold:{text}", f"hold:{text}", StopAll()) for text in texts)


@cache
def backchannels() -> tuple[Phrase, ...]:
    """Signs of listening and a cough, shared by all splits: there are not more of them in the world."""
    return tuple(Phrase(text, "shared:backchannel", "shared:backchannel", Backchannel()) for text in BACKCHANNELS)


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    yield from (*asking(split), *instead(split), *holding(split), *backchannels())
