"""Clocks and playout of a trace."""

from pathlib import Path

import numpy as np
import pytest

from microturn.eval.suite.analyze import Segment, segments
from microturn.eval.suite.endpoint import tone
from microturn.eval.suite.trace import Noted, Received, Text, Trace, load_trace, playout, save_trace

SILENCE = np.zeros(16_000 * 5, np.float32)


def test_what_comes_in_a_burst_plays_one_after_the_other() -> None:
    trace = Trace("a", "fake", SILENCE, (Received(1.0, tone(0.5)), Received(1.1, tone(0.5))))
    assert [(p.media_s, p.start_s, p.end_s) for p in playout(trace).placed] == [(0.0, 1.0, 1.5), (0.5, 1.5, 2.0)]


def test_what_a_flush_throws_away_was_sent_and_not_heard() -> None:
    pieces = (Received(1.0, tone(1.0)), Received(1.0, tone(1.0)), Received(3.0, tone(0.5)))
    heard = playout(Trace("a", "fake", SILENCE, pieces, flushes=(1.4,)))
    assert segments(heard.pcm) == [Segment(1.0, pytest.approx(1.4)), Segment(3.0, 3.5)]
    assert heard.unheard_s == pytest.approx(1.6)


def test_a_session_sent_too_far_off_its_time_is_void() -> None:
    assert Trace("a", "fake", SILENCE, send_late_s=(0.01, -0.07)).why_void == ""
    assert "90 ms" in Trace("a", "fake", SILENCE, send_late_s=(0.01, 0.09)).why_void


def test_a_trace_comes_back_from_its_folder(tmp_path: Path) -> None:
    texts, events = (Text(1.0, " hello"), Text(0.5, "hi", "heard")), (Noted(2.0, "yield", {"text": ""}),)
    trace = Trace("a/b", "fake", SILENCE, (Received(1.0, tone(0.5), 0.02),), (3.0,), texts, events, (0.001,), "broken")
    save_trace(trace, tmp_path / "t")
    back = load_trace(tmp_path / "t")
    assert (back.id, back.flushes, back.texts, back.events, back.void) == ("a/b", (3.0,), texts, events, "broken")
    assert np.allclose(playout(back).pcm, playout(trace).pcm, atol=1e-4)
    assert back.received[0].compute_s == 0.02
