"""Which suites there are, by name. Adding one is adding a function from Asked to Suite, and its line in SUITES."""

from microturn.core.errors import InputError
from microturn.data.voices import voices
from microturn.eval.suite import closed_speak, cuespeak, timespeak
from microturn.eval.suite.answer_suites import bigbench_audio, harmbench
from microturn.eval.suite.audiomc_suite import audiomc, audiomc_played
from microturn.eval.suite.closed_audiomc import audiomc_closed
from microturn.eval.suite.closed_fdb1 import fdb1_closed
from microturn.eval.suite.closed_fdb3 import fdb3_closed
from microturn.eval.suite.closed_fdb15 import fdb15_closed
from microturn.eval.suite.closed_qivd import qivd_closed
from microturn.eval.suite.closed_sight import charades_closed, proactive_closed, repcount_closed
from microturn.eval.suite.entries import read_plans
from microturn.eval.suite.fdb3_suite import fdb3
from microturn.eval.suite.ifeval import ifeval, ifeval_text, ifeval_voice
from microturn.eval.suite.plans import FAKES, drawn, speaking_suite
from microturn.eval.suite.published_suites import PUBLISHED
from microturn.eval.suite.qivd_suite import qivd
from microturn.eval.suite.shape import Asked, Making, Row, Scored, Suite
from microturn.eval.suite.together import together

__all__ = ["FAKES", "SUITES", "Asked", "Making", "Row", "Scored", "Suite", "speaking_suite", "suite"]

OPEN_EACH = 25
TIMES_EACH, CUES_EACH = 4, 3


def timespeak_open(asked: Asked) -> Suite:
    """TimeSpeak-open: the right words at the right time, by the clock alone."""
    each, speakers = asked.per_category or OPEN_EACH, _speakers()
    plans = drawn("timespeak", "timespeak", timespeak.TEMPLATES, timespeak.NEGATIVE, each, speakers, asked.seed)
    return speaking_suite("timespeak", "say it at the time that was asked for", plans, asked.seed)


def cuespeak_open(asked: Asked) -> Suite:
    """CueSpeak-open: the right words at the right moment of what the user says."""
    each, speakers = asked.per_category or OPEN_EACH, _speakers()
    plans = drawn("cuespeak", "cuespeak", cuespeak.TEMPLATES, cuespeak.NEGATIVE, each, speakers, asked.seed)
    return speaking_suite("cuespeak", "say it when the cue comes, over the user", plans, asked.seed)


def timespeak_closed(asked: Asked) -> Suite:
    """TimeSpeak-open in words of the small world."""
    templates, near = closed_speak.TIME_TEMPLATES, closed_speak.TIME_NEAR_MISSES
    each = asked.per_category or TIMES_EACH
    plans = drawn("timespeak", "timespeak-closed", templates, near, each, _speakers(), asked.seed)
    return speaking_suite("timespeak-closed", "say it at the time that was asked for", plans, asked.seed)


def cuespeak_closed(asked: Asked) -> Suite:
    """CueSpeak-open in words of the small world."""
    templates, near = closed_speak.CUE_TEMPLATES, closed_speak.CUE_NEAR_MISSES
    each = asked.per_category or CUES_EACH
    plans = drawn("cuespeak", "cuespeak-closed", templates, near, each, _speakers(), asked.seed)
    return speaking_suite("cuespeak-closed", "say it when the cue comes, over the user", plans, asked.seed)


def interactivity(asked: Asked) -> Suite:
    """All that is made here in words and scenes of the small world, in one run of some 45 minutes of conversation."""
    parts = [making(asked) for making in CLOSED.values()]
    return together("interactivity", "turns, overlaps, times, cues and things to be seen, in the small world", parts)


def from_files(asked: Asked) -> Suite:
    """Scenarios of one's own, from files of plans."""
    plans = [plan for path in asked.files for plan in read_plans(path)]
    if not plans:
        raise InputError("no scenarios", "suite files", "no file", "--file SCENARIO.json, once or more")
    return speaking_suite("files", "scenarios from files", plans, asked.seed)


CLOSED: dict[str, Making] = {
    "fdb1-closed": fdb1_closed,
    "fdb15-closed": fdb15_closed,
    "timespeak-closed": timespeak_closed,
    "cuespeak-closed": cuespeak_closed,
    "repcount-closed": repcount_closed,
    "charades-closed": charades_closed,
    "proactive-closed": proactive_closed,
}
SUITES: dict[str, Making] = {
    "interactivity": interactivity,
    **CLOSED,
    **PUBLISHED,
    "bigbench-audio": bigbench_audio,
    "harmbench": harmbench,
    "fdb3": fdb3,
    "fdb3-closed": fdb3_closed,
    "ifeval": ifeval,
    "ifeval-voice": ifeval_voice,
    "ifeval-text": ifeval_text,
    "qivd": qivd,
    "qivd-closed": qivd_closed,
    "audiomc": audiomc,
    "audiomc-played": audiomc_played,
    "audiomc-closed": audiomc_closed,
    "timespeak": timespeak_open,
    "cuespeak": cuespeak_open,
    "files": from_files,
}


def suite(name: str, asked: Asked) -> Suite:
    """The suite of this name."""
    if name not in SUITES:
        raise InputError("no such suite", "suite", repr(name), "one of " + ", ".join(SUITES))
    return SUITES[name](asked)


def _speakers() -> list[str]:
    return [one.id for one in voices("test")]
