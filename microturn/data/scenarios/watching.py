"""What is said about what is to be seen: instructions, questions, and talk that asks for nothing. Phrases only."""

from collections.abc import Iterator
from functools import cache

from microturn.data.lexicon import NAMES, PEOPLE, with_article
from microturn.data.scenarios import standing
from microturn.data.script import (
    AskFingers,
    AskSeen,
    Meaning,
    StartAppear,
    StartBouts,
    StartComment,
    StartFingers,
    StartPosture,
    StartReps,
)
from microturn.data.sight.play import COLORS, EXERCISES, SHAPES, WAVING
from microturn.data.splits import BARE, COMMAND, QUESTION, STORY, Core, Phrase, Slot, Split, phrases, split_of

PLURAL = {
    **{"ball": "balls", "box": "boxes", "star": "stars", "heart": "hearts", "moon": "moons"},
    **{"house": "houses", "cup": "cups", "kite": "kites"},
}
DOING = {
    "push ups": "doing push ups",
    "squats": "doing squats",
    "jumping jacks": "jumping",
    "arm raises": "raising my arms",
    WAVING: "waving",
}


def _practised(text: str) -> Core:
    return Core(text, practise=True)


COUNTING = (
    Core("count my {m}"),
    Core("count the {m} i do"),
    Core("count all my {m}"),
    Core("count every one of my {m}"),
    Core("watch me and count my {m}"),
    Core("count how many {m} i do", "val"),
    Core("look at me and count my {m}", "test"),
    Core("count each of my {m}", "test"),
    _practised("can you count {m} for me"),
    _practised("count {m} with me"),
    _practised("i am doing {m}, count them"),
    _practised("help me count my {m}"),
    _practised("start counting my {m}"),
)
BOUTS = (
    Core("say start when i start {d} and stop when i stop"),
    Core("when i start {d} say start and when i stop say stop"),
    Core("say start when you see me {d} and stop when i stop"),
    Core("say start as i start {d} and stop as i stop", "val"),
    Core("when i stop {d} say stop and when i start say start", "test"),
    _practised("tell me start when i start {d} and stop when i stop"),
    _practised("say start if i am {d} and stop if i stop"),
    _practised("watch me and say start when i start {d} and stop when i stop"),
)
ASKING_FINGERS = (
    Core("how many fingers am i holding up"),
    Core("how many fingers do you see"),
    Core("how many fingers is that"),
    Core("how many fingers are up", "val"),
    Core("what number of fingers am i holding up", "test"),
    _practised("can you count my fingers"),
    _practised("how many fingers have i got up"),
    _practised("count the fingers you see"),
    _practised("which number am i holding up"),
    _practised("how many fingers is this"),
)
KEEPING_ON = (
    Core("keep telling me"),
    Core("and keep telling me"),
    Core("now keep telling me"),
    Core("go on and keep telling me", "val"),
    Core("keep on telling me", "test"),
    _practised("keep counting them"),
    _practised("tell me when it changes"),
    _practised("tell me every time it changes"),
)
TELLING_FINGERS = (
    Core("keep telling me how many fingers i am holding up"),
    Core("tell me how many fingers i am holding up every time it changes"),
    Core("keep saying how many fingers i am holding up"),
    Core("tell me each time how many fingers you see", "val"),
    Core("keep telling me how many fingers you see", "test"),
    _practised("count my fingers every time they change"),
    _practised("tell me how many fingers you see and keep on counting"),
    _practised("keep counting the fingers i am holding up"),
)
POSTURE = (
    Core("tell me when i slouch"),
    Core("tell me whenever i slouch"),
    Core("watch my posture and tell me when i slouch"),
    Core("let me know when i slouch"),
    Core("say sit up when i slouch"),
    Core("when i slouch tell me", "val"),
    Core("tell me every time i slouch", "test"),
    _practised("do not let me slouch"),
    _practised("look at me and tell me if i slouch"),
    _practised("if i slouch say sit up"),
    _practised("help me with my posture and tell me when i slouch"),
    _practised("say it when i slouch"),
)
APPEAR = (
    Core("tell me when you see {a}"),
    Core("tell me whenever you see {a}"),
    Core("let me know when you see {a}"),
    Core("say {b} when you see {a}"),
    Core("when you see {a} tell me", "val"),
    Core("tell me when there is {a}", "test"),
    _practised("look for {a} and tell me"),
    _practised("wait for {a} and tell me"),
    _practised("tell me if you see {a}"),
    _practised("if there is {a} let me know"),
    _practised("i am looking for {a}, tell me when you see it"),
)
ASKED = {
    "color": (
        Core("what color is the {s}"),
        Core("what color is this {s}"),
        Core("what color is the {s} you see"),
        Core("the {s}, what color is it", "val"),
        Core("what is the color of the {s}", "test"),
        _practised("which color is the {s}"),
        _practised("what color is my {s}"),
        _practised("look at the {s} and tell me the color"),
        _practised("do you know what color the {s} is"),
    ),
    "count": (
        Core("how many {p}"),
        Core("how many {p} do you see"),
        Core("how many {p} are there"),
        Core("count the {p} you see"),
        Core("what number of {p} do you see", "val"),
        Core("how many {p} can you see", "test"),
        _practised("can you count the {p}"),
        _practised("how many {p} have i got"),
        _practised("look and tell me how many {p} there are"),
        _practised("count all the {p}"),
    ),
    "side": (
        Core("which side is the {s} on"),
        Core("on which side is the {s}"),
        Core("is the {s} on the left or right"),
        Core("where is the {s}, left or right"),
        Core("which side do you see the {s} on", "val"),
        Core("is the {s} left or right", "test"),
        _practised("tell me the side the {s} is on"),
        _practised("do you see the {s} on the left or on the right"),
        _practised("left or right, where is the {s}"),
        _practised("what side is the {s} on"),
    ),
}
COMMENT = (
    Core("comment on what you see"),
    Core("comment on everything you see"),
    Core("tell me what you see"),
    Core("say what you see"),
    Core("comment on what happened", "val"),
    Core("tell me everything you see", "test"),
    _practised("say everything that changes"),
    _practised("look and tell me what you see"),
    _practised("tell me about everything you see"),
)
TOLD = {
    "reps": (Core("my {who} counted my {m}"), Core("my {who} did {m} {when}"), Core("my {who} likes {m}", "test")),
    "start stop": (
        Core("my {who} said start when i started {d}"),
        Core("my {who} does not like {d}"),
        Core("i saw my {who} {d}", "test"),
    ),
    "fingers": (
        Core("my {who} was holding up two fingers"),
        Core("my {who} hurt his fingers {when}"),
        Core("my {who} asked how many fingers i was holding up", "test"),
    ),
    "posture": (
        Core("my {who} told me when i slouch"),
        Core("my {who} has a good posture"),
        Core("my {who} never lets me slouch", "test"),
    ),
    "appear": (
        Core("my {who} wanted {a}"),
        Core("i bought my {who} {a}"),
        Core("my {who} lost {a} {when}", "test"),
    ),
    "comment": (
        Core("my {who} would comment on everything"),
        Core("my {who} told me what happened {when}"),
        Core("my {who} wrote a comment {when}", "test"),
    ),
}
WHEN = ("yesterday", "last week", "at home", "in the park")


