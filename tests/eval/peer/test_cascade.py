"""The cascade as an endpoint, through Pipecat in a process of its own."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from microturn.core.chunk import Chunk
from microturn.core.errors import InputError
from microturn.data.voices import synthesize, voice
from microturn.eval.peer.cascade import CascadeEndpoint, cascade
from microturn.eval.peer.worker import Built
from microturn.eval.suite.analyze import segments
from microturn.eval.suite.endpoint import Session, Sounds, Wanted
from microturn.eval.suite.trace import Trace, playout

pytest.importorskip("pipecat")

LINES = ("what is two plus two", "count to twenty", "mm hm")
# Far enough apart for a turn that is taken for a hesitation, which ends after three seconds.
QUESTION_S, REQUEST_S, SIGN_S, LENGTH_S = 0.5, 6.4, 12.4, 18.0


@pytest.fixture(scope="module")
def held() -> Iterator[Trace]:
    yield _held(Built("given", None, lines=LINES), Sounds(_sound()))


def test_a_question_is_answered_when_the_turn_is_over(held: Trace) -> None:
    assert held.void == ""
    first = segments(playout(held).pcm)[0]
    assert _ends(0) < first.start_s < REQUEST_S
    assert next(text.text for text in held.texts if text.kind == "said") == " four"


def test_a_sign_of_listening_cuts_a_recital_that_is_taken_up_again_later(held: Trace) -> None:
    interruption = next(event.at_s for event in held.events if event.kind == "interruption" and event.at_s > SIGN_S)
    heard = segments(playout(held).pcm)
    assert not any(segment.start_s < interruption + 0.1 < segment.end_s for segment in heard)
    assert any(segment.start_s > interruption for segment in heard)
    (told,) = [str(event.data["text"]) for event in held.events if "cut by" in str(event.data.get("text", ""))]
    assert told.startswith("cut by 'mm hm' after ") and "sign of listening" in told


def test_an_endpoint_that_is_no_cascade_is_refused() -> None:
    def ours() -> Any:
        raise AssertionError("not asked for")

    with pytest.raises(InputError, match="quiet=SECONDS"):
        cascade(Wanted("cascade", ours, "loudly"))
    endpoint = cascade(Wanted("cascade", ours, "sphinx,quiet=0.8"))
    assert endpoint.settings["ears"] == "sphinx" and endpoint.settings["turns"] == "0.8 s of silence"


def test_a_process_that_fails_voids_its_session_alone() -> None:
    class Assassin(Sounds):
        def turn(self, tick: int, heard: Chunk) -> Chunk:
            for child in multiprocessing.active_children() if tick == 2 else ():
                child.kill()
            return super().turn(tick, heard)

    trace = _held(Built("given", None), Assassin(_sound()[:16_000]))
    assert trace.void and len(trace.user) == 16_000


def _held(built: Built, user: Sounds) -> Trace:
    endpoint = CascadeEndpoint("cascade", built, 1, {})
    try:
        return asyncio.run(endpoint.hold(Session("talk", user, user.ticks)))
    finally:
        endpoint.close()


def _sound() -> "np.ndarray[Any, np.dtype[np.float32]]":
    pcm = np.random.default_rng(0).standard_normal(round(LENGTH_S * 16_000)).astype(np.float32) * np.float32(3e-4)
    for start_s, line in zip((QUESTION_S, REQUEST_S, SIGN_S), LINES, strict=True):
        clip = synthesize(voice("flite:slt"), line).pcm
        pcm[round(start_s * 16_000) :][: len(clip)] += clip
    return pcm


def _ends(line: int) -> float:
    start_s = (QUESTION_S, REQUEST_S, SIGN_S)[line]
    return start_s + len(synthesize(voice("flite:slt"), LINES[line]).pcm) / 16_000
