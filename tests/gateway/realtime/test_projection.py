"""What holds for every conversation: drawn timelines through the codec."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.events import Event
from microturn.gateway.realtime.codec import RealtimeCodec
from microturn.gateway.realtime.settings import default_settings
from microturn.gateway.timeline import Began, Ended, Item, Said, Stopped
from microturn.gateway.turns import timeline_of

LOUD = np.full(3_200, 0.1, np.float32)
TICK = st.sets(st.sampled_from(["heard", "say", "speak", "yield", "unsaid"]), max_size=3)


def timeline(ticks: list[set[str]]) -> list[Item]:
    """The items of a conversation, made by the very function that makes them in a session."""
    items: list[Item] = []
    speaking = False
    for tick, kinds in enumerate([*ticks, *[set[str]()] * 10]):
        events = [Event(tick * 200, tick, kind, f"w{tick}" if kind != "speak" else "") for kind in sorted(kinds)]
        pcm = LOUD if kinds & {"say", "speak"} else None
        turned = timeline_of(MicroTurn(tick, Chunk(), Chunk(pcm, events=tuple(events))), speaking)
        speaking = turned.speaking
        items += turned.items
    return [*items, Ended((len(ticks) + 10) * 200, "close_requested")]


def sent_by(items: list[Item]) -> list[tuple[Item, dict[str, Any]]]:
    codec = RealtimeCodec("test", default_settings("tiny"), 0)
    return [(item, event) for item in items for event in codec.from_timeline(item)]


@settings(max_examples=100, deadline=None)
@given(st.lists(TICK, max_size=30))
def test_every_response_is_closed_before_the_next_opens(ticks: list[set[str]]) -> None:
    types = [event["type"] for _, event in sent_by(timeline(ticks))]
    marks = [type for type in types if type in ("response.created", "response.done")]
    assert marks == ["response.created", "response.done"] * (len(marks) // 2)
    assert types.count("response.output_item.added") == types.count("response.output_item.done")
    assert types.count("input_audio_buffer.speech_started") == types.count("input_audio_buffer.speech_stopped")


@settings(max_examples=100, deadline=None)
@given(st.lists(TICK, max_size=30))
def test_speech_starts_only_in_silence_or_by_a_yield(ticks: list[set[str]]) -> None:
    speaking = False
    codec = RealtimeCodec("test", default_settings("tiny"), 0)
    for item in timeline(ticks):
        events = codec.from_timeline(item)
        started = any(event["type"] == "input_audio_buffer.speech_started" for event in events)
        assert not started or not speaking or (isinstance(item, Stopped) and item.yielded)
        speaking = isinstance(item, Began) or (speaking and not isinstance(item, Stopped))


@settings(max_examples=100, deadline=None)
@given(st.lists(TICK, max_size=30))
def test_no_word_of_either_side_is_lost_or_doubled(ticks: list[set[str]]) -> None:
    items = timeline(ticks)
    sent = [event for _, event in sent_by(items)]
    completed = "conversation.item.input_audio_transcription.completed"
    heard = " ".join(event["transcript"] for event in sent if event["type"] == completed).split()
    assert heard == [f"w{tick}" for tick, kinds in enumerate(ticks) if "heard" in kinds]
    deltas = [event["delta"] for event in sent if event["type"] == "response.output_audio_transcript.delta"]
    said = [item.text.strip() for item in items if isinstance(item, Said)]
    assert [delta.strip() for delta in deltas] == said