@cache
def counting(split: Split, motion: str) -> tuple[Phrase, ...]:
    """Instructions to count repetitions."""
    return phrases(split, "reps", COUNTING, COMMAND, [_moved(motion, StartReps(motion))], _more(split, 14), _always)


@cache
def bouts(split: Split, motion: str) -> tuple[Phrase, ...]:
    """Instructions to tell start and stop."""
    return phrases(split, "bouts", BOUTS, COMMAND, [_moved(motion, StartBouts(motion))], _more(split, 10), _always)


@cache
def asking_fingers(split: Split) -> tuple[Phrase, ...]:
    """Questions for the number of fingers."""
    return phrases(
        split, "askfingers", ASKING_FINGERS, QUESTION, [Slot("now", {}, AskFingers())], _more(split, 20), _always
    )


@cache
def keeping_on(split: Split) -> tuple[Phrase, ...]:
    """What asks for more of the answer just given."""
    slots = [Slot("on", {}, StartFingers(now=False))]
    return phrases(split, "keepon", KEEPING_ON, COMMAND, slots, _more(split, 8), _always)


@cache
def telling_fingers(split: Split) -> tuple[Phrase, ...]:
    """Instructions to tell every change of fingers."""
    slots = [Slot("all", {}, StartFingers(now=True))]
    return phrases(split, "tellfingers", TELLING_FINGERS, COMMAND, slots, _more(split, 14), _always)


@cache
def posture(split: Split) -> tuple[Phrase, ...]:
    """Instructions to mind the posture."""
    return phrases(split, "posture", POSTURE, COMMAND, [Slot("slouch", {}, StartPosture())], _more(split, 30), _always)


