"""Something is shown: the skills "fingers", "posture", "appear", "asked" and "comment"."""

from collections.abc import Sequence

import numpy as np

from microturn.data.scenarios import exercising, seeing, watching
from microturn.data.scenarios.draw import between, chance, line, pick
from microturn.data.script import AskSeen, Line, SceneScript, StartAppear
from microturn.data.sight.play import COLORS, SHAPES, Go, Hand, Lean, Moving, Play, Shown, Sitting, Thing, Things
from microturn.data.splits import Phrase, Split

PLACES = ((0.2, 0.36), (0.35, 0.72), (0.65, 0.4), (0.81, 0.7))
HALF_BENT = (0.2, 0.4)
HAND_AWAY = 0.18  # how often a hand leaves between two numbers
AWAY = {"left": -0.3, "right": 1.3}


def fingers(rng: np.random.Generator, split: Split) -> SceneScript:
    """A number of fingers: asked for once, then told at each change."""
    kind = pick(rng, ("told", "still")) if chance(rng, 0.24) else ""
    play = hand(rng, between(rng, 2, 6), away=HAND_AWAY if not kind else 0.0)
    if kind == "told":
        main, lines = _unasked(rng, split, pick(rng, watching.asking_fingers(split)), "fingers", "fingers am i")
        return seeing.scene_script(rng, split, "fingers", main, lines, play, negative=True)
    if kind == "still":  # told at each change, and there is none; the hand comes and nothing was asked of it now
        main = pick(rng, watching.keeping_on(split))
        play = Hand(play.first)
        return _watched(rng, split, "fingers", main, play, negative=True)
    if chance(rng, 0.35):
        return _watched(rng, split, "fingers", pick(rng, watching.telling_fingers(split)), play)
    main = pick(rng, watching.asking_fingers(split))
    lines = [line(main, between(rng, 800, 2_500))]
    if chance(rng, 0.3):  # asked twice, of another number each time
        shown = Hand(play.first, play.changes[:1])
        wait_ms = shown.changes[0].start_ms + play.change_ms + between(rng, 500, 1_500)
        lines.append(line(pick(rng, watching.asking_fingers(split)), wait_ms))
        return seeing.scene_script(rng, split, "fingers", main, lines, shown)
    lines.append(line(pick(rng, watching.keeping_on(split)), between(rng, 1_200, 2_400)))
    lines += seeing.meanwhile(rng, split, play)
    return seeing.scene_script(rng, split, "fingers", main, lines, play, after=1)


def posture(rng: np.random.Generator, split: Split) -> SceneScript:
    """Somebody slouches and sits up again, or only half."""
    main = pick(rng, watching.posture(split))
    kind = pick(rng, ("told", "half")) if chance(rng, 0.26) else ""
    play = sitting(rng, bends=kind != "half")
    if kind == "told":
        main, lines = _unasked(rng, split, main, "posture", "slouch")
        return seeing.scene_script(rng, split, "posture", main, lines, play, negative=True)
    return _watched(rng, split, "posture", main, play, negative=bool(kind))


def appear(rng: np.random.Generator, split: Split) -> SceneScript:
    """Things come and go, among them the one that is awaited."""
    main = pick(rng, watching.appear(split))
    assert isinstance(main.meaning, StartAppear)
    awaited = main.meaning.color, main.meaning.shape
    kind = pick(rng, ("told", "others")) if chance(rng, 0.26) else ""
    play = coming_for(rng, awaited, comes=kind != "others")
    if kind == "told":
        main, lines = _unasked(rng, split, main, "appear", "tell me when you see")
        return seeing.scene_script(rng, split, "appear", main, lines, play, negative=True)
    return _watched(rng, split, "appear", main, play, negative=bool(kind))


def asked(rng: np.random.Generator, split: Split) -> SceneScript:
    """One or two questions about things that lie there."""
    names = _some_names(rng)
    play = Things(tuple(_lying(rng, names)))
    main = _question(rng, split, names)
    if chance(rng, 0.2):
        somebody = watching.to_somebody_like(split, "the ") if "how many" not in main.text else ()
        main, lines = seeing.told_or_overheard(rng, watching.told(split, "appear"), main, somebody)
        return seeing.scene_script(rng, split, "asked", main, lines, play, negative=True)
    lines = [line(main, between(rng, 900, 3_000))]
    if chance(rng, 0.45):
        lines.append(line(_question(rng, split, names), between(rng, 1_800, 3_500)))
    return seeing.scene_script(rng, split, "asked", main, lines, play)


