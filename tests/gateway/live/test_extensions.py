import base64
import json
from typing import Any

import numpy as np
import pytest

from microturn.gateway.live.client import Audio, ClientEvent
from microturn.gateway.live.extensions import Extended, PlaybackAck, Seen, parse_extended
from microturn.gateway.live.extensions_server import Extras
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.timeline import Began, Item, Said, Sound, Stopped

PICTURE = base64.b64encode(b"jpeg").decode()


def extras() -> Extras:
    return Extras(lambda kind: kind, lambda: {"server_ms": 1_007, "compute_ms": 31.5})


def shown(items: list[Item], of: Extras) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for item in items:
        seen = of.before(item)
        events += of.after(item, [] if seen is None else [{"type": "audio", "silent": getattr(seen, "pcm", 1) is None}])
    return events


def test_messages_of_the_protocol_itself_are_parsed_as_ever() -> None:
    assert isinstance(parse_extended({"type": "session.close"}), ClientEvent)
    with pytest.raises(Refusal, match="Unknown event"):
        parse_extended({"type": "session.leap"})


def test_pictures_come_with_sound_or_alone() -> None:
    event = parse_extended({"type": "session.input_audio.append", "video_frames": [{"jpeg": PICTURE, "t_ms": 40}]})
    assert isinstance(event, Extended) and isinstance(event.body, Seen)
    assert event.body.audio == Audio(b"") and event.body.pictures[0].t_ms == 40
    assert event.body.pictures[0].jpeg == b"jpeg"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"type": "session.input_audio.append", "video_frames": 3}, "video_frames"),
        ({"type": "session.input_audio.append", "video_frames": [{"jpeg": PICTURE}] * 9}, "video_frames"),
        ({"type": "session.input_audio.append", "video_frames": [{"jpeg": "%%"}]}, "video_frames[0].jpeg"),
        ({"type": "session.input_audio.append", "video_frames": [{"png": "aa"}]}, "video_frames[0].png"),
        ({"type": "session.resume", "session_id": "s", "resume_token": "t"}, "last_received_server_event_seq"),
        (
            {
                "type": "session.resume",
                "session_id": "s",
                "resume_token": "t",
                "last_received_server_event_seq": -1,
            },
            "last_received_server_event_seq",
        ),
        ({"type": "playback.ack", "item_id": "i", "played_ms": -5}, "played_ms"),
        ({"type": "session.heartbeat", "beat": 1}, "beat"),
    ],
)
def test_what_is_wrong_is_named(message: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_extended(message)
    assert refused.value.param == param


def test_what_belongs_to_an_utterance_bears_its_name() -> None:
    events = shown(
        [Sound(980), Began(1000), Said(1000, 1200, " hi"), Sound(1000), Stopped(1200), Sound(1200)], extras()
    )
    assert [event.get("item_id") for event in events if event["type"] == "audio" or "item_id" in event] == [
        None,
        None,
        "item",
        "item",
        None,
        None,
    ]


def test_what_was_heard_of_an_utterance_is_told_and_an_unknown_one_is_refused() -> None:
    told = extras()
    shown([Began(1000), Said(1000, 1200, " hi"), Said(1200, 1400, " there"), *map(Sound, range(1000, 1400, 20))], told)
    assert told.played("item", 150) == {
        "type": "playback.acknowledged",
        "event_id": "event",
        "item_id": "item",
        "played_ms": 150,
        "text": "hi",
    }
    with pytest.raises(Refusal):
        told.played("other", 150)


def test_after_a_stop_the_model_is_silent_until_it_begins_anew() -> None:
    told = extras()
    shown([Began(1000), Said(1000, 1200, " hi")], told)
    assert told.stop(1100)["type"] == "session.output.stopped"
    assert told.before(Said(1200, 1400, " there")) is None
    loud = told.before(Sound(1200, np.ones(320, np.float32)))
    assert isinstance(loud, Sound) and loud.pcm is None
    shown([Stopped(1400), Began(1600)], told)
    assert told.before(Said(1600, 1800, " well")) == Said(1600, 1800, " well")


def test_the_clock_is_told_once_a_second() -> None:
    events = [e for e in shown([Sound(at) for at in range(0, 3_000, 20)], extras()) if e["type"] == "info"]
    assert [(e["code"], e["tick"], e["server_ms"], e["compute_ms"]) for e in events] == [
        ("tick", 5, 1_007, 31.5),
        ("tick", 10, 1_007, 31.5),
    ]


def test_everything_told_is_json() -> None:
    told = extras()
    json.dumps([told.stop(1), told.alive(2, "mine"), *shown([Began(0), Sound(1000)], told)])


def test_an_acknowledgement_is_parsed() -> None:
    event = parse_extended({"type": "playback.ack", "item_id": "i", "played_ms": 5, "event_id": "e"})
    assert event == Extended(PlaybackAck("i", 5), "e")
