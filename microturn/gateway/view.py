"""A recorded session as one JSON object that a page or a terminal can draw. It shows; nothing decides by it.

All times are milliseconds of the session. The model's side stands where it sounds, one tick after it was decided.
`events` are those of the GPT-Live codec, with what its extensions add, but for the sound.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from microturn.core.clock import CHUNK_SAMPLES, SAMPLE_RATE_HZ, TICK_MS
from microturn.core.recording import frame_paths, stereo_blocks
from microturn.gateway.kept import KeptSession
from microturn.gateway.live.client import Settings
from microturn.gateway.live.delegating import work_events
from microturn.gateway.live.server import Opened, Projection
from microturn.gateway.overlap import Overlaps
from microturn.gateway.timeline import Delegated, Heard, Item, Said, Stopped, Taken

LEVEL_MS = 40
LEVEL_SAMPLES = SAMPLE_RATE_HZ * LEVEL_MS // 1000
QUIET = 2  # of 100: the user's room is below; the model is silent at exact zeros
PAUSE_MS = 280  # a pause so short is part of speech, as the page draws it
SHORTEST_MS = 80
Wire = dict[str, Any]


class Stretch(NamedTuple):
    """A time."""

    start_ms: int
    end_ms: int


class Side(TypedDict):
    """One side. words: fragments with their times, joined as they are; levels: the loudest of each 40 ms, 0 to 100."""

    words: list[Wire]
    spans: list[Stretch]
    levels: list[int]


def summary(kept: KeptSession, grows: bool = False) -> Wire:
    """A line of the list of recordings. grows: its session lives."""
    about = kept.about
    return {
        "id": about.id,
        "object": "recording",
        "created_at": int(about.started_at),
        "duration_ms": kept.duration_ms,
        "protocol": about.protocol,
        "model": about.model,
        "live": grows,
    }


def drawn(kept: KeptSession, grows: bool = False) -> Wire:
    """All that can be drawn of a recording."""
    items, timeline = list(kept.items()), kept.timeline()
    user_levels, model_levels = levels(kept)
    user = _side([item for item in items if isinstance(item, Heard)], user_levels, QUIET)
    model = _side([item for item in items if isinstance(item, Said)], model_levels, 0)
    stopped = [item for item in items if isinstance(item, Stopped)]
    return summary(kept, grows) | {
        "weights": kept.about.weights,
        "config": kept.about.config,
        "ended": None if timeline.ended is None else {"at_ms": timeline.ended.at_ms, "reason": timeline.ended.reason},
        "notes": notes(kept),
        "tick_ms": TICK_MS,
        "level_ms": LEVEL_MS,
        "sides": {"user": user, "model": model},
        "overlaps": both(user["spans"], model["spans"]),
        "typed": [{"at_ms": item.at_ms, "text": item.text} for item in items if isinstance(item, Taken)],
        "stops": [{"at_ms": one.at_ms, "yielded": one.yielded, "unsaid": one.unsaid} for one in stopped],
        "delegations": [{"at_ms": item.at_ms} for item in items if isinstance(item, Delegated)],
        "latency_ms": [{"tick": one.tick, "late_ms": one.late_ms} for one in timeline.latencies],
        "frames": [{"at_ms": tick * TICK_MS, "tick": tick} for tick, _ in frame_paths(kept.folder)],
        "events": list(live_events(kept, items)),
    }


def notes(kept: KeptSession) -> list[str]:
    """What a reader should know: what had to be repaired, why it ends early."""
    timeline = kept.timeline()
    found = list(timeline.notes)
    if timeline.stopped:
        found.append(f"the recording stopped before its session: {timeline.stopped}")
    elif timeline.ended is None and kept.about.protocol != "local":
        found.append("its end was not recorded: the session lives, or its server was killed")
    return found


def live_events(kept: KeptSession, items: Sequence[Item]) -> Iterator[Wire]:
    """The timeline through the GPT-Live codec, sound left out, with the overlaps that its extensions tell."""
    numbers = count()

    def new_id(kind: str) -> str:
        return f"{kind}_{next(numbers)}"

    def told(kind: str, **fields: Any) -> Wire:
        return {"type": kind, "event_id": new_id("event"), **fields}

    expires_at = int(kept.about.started_at)
    projection = Projection(Opened(kept.about.id, expires_at, Settings(kept.about.model)), new_id)
    overlaps = Overlaps()
    yield projection.started()
    for item in items:
        for event in projection.events(item):
            if event["type"] != "session.output_audio.delta":
                yield event
        yield from work_events(item, told)
        for over in overlaps.next(item):
            yield {"type": "overlap.decision", "event_id": new_id("event"), **vars(over)}


def levels(kept: KeptSession) -> tuple[list[int], list[int]]:
    """The loudest of each 40 ms of both sides, 0 to 100, as a bystander hears them; what sounds is never 0."""
    peaks = [_peaks(block) for block in stereo_blocks(kept.folder)]
    whole = np.concatenate([np.zeros((0, 2), np.int64), *peaks])
    return whole[:, 0].tolist(), whole[:, 1].tolist()


def both(user: Sequence[Stretch], model: Sequence[Stretch]) -> list[Stretch]:
    """Where both sides sound."""
    pairs = [(max(a.start_ms, b.start_ms), min(a.end_ms, b.end_ms)) for a in user for b in model]
    return sorted(Stretch(start, end) for start, end in pairs if end - start >= SHORTEST_MS)


def phrases(words: Sequence[Wire], pause_ms: int = 1_000) -> list[Wire]:
    """Words less than a pause apart, joined."""
    found: list[Wire] = []
    for word in words:
        if found and word["start_ms"] - found[-1]["end_ms"] < pause_ms:
            found[-1] = {**found[-1], "end_ms": word["end_ms"], "text": found[-1]["text"] + word["text"]}
        else:
            found.append({**word, "text": word["text"].lstrip()})
    return found


def _side(items: Sequence[Heard | Said], levels: list[int], quiet: int) -> Side:
    words = [{"start_ms": item.start_ms, "end_ms": item.end_ms, "text": item.text} for item in items]
    return {"words": words, "spans": list(_spans(levels, quiet)), "levels": levels}


def _spans(levels: Sequence[int], quiet: int) -> Iterator[Stretch]:
    open_span: Stretch | None = None
    for index, level in enumerate(levels):
        if level <= quiet:
            continue
        start_ms, end_ms = index * LEVEL_MS, (index + 1) * LEVEL_MS
        if open_span is not None and start_ms - open_span.end_ms < PAUSE_MS:
            open_span = Stretch(open_span.start_ms, end_ms)
            continue
        if open_span is not None and open_span.end_ms - open_span.start_ms >= SHORTEST_MS:
            yield open_span
        open_span = Stretch(start_ms, end_ms)
    if open_span is not None and open_span.end_ms - open_span.start_ms >= SHORTEST_MS:
        yield open_span


def _peaks(block: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    assert len(block) % CHUNK_SAMPLES == 0 == CHUNK_SAMPLES % LEVEL_SAMPLES
    loudest = np.abs(block).reshape(-1, LEVEL_SAMPLES, 2).max(axis=1)
    return np.ceil(100 * loudest).astype(np.int64)
