"""The projection of a live session to the Realtime dialect, item by item, without a server."""

import base64
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from microturn.gateway.realtime.codec import Hush, PushAudio, PushText
from microturn.gateway.timeline import Began, Ended, Heard, Said, Stopped
from tests.gateway.realtime.driven import FIELDS, SPEECH, Wire


def short(types: Iterable[str]) -> list[str]:
    """Without repeated deltas."""
    result: list[str] = []
    for type in types:
        if not result or result[-1] != type:
            result.append(type)
    return result


def test_what_the_model_says_by_itself_is_a_whole_response() -> None:
    wire = Wire()
    wire.speak(" Hello there.")
    wire.give(Stopped(wire.now_ms))
    wire.pass_ms(800)
    assert short(wire.types()) == [
        "session.created",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    done = wire.last("response.done")["response"]
    assert done["status"] == "completed"
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "Hello there."}]


def test_all_sound_of_a_burst_leaves_as_24_khz_and_nothing_beside_it() -> None:
    wire = Wire()
    wire.pass_ms(400)
    wire.speak(" One.", ms=600)
    wire.give(Stopped(wire.now_ms))
    wire.pass_ms(1_000)
    deltas = [event["delta"] for event in wire.sent if event["type"] == "response.output_audio.delta"]
    samples = np.frombuffer(b"".join(base64.b64decode(delta) for delta in deltas), "<i2")
    assert len(samples) == 600 * 24
    assert 0.3 < np.sqrt(np.mean((samples[2_400:-2_400] / 32_768) ** 2)) < 0.4


def test_a_breath_does_not_end_a_response() -> None:
    wire = Wire()
    wire.speak(" One.")
    wire.give(Stopped(wire.now_ms))
    wire.pass_ms(400)
    wire.speak(" Two.")
    wire.give(Stopped(wire.now_ms))
    wire.pass_ms(800)
    assert wire.types().count("response.created") == 1
    assert wire.last("response.output_audio_transcript.done")["transcript"] == "One. Two."


def test_a_user_turn_starts_stops_and_is_transcribed() -> None:
    wire = Wire()
    wire.pass_ms(400)
    wire.hear(" what is")
    wire.pass_ms(200)
    wire.hear(" it")
    wire.pass_ms(1_000)
    assert wire.types()[1:] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    assert wire.sent[1]["audio_start_ms"] == 200
    assert wire.sent[2]["audio_end_ms"] == 600
    assert wire.sent[-1]["transcript"] == "what is it"


def test_the_answer_ends_the_users_turn_and_late_words_still_belong_to_it() -> None:
    wire = Wire()
    wire.pass_ms(400)
    wire.hear(" stop")
    wire.give(Began(wire.now_ms))
    wire.hear(" now")
    wire.pass_ms(1_000, SPEECH)
    types = wire.types()
    assert types.index("input_audio_buffer.committed") < types.index("response.created")
    completed = "conversation.item.input_audio_transcription.completed"
    assert wire.last(completed)["transcript"] == "stop now"
    assert types.count("conversation.item.added") == 2


def test_a_backchannel_is_never_speech_started() -> None:
    wire = Wire()
    wire.speak(" Once upon a time", ms=1_000)
    wire.hear(" mhm")
    wire.pass_ms(1_200, SPEECH)
    assert not [type for type in wire.types() if type.startswith("input_audio_buffer")]
    assert wire.last("conversation.item.input_audio_transcription.completed")["transcript"] == "mhm"
    assert "response.done" not in wire.types()