@cache
def appear(split: Split) -> tuple[Phrase, ...]:
    """Instructions to await a thing; the pairs of color and shape are held out."""
    slots = []
    for color in COLORS:
        for shape in SHAPES:
            key = f"{color}-{shape}"
            own: Split = "train" if key == "red-ball" else split_of("appear", key)
            name = f"{color} {shape}"
            slots.append(Slot(key, {"a": with_article(name), "b": name}, StartAppear(color, shape), own))
    per_slot = 6 if split == "train" else 5
    return phrases(split, "appear", APPEAR, COMMAND, slots, per_slot, lambda slot: slot.key == "red-ball", 25)


@cache
def asked(split: Split, about: str, shape: str) -> tuple[Phrase, ...]:
    """Questions about the things of a shape."""
    meaning = AskSeen(about, shape)  # type: ignore[arg-type]  # the keys of ASKED
    slot = Slot(f"{about}-{shape}", {"s": shape, "p": PLURAL[shape]}, meaning)
    return phrases(split, f"asked{about}", ASKED[about], QUESTION, [slot], _more(split, 5), _always)


@cache
def comment(split: Split) -> tuple[Phrase, ...]:
    """Instructions to comment."""
    return phrases(split, "comment", COMMENT, COMMAND, [Slot("all", {}, StartComment())], _more(split, 24), _always)


@cache
def told(split: Split, skill: str) -> tuple[Phrase, ...]:
    """Talk that sounds like an instruction and is none."""
    slots: list[Slot] = []
    for index, who in enumerate(PEOPLE):
        for step in range(3):
            motion = EXERCISES[(index + step) % len(EXERCISES)]
            thing = f"{COLORS[(index + 3 * step) % 8]} {SHAPES[(index * 3 + step) % 8]}"
            fill = {"who": who, "m": motion, "d": DOING[motion], "a": with_article(thing), "when": WHEN[step]}
            key = f"{who}-{motion}-{thing}"
            slots.append(Slot(key, fill, None, split_of("told", skill, key)))
    cores = TOLD[skill]
    return phrases(split, f"told{skill}", cores, STORY, slots, 1 if split == "train" else 3)


@cache
def to_somebody(split: Split) -> tuple[Phrase, ...]:
    """The questions and instructions, for a person who is not the agent."""
    starts = ["count my push ups", "tell me when i slouch", "comment on what you see", "keep telling me"]
    starts += ["how many fingers am i holding up", "say start when i start jumping and stop when i stop"]
    starts += [f"tell me when you see a {color} {shape}" for color, shape in zip(COLORS, SHAPES, strict=True)]
    starts += [f"what color is the {shape}" for shape in SHAPES] + [f"how many {PLURAL[shape]}" for shape in SHAPES]
    starts += [f"which side is the {shape} on" for shape in SHAPES]
    pairs = [(name, start) for i, name in enumerate(NAMES) for j, start in enumerate(starts) if (i + j) % 3 == 0]
    slots = [Slot(f"{n}-{s}", {"n": n, "start": s}, None, split_of("seesomebody", n, s)) for n, s in pairs]
    return phrases(split, "seesomebody", standing.SOMEBODY, BARE, slots, 1 if split == "train" else 2)


def to_somebody_like(split: Split, words: str) -> tuple[Phrase, ...]:
    """Those of them with `words` in it."""
    return tuple(phrase for phrase in to_somebody(split) if words in phrase.text)


def _moved(motion: str, meaning: Meaning) -> Slot:
    return Slot(motion.replace(" ", "-"), {"m": motion, "d": DOING[motion]}, meaning)


def _more(split: Split, count: int) -> int:
    """Twice as many phrases where there are more ways to say it."""
    return 2 * count if split == "train" else count


def _always(slot: Slot) -> bool:
    return True


def all_phrases(split: Split) -> Iterator[Phrase]:
    """Everything this file can say."""
    for motion in EXERCISES:
        yield from counting(split, motion)
    for motion in DOING:
        yield from bouts(split, motion)
    yield from (*asking_fingers(split), *keeping_on(split), *telling_fingers(split), *posture(split), *appear(split))
    for about in ASKED:
        for shape in SHAPES:
            yield from asked(split, about, shape)
    yield from (*comment(split), *to_somebody(split))
    for skill in TOLD:
        yield from told(split, skill)
