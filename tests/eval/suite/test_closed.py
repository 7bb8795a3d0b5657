"""Validity of the closed suites: oracle at the ceiling, silence, babble and lateness where docs/evaluation.md says."""

import asyncio
from collections.abc import Callable

import pytest

from microturn.data.voices import Clip, WordTime
from microturn.eval.suite import closed_fdb1, closed_fdb15, closed_sight, closed_speak
from microturn.eval.suite.analyze import TextChannel
from microturn.eval.suite.closed_sound import Cast
from microturn.eval.suite.endpoint import ScriptedEndpoint, tone
from microturn.eval.suite.fdb1_suite import fdb1_suite
from microturn.eval.suite.fdb15_suite import fdb15_suite
from microturn.eval.suite.judge import NoJudge
from microturn.eval.suite.plans import drawn, speaking_suite
from microturn.eval.suite.seen_suites import charades_suite, proactive_suite, repcount_suite
from microturn.eval.suite.shape import Asked, Scored, Suite
from microturn.eval.suite.together import together
from microturn.eval.suite.trace import Trace

CAST = [Cast("somebody", "somebody else")]


def speak(voice: str, text: str) -> Clip:
    """A voice without a synthesiser: 0.33 s a word."""
    words = text.replace(",", "").split()
    times = tuple(WordTime(w, 330 * n + 30, 330 * n + 330) for n, w in enumerate(words))
    return Clip(tone(0.33 * len(words) + 0.06), times)


def held(made: Suite, fake: str) -> Scored:
    endpoint = ScriptedEndpoint(fake, made.fakes[fake])

    async def all_of() -> list[Trace]:
        return [await endpoint.hold(session) for session in made.sessions]

    return made.score(asyncio.run(all_of()), TextChannel(), NoJudge())


def fdb1(each: int, seed: int = 0) -> Suite:
    return fdb1_suite("fdb1", "", closed_fdb1.cases(Asked(seed, each), speak, CAST))


def fdb15(each: int, seed: int = 0) -> Suite:
    return fdb15_suite("fdb15", "", closed_fdb15.cases(Asked(seed, each), speak, CAST))


def times(each: int, seed: int = 0) -> Suite:
    templates, near = closed_speak.TIME_TEMPLATES, closed_speak.TIME_NEAR_MISSES
    plans = drawn("timespeak", "t", templates, near, each, ["somebody"], seed)
    return speaking_suite("times", "", plans, speak=speak)


def cues(each: int, seed: int = 0) -> Suite:
    templates, near = closed_speak.CUE_TEMPLATES, closed_speak.CUE_NEAR_MISSES
    return speaking_suite("cues", "", drawn("cuespeak", "c", templates, near, each, ["somebody"], seed), speak=speak)


def repcount(each: int, seed: int = 0) -> Suite:
    return repcount_suite("repcount", "", closed_sight.repetitions(Asked(seed, each), speak, CAST))


def charades(each: int, seed: int = 0) -> Suite:
    return charades_suite("charades", "", closed_sight.actions(Asked(seed, each), speak, CAST))


def proactive(each: int, seed: int = 0) -> Suite:
    return proactive_suite("proactive", "", closed_sight.replies(Asked(seed, each), speak, CAST))


@pytest.mark.parametrize(
    ("making", "fake", "low", "high"),
    [
        (fdb1, "oracle", 1.0, 1.0),
        (fdb1, "late-oracle", 0.0, 0.0),
        (fdb1, "silent", 0.0, 0.0),
        (fdb1, "babbler", 0.0, 0.0),
        (fdb15, "oracle", 1.0, 1.0),
        (fdb15, "silent", 0.0, 0.0),
        (fdb15, "babbler", 0.75, 0.75),
        (fdb15, "responder", 0.25, 0.25),
        *((making, fake, float(fake == "oracle"), float(fake == "oracle"))
          for making in (times, cues) for fake in ("oracle", "late-oracle", "silent", "babbler", "rattler")),
    ],
)  # fmt: skip
def test_who_knows_the_script_gets_all_and_who_knows_nothing_gets_none(
    making: Callable[[int], Suite], fake: str, low: float, high: float
) -> None:
    found = held(making(3), fake)
    assert found.primary is not None
    assert low <= found.primary <= high, [(row.id, row.why) for row in found.rows]


def test_a_late_oracle_has_the_published_average_and_none_of_it_in_time() -> None:
    found = held(fdb15(3), "late-oracle")
    assert (found.primary, found.figures["average in time"]) == (1.0, 0.0)


def test_who_was_silent_when_spoken_over_is_not_exercised() -> None:
    found = held(fdb15(2), "silent")
    assert found.figures["user_backchannel"]["speaking when it began"]["hits"] == 0
    assert found.figures["average where it was speaking"] is None


@pytest.fixture(scope="module")
def seen() -> dict[str, Suite]:
    return {"repcount": repcount(2), "charades": charades(2), "proactive": proactive(3)}


@pytest.mark.parametrize(
    ("name", "fake", "low", "high"),
    [
        ("repcount", "oracle", 1.0, 1.0),
        ("repcount", "late-oracle", 1.0, 1.0),  # a flaw of the published score: the last but one number is near enough
        ("repcount", "silent", 0.0, 0.0),
        ("repcount", "babbler", 0.0, 0.0),
        ("charades", "oracle", 0.98, 1.0),
        ("charades", "silent", 0.0, 0.0),
        ("charades", "babbler", 0.0, 0.0),
        ("charades", "starter", 0.05, 0.6),
        ("proactive", "oracle", 0.98, 1.0),
        ("proactive", "silent", 0.25, 0.25),
        ("proactive", "babbler", 0.25, 0.25),
    ],
)
def test_scenes_tell_who_sees_from_who_does_not(
    seen: dict[str, Suite], name: str, fake: str, low: float, high: float
) -> None:
    found = held(seen[name], fake)
    assert found.primary is not None
    assert low <= found.primary <= high, [(row.id, row.why) for row in found.rows]


def test_each_repetition_tells_lateness_and_rattling_where_the_last_number_does_not(seen: dict[str, Suite]) -> None:
    each = {
        fake: held(seen["repcount"], fake).figures["each repetition, F1 within 1 s"]
        for fake in ("oracle", "late-oracle", "rattler")
    }
    assert each["oracle"] == 1.0
    assert each["late-oracle"] < 0.3
    assert each["rattler"] < 0.5


def test_suites_held_together_keep_their_own_figures() -> None:
    made = together("both", "", [fdb1(1), times(1)])
    found = held(made, "oracle")
    assert (found.primary, found.figures["fdb1"]["primary"], found.figures["times"]["primary"]) == (1.0, 1.0, 1.0)
    assert "responder" not in made.fakes


def test_the_same_seed_gives_the_same_scenarios_and_another_one_others() -> None:
    def sounds(seed: int) -> bytes:
        return b"".join(s.user.turn(12, None).samples.tobytes() for s in fdb1(1, seed).sessions)  # type: ignore[arg-type]

    assert sounds(1) == sounds(1)
    assert sounds(1) != sounds(2)