def comment(rng: np.random.Generator, split: Split) -> SceneScript:
    """Whatever changes is commented on: things, a hand, somebody who moves."""
    main = pick(rng, watching.comment(split))
    kind = pick(rng, ("told", "nothing")) if chance(rng, 0.24) else ""
    play = changing(rng, split) if kind != "nothing" else unchanging(rng)
    if kind == "told":
        main, lines = _unasked(rng, split, main, "comment", "comment")
        return seeing.scene_script(rng, split, "comment", main, lines, play, negative=True)
    return _watched(rng, split, "comment", main, play, negative=bool(kind))


def _watched(
    rng: np.random.Generator,
    split: Split,
    skill: str,
    main: Phrase,
    play: Hand | Sitting | Things | Moving,
    negative: bool = False,
) -> SceneScript:
    """The instruction, then the play with what is said meanwhile."""
    lines = [*(seeing.before(rng, split) if not negative else []), line(main, between(rng, 700, 2_200))]
    after = len(lines) - 1
    lines += [] if negative else seeing.meanwhile(rng, split, play)
    return seeing.scene_script(rng, split, skill, main, lines, play, after=after, negative=negative)


def _unasked(rng: np.random.Generator, split: Split, main: Phrase, skill: str, words: str) -> tuple[Phrase, list[Line]]:
    somebody = watching.to_somebody_like(split, words)
    return seeing.told_or_overheard(rng, watching.told(split, skill), main, somebody)


def hand(rng: np.random.Generator, count: int, away: float) -> Hand:
    """`count` changes, each to another number; with probability `away` the hand leaves in between."""
    first = between(rng, 0, 5)
    shown: list[Shown] = []
    now_ms, last = between(rng, 1_200, 3_000), first
    for _ in range(count):
        if chance(rng, away) and last >= 0:
            shown.append(Shown(now_ms, -1))
            now_ms += between(rng, 1_200, 2_500)
        last = pick(rng, [n for n in range(6) if n != last])
        shown.append(Shown(now_ms, last))
        now_ms += between(rng, 1_500, 3_800)
    return Hand(first, tuple(shown), between(rng, 160, 380))


def sitting(rng: np.random.Generator, bends: bool) -> Sitting:
    """Bending and sitting up in turn; half bends between them, or nothing else."""
    leans: list[Lean] = []
    now_ms = between(rng, 1_200, 4_000)

    def lean(slouch: float, rest: tuple[int, int]) -> None:
        nonlocal now_ms
        length = between(rng, 500, 1_400)
        leans.append(Lean(now_ms, length, round(slouch, 3)))
        now_ms += length + between(rng, *rest)

    for _ in range(between(rng, 1, 3)):
        if not bends or chance(rng, 0.3):
            lean(rng.uniform(*HALF_BENT), (700, 2_200))
            lean(0.0, (800, 2_400))
        if bends:
            lean(rng.uniform(0.9, 1.0), (1_200, 4_000))
            lean(rng.uniform(0.0, 0.08), (1_500, 3_500))
    return Sitting(0.0, tuple(leans))


def coming_for(rng: np.random.Generator, awaited: tuple[str, str], comes: bool) -> Things:
    """Things that come and go; the awaited one is among them, or only such as are taken for it."""
    others = [_near_miss(rng, *awaited) if chance(rng, 0.6) else _any_name(rng, [awaited]) for _ in range(3)]
    return _coming(rng, [*others[: between(rng, 0, 2)], awaited] if comes else others)


def lying_for(rng: np.random.Generator, questions: Sequence[AskSeen]) -> Things:
    """Other things about which the same can be asked: any number of what is counted, of the rest one or none."""
    single = {question.shape for question in questions if question.about != "count"}
    asked = dict.fromkeys(question.shape for question in questions)
    names: list[tuple[str, str]] = []
    for shape in asked:
        count = int(chance(rng, 0.68)) if shape in single else pick(rng, (0, 1, 1, 2, 2, 3, 4))
        names += [(COLORS[i], shape) for i in rng.permutation(len(COLORS))[:count]]
    others = [name for name in _some_names(rng) if name[1] not in asked]
    while not names and not others:
        others = [name for name in _some_names(rng) if name[1] not in asked]
    return Things(tuple(_lying(rng, [*names, *others][: len(PLACES)])))


def asking_about(rng: np.random.Generator, split: Split, play: Play) -> Line | None:
    """A question about what a play shows, None where there is none."""
    if isinstance(play, Hand):
        return line(pick(rng, watching.asking_fingers(split)), between(rng, 200, 900))
    if isinstance(play, Things):
        names = [(thing.color, thing.shape) for thing in play.things]
        return line(_question(rng, split, names), between(rng, 200, 900))
    return None


def _some_names(rng: np.random.Generator) -> list[tuple[str, str]]:
    names = [_any_name(rng, []) for _ in range(between(rng, 1, 4))]
    if chance(rng, 0.5):  # several of a kind
        names = [(color, names[0][1] if chance(rng, 0.6) else shape) for color, shape in names]
    return list(dict.fromkeys(names))