def test_a_yield_is_the_models_and_cancels_the_response() -> None:
    wire = Wire()
    wire.speak(" Once upon a time", ms=600)
    wire.hear(" wait")
    before = len(wire.sent)
    wire.give(Stopped(wire.now_ms, yielded=True, unsaid="a time"))
    types = [event["type"] for event in wire.sent[before:]]
    assert types[0] == "input_audio_buffer.speech_started"
    response = wire.last("response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert response["output"][0]["content"][0]["transcript"] == "Once upon "
    wire.hear(" please")
    wire.pass_ms(1_000)
    assert wire.last("conversation.item.input_audio_transcription.completed")["transcript"] == "wait please"
    assert wire.types().count("input_audio_buffer.speech_started") == 1


def test_truncation_is_clamped_and_keeps_the_heard_words_only() -> None:
    wire = Wire()
    wire.speak(" One", ms=600)
    wire.give(Said(wire.now_ms, wire.now_ms + 200, " two"))
    wire.pass_ms(200, SPEECH)
    wire.give(Stopped(wire.now_ms))
    wire.pass_ms(800)
    id = wire.last("response.output_item.done")["item"]["id"]
    wire.client("conversation.item.truncate", item_id=id, content_index=0, audio_end_ms=300)
    wire.client("conversation.item.retrieve", item_id=id)
    assert wire.last("conversation.item.retrieved")["item"]["content"][0]["transcript"] == "One"
    wire.client("conversation.item.truncate", item_id=id, content_index=0, audio_end_ms=99_999)
    assert wire.last("conversation.item.truncated")["audio_end_ms"] == 800


def test_a_cancelled_response_stays_silent_until_the_model_begins_anew() -> None:
    wire = Wire()
    wire.speak(" One")
    assert wire.client("response.cancel").actions == [Hush()]
    assert wire.last("response.done")["response"]["status_details"]["reason"] == "client_cancelled"
    before = len(wire.sent)
    wire.give(Said(wire.now_ms, wire.now_ms + 200, " two"))
    wire.pass_ms(400, SPEECH)
    wire.give(Stopped(wire.now_ms))
    assert len(wire.sent) == before
    wire.speak(" three")
    assert wire.last("response.output_audio_transcript.delta")["delta"] == "three"


def test_of_a_cancelled_item_what_never_sounded_is_taken_back_once_it_is_known() -> None:
    wire = Wire()
    wire.speak(" One")
    wire.give(Said(wire.now_ms, wire.now_ms + 200, " two"))
    wire.client("response.cancel")
    wire.give(Said(wire.now_ms, wire.now_ms + 200, " three"))
    wire.give(Stopped(wire.now_ms, True, "two three"))
    wire.client("conversation.item.retrieve", item_id=wire.last("response.output_item.done")["item"]["id"])
    assert wire.last("conversation.item.retrieved")["item"]["content"][0]["transcript"].split() == ["One"]
    assert "input_audio_buffer.speech_started" not in wire.types()


def test_an_idle_cancel_is_the_error_that_clients_ignore() -> None:
    wire = Wire()
    wire.client("response.cancel")
    assert wire.error()["code"] == "response_cancel_not_active"
    assert wire.error()["message"] == "Cancellation failed: no active response found"
    assert wire.error()["event_id"] == "c1"


def test_typed_text_waits_for_response_create_and_metadata_comes_back() -> None:
    wire = Wire()
    content = [{"type": "input_text", "text": "hello"}]
    item = {"type": "message", "role": "user", "id": "mine", "content": content}
    assert wire.client("conversation.item.create", item=item).actions == []
    assert wire.types()[1:] == ["conversation.item.added", "conversation.item.done"]
    answer = wire.client("response.create", response={"metadata": {"client_event_id": "x"}})
    assert answer.actions == [PushText("hello", "c1")]
    wire.speak(" Hi.")
    assert wire.last("response.created")["response"]["metadata"] == {"client_event_id": "x"}


def test_an_old_conversation_that_is_put_back_is_not_asked_again() -> None:
    wire = Wire()
    for role, kind in (("user", "input_text"), ("assistant", "output_text")):
        item = {"type": "message", "role": role, "content": [{"type": kind, "text": "old"}]}
        wire.client("conversation.item.create", item=item)
    assert wire.client("response.create").actions == []


def test_a_model_that_prefers_to_listen_answers_with_an_empty_response() -> None:
    wire = Wire()
    wire.client("response.create")
    wire.client("response.create")
    assert wire.error()["code"] == "conversation_already_has_active_response"
    wire.pass_ms(5_200)
    assert wire.last("response.done")["response"]["output"] == []
    assert wire.types().count("response.created") == 1


def test_text_only_responses_have_no_sound() -> None:
    wire = Wire(output_modalities=["text"])
    wire.speak(" Hello.")
    wire.give(Stopped(wire.now_ms))
    wire.pass_ms(800)
    assert wire.last("response.output_text.done")["text"] == "Hello."
    assert not [type for type in wire.types() if "audio" in type]


@pytest.mark.parametrize(("format", "n_bytes"), [("audio/pcm", 48_000), ("audio/pcmu", 8_000), ("audio/pcma", 8_000)])
def test_sound_of_every_format_reaches_the_session_at_16_khz(format: str, n_bytes: int) -> None:
    wire = Wire(audio={"input": {"format": {"type": format}}})
    actions = [
        action
        for start in range(0, n_bytes, n_bytes // 50)
        for action in wire.client(
            "input_audio_buffer.append", audio=base64.b64encode(bytes(n_bytes // 50)).decode()
        ).actions
    ]
    samples = sum(len(action.pcm) for action in actions if isinstance(action, PushAudio))
    assert 14_500 < samples <= 16_000


def test_commit_makes_an_item_only_of_sound_that_came() -> None:
    wire = Wire(audio={"input": {"turn_detection": None}})
    wire.client("input_audio_buffer.commit")
    assert wire.error()["code"] == "input_audio_buffer_commit_empty"
    wire.client("input_audio_buffer.append", audio=base64.b64encode(bytes(9_600)).decode())
    wire.client("input_audio_buffer.commit")
    item_id = wire.last("input_audio_buffer.committed")["item_id"]
    wire.give(Heard(0, 200, " yes"))
    wire.pass_ms(1_000)
    completed = wire.last("conversation.item.input_audio_transcription.completed")
    assert (completed["item_id"], completed["transcript"]) == (item_id, "yes")


def test_an_update_changes_only_what_is_sent() -> None:
    wire = Wire()
    wire.client("session.update", session={"type": "realtime", "audio": {"output": {"voice": "cedar"}}})
    session = wire.last("session.updated")["session"]
    assert session["audio"]["output"]["voice"] == "cedar"
    assert session["audio"]["input"]["turn_detection"]["type"] == "semantic_vad"
    wire.client("session.update", session={"audio": {"input": {"turn_detection": None, "transcription": None}}})
    session = wire.last("session.updated")["session"]
    assert session["audio"]["input"]["turn_detection"] is None
    assert session["audio"]["output"]["voice"] == "cedar"


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "session.update", "session": {"tempature": 1}}, "unknown_parameter", "session.tempature"),
        (
            {"type": "session.update", "session": {"audio": {"input": {"format": {"rate": 8000}}}}},
            "invalid_value",
            "session.audio.input.format",
        ),
        (
            {"type": "session.update", "session": {"audio": {"input": {"turn_detection": {"type": "magic"}}}}},
            "invalid_value",
            "session.audio.input.turn_detection",
        ),
        ({"type": "no.such"}, "invalid_event_type", "type"),
        ({}, "missing_required_parameter", "type"),
        ({"type": "input_audio_buffer.append", "audio": "%%%"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": 7}, "invalid_type", "audio"),
        (
            {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [{}]}},
            "missing_required_parameter",
            "item.content[0].type",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "x"}]},
            },
            "invalid_value",
            "item.content[0].image_url",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]},
            },
            "unsupported_content",
            "item.content[0].audio",
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 1},
            "item_truncate_invalid_item_id",
            "item_id",
        ),
    ],
)
def test_a_refusal_names_the_field_and_the_session_goes_on(fields: dict[str, Any], code: str, param: str) -> None:
    wire = Wire()
    answer = wire.codec.from_client(json.dumps({**fields, **FIELDS}))
    error = answer.events[0]["error"]
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "c1")
    assert error["type"] == "invalid_request_error"
    wire.client("input_audio_buffer.clear")
    assert wire.types()[-1] == "input_audio_buffer.cleared"


def test_the_end_of_a_session_closes_what_is_open() -> None:
    wire = Wire()
    wire.speak(" One")
    wire.hear(" hm")
    wire.give(Ended(wire.now_ms, "failed"))
    assert wire.last("response.done")["response"]["status"] == "failed"
    assert wire.types()[-1] == "conversation.item.input_audio_transcription.completed"