def _any_name(rng: np.random.Generator, but: Sequence[tuple[str, str]]) -> tuple[str, str]:
    while True:
        name = pick(rng, COLORS), pick(rng, SHAPES)
        if name not in but:
            return name


def _near_miss(rng: np.random.Generator, color: str, shape: str) -> tuple[str, str]:
    """The same shape in another color, or another shape in the same color."""
    if chance(rng, 0.5):
        return pick(rng, [c for c in COLORS if c != color]), shape
    return color, pick(rng, [s for s in SHAPES if s != shape])


def _lying(rng: np.random.Generator, names: Sequence[tuple[str, str]]) -> list[Thing]:
    places = [PLACES[i] for i in rng.permutation(len(PLACES))]
    return [
        Thing(shape, color, x + float(rng.uniform(-0.03, 0.03)), y + float(rng.uniform(-0.04, 0.04)))
        for (color, shape), (x, y) in zip(names, places, strict=False)
    ]


def _coming(rng: np.random.Generator, names: Sequence[tuple[str, str]]) -> Things:
    """Each comes into view once or twice, one after the other; some stay, some were there before."""
    ordered = [names[i] for i in rng.permutation(len(names))]
    things: list[Thing] = []
    now_ms = between(rng, 1_200, 3_000)
    for thing in _lying(rng, ordered):
        goes: list[Go] = []
        outside = AWAY["left" if thing.x < 0.5 else "right"]
        for _ in range(2 if chance(rng, 0.25) else 1):
            goes.append(Go(now_ms, _way_ms(rng), thing.x))
            now_ms = goes[-1].start_ms + goes[-1].length_ms + between(rng, 1_400, 3_600)
            if chance(rng, 0.6):
                goes.append(Go(now_ms, _way_ms(rng), outside))
                now_ms = goes[-1].start_ms + goes[-1].length_ms + between(rng, 700, 2_200)
            else:
                break
        things.append(Thing(thing.shape, thing.color, outside, thing.y, tuple(goes)))
    if len(things) < len(PLACES) and chance(rng, 0.4):  # one that is there all the time
        still = _lying(rng, [*ordered, _any_name(rng, names)])[-1]
        if not any(abs(still.x - go.x) < 0.1 for thing in things for go in thing.goes):
            things.append(still)
    return Things(tuple(things))


def _way_ms(rng: np.random.Generator) -> int:
    """Put there at once, or pushed in."""
    return 60 if chance(rng, 0.4) else between(rng, 350, 1_100)


def _question(rng: np.random.Generator, split: Split, names: Sequence[tuple[str, str]]) -> Phrase:
    """About a shape that is there once, or about a number; now and then about what is not there."""
    shapes = [shape for _, shape in names]
    absent = [shape for shape in SHAPES if shape not in shapes]
    single = [shape for shape in dict.fromkeys(shapes) if shapes.count(shape) == 1]
    about = pick(rng, ("color", "count", "side"))
    if chance(rng, 0.2) or (about != "count" and not single):
        return pick(rng, watching.asked(split, about, pick(rng, absent)))
    return pick(rng, watching.asked(split, about, pick(rng, shapes if about == "count" else single)))


def changing(rng: np.random.Generator, split: Split) -> Hand | Things | Moving:
    """Something that happens, to be commented on."""
    what = rng.random()
    if what < 0.25:
        return hand(rng, between(rng, 2, 4), away=0.0)
    if what < 0.45:
        return exercising.moving_about(rng, split)
    names = list(dict.fromkeys(_any_name(rng, []) for _ in range(between(rng, 1, 3))))
    if what < 0.75:
        return _coming(rng, names)
    thing = _lying(rng, names[:1])[0]  # one that changes sides
    goes: list[Go] = []
    now_ms, x = between(rng, 1_200, 2_500), thing.x
    for _ in range(between(rng, 1, 3)):
        x = 1.0 - x
        goes.append(Go(now_ms, between(rng, 500, 1_400), x))
        now_ms += goes[-1].length_ms + between(rng, 1_600, 3_500)
    return Things((Thing(thing.shape, thing.color, thing.x, thing.y, tuple(goes)),))


def unchanging(rng: np.random.Generator) -> Hand | Things | Moving | Sitting:
    """Something before the camera to which nothing happens."""
    names = list(dict.fromkeys(_any_name(rng, []) for _ in range(between(rng, 1, 3))))
    return pick(rng, (Hand(between(rng, 0, 5)), Things(tuple(_lying(rng, names))), Moving("standing"), Sitting()))


def idle(rng: np.random.Generator, split: Split) -> Hand | Things | Moving | Sitting:
    """Something before the camera in a session that asks nothing of it: anything, moving or not."""
    what = rng.random()
    if what < 0.3:
        return unchanging(rng)
    return sitting(rng, bends=True) if what < 0.5 else changing(rng, split)
