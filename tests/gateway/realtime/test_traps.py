"""What frameworks built on this dialect do to a server, and what they need in return. One trap, one test."""

import pytest

from microturn.gateway.realtime.codec import Instruct, PushText, RealtimeCodec, ShowPicture
from microturn.gateway.realtime.conversation import MAX_ITEMS, MAX_PICTURES
from microturn.gateway.realtime.pictures import Picture, pixels
from microturn.gateway.realtime.refusal import Refusal
from microturn.gateway.realtime.settings import Settings, default_settings
from microturn.gateway.timeline import Said, Stopped
from tests.gateway.realtime.driven import PNG, SPEECH, Wire, shown, typed

KNOWN = {"be quiet", "count to three"}


def test_an_error_names_the_event_it_answers() -> None:
    wire = Wire()
    wire.client("conversation.item.retrieve", item_id="gone", event_id="rci_gone")
    assert (wire.error()["code"], wire.error()["event_id"]) == ("item_retrieve_invalid_item_id", "rci_gone")


def test_an_item_that_is_there_already_is_told_in_the_code_that_counts_as_success() -> None:
    wire = Wire()
    wire.client("conversation.item.create", item=typed("hello", id="mine"))
    wire.client("conversation.item.create", item=typed("hello", id="mine"), event_id="again")
    assert (wire.error()["code"], wire.error()["event_id"]) == ("item_create_duplicate_item_id", "again")


def test_metadata_of_a_wish_comes_back_also_when_the_model_says_nothing() -> None:
    wire = Wire()
    wire.client("response.create", response={"metadata": {"client_event_id": "x"}})
    wire.pass_ms(5_400)
    for type in ("response.created", "response.done"):
        assert wire.last(type)["response"]["metadata"] == {"client_event_id": "x"}


def test_every_item_that_is_put_back_is_told_in_its_place() -> None:
    wire = Wire()
    wire.client("conversation.item.create", item=typed("two", id="b"), previous_item_id="root")
    wire.client("conversation.item.create", item=typed("one", id="a"), previous_item_id="root")
    wire.client("conversation.item.create", item=typed("three", "assistant", id="c"), previous_item_id="b")
    added = [event for event in wire.sent if event["type"] == "conversation.item.added"]
    assert [(event["previous_item_id"], event["item"]["id"]) for event in added] == [
        (None, "b"),
        (None, "a"),
        ("b", "c"),
    ]
    wire.client("conversation.item.create", item=typed("four"), previous_item_id="nowhere")
    assert wire.error()["code"] == "item_create_invalid_previous_item_id"
    wire.client("conversation.item.delete", item_id="b")
    assert wire.last("conversation.item.deleted")["item_id"] == "b"


def test_a_message_whose_content_was_left_out_is_still_an_item() -> None:
    wire = Wire()
    wire.client("conversation.item.create", item={"type": "message", "role": "user", "content": [], "id": "empty"})
    assert wire.last("conversation.item.done")["item"]["id"] == "empty"


def test_a_message_spoken_long_ago_counts_by_its_words() -> None:
    wire = Wire()
    content = [{"type": "input_audio", "audio": "AAAA", "transcript": "hello"}]
    wire.client("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    assert wire.last("conversation.item.added")["item"]["content"] == [{"type": "input_audio", "transcript": "hello"}]


def test_what_is_forgotten_is_told_so_that_clients_keep_the_same_list() -> None:
    wire = Wire()
    for number in range(MAX_ITEMS + 2):
        wire.client("conversation.item.create", item=typed("old", "assistant", id=f"item_{number}"))
    deleted = [event["item_id"] for event in wire.sent if event["type"] == "conversation.item.deleted"]
    assert deleted == ["item_0", "item_1"]


def test_a_user_who_barges_in_cancels_by_the_model_and_what_was_not_heard_is_gone() -> None:
    wire = Wire()
    wire.speak(" One", ms=600)
    wire.give(Said(wire.now_ms, wire.now_ms + 200, " two"))
    wire.pass_ms(200, SPEECH)
    wire.give(Stopped(wire.now_ms, yielded=True))
    types = wire.types()
    assert types.index("input_audio_buffer.speech_started") < types.index("response.done")
    turn_detection = wire.codec.opening()[0]["session"]["audio"]["input"]["turn_detection"]
    assert turn_detection["interrupt_response"] is True  # else openai-agents cancels a second time
    wire.client("conversation.item.truncate", item_id=wire.item(), content_index=0, audio_end_ms=500)
    wire.client("conversation.item.retrieve", item_id=wire.item())
    assert wire.last("conversation.item.retrieved")["item"]["content"][0]["transcript"] == "One"


def test_sound_is_cut_while_it_is_still_said() -> None:
    wire = Wire()
    wire.speak(" One", ms=400)
    wire.client("conversation.item.truncate", item_id=wire.item(), content_index=0, audio_end_ms=5_000)
    assert wire.last("conversation.item.truncated")["audio_end_ms"] <= 400
    wire.client("response.cancel")
    assert wire.last("response.done")["response"]["status"] == "cancelled"


def test_a_second_wish_is_refused_in_the_code_that_clients_wait_with() -> None:
    wire = Wire()
    wire.speak(" One")
    wire.client("response.create", response={"metadata": {"a": "b"}}, event_id="mine")
    assert (wire.error()["code"], wire.error()["event_id"]) == ("conversation_already_has_active_response", "mine")


def test_fragments_carry_their_own_spaces() -> None:
    wire = Wire()
    wire.speak(" One")
    wire.give(Said(wire.now_ms, wire.now_ms + 200, " two"))
    deltas = [event["delta"] for event in wire.sent if event["type"] == "response.output_audio_transcript.delta"]
    assert deltas == ["One", " two"]


def test_limits_are_told_after_every_response() -> None:
    wire = Wire()
    wire.speak(" One")
    wire.give(Stopped(wire.now_ms))
    wire.pass_ms(800)
    assert wire.types()[-2:] == ["response.done", "rate_limits.updated"]


def test_a_camera_shown_as_items_neither_fills_the_conversation_nor_comes_back_over_the_wire() -> None:
    wire = Wire()
    wire.client("conversation.item.create", item=typed("hello", id="words"))
    for _ in range(MAX_PICTURES + 3):
        wire.client("conversation.item.create", item=shown(), event_id="video_1")
    added = [event["item"] for event in wire.sent if event["type"] == "conversation.item.added"]
    assert all("image_url" not in part for item in added for part in item["content"])
    deleted = [event["item_id"] for event in wire.sent if event["type"] == "conversation.item.deleted"]
    assert deleted == [item["id"] for item in added[1:4]]


def test_the_model_is_shown_one_picture_a_micro_turn() -> None:
    wire = Wire()
    at_ms = []
    for _ in range(30):
        if wire.client("conversation.item.create", item=shown()).actions:
            at_ms.append(wire.now_ms)
        wire.pass_ms(20)
    assert at_ms == [0, 200, 400]


def test_a_picture_arrives_as_its_pixels() -> None:
    wire = Wire()
    (action,) = wire.client("conversation.item.create", item=shown()).actions
    assert isinstance(action, ShowPicture)
    assert pixels(action.picture).shape == (1, 1, 3)


def test_a_broken_picture_names_its_field() -> None:
    with pytest.raises(Refusal) as refused:
        pixels(Picture("jpeg", b"no jpeg", "item.content[0].image_url"))
    assert (refused.value.code, refused.value.param) == ("invalid_value", "item.content[0].image_url")


ELSEWHERE = ["https://a.example/cat.png", PNG.replace("png", "gif"), "data:image/png;base64,%%", ""]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_picture_is_taken_from_the_message_alone(url: str) -> None:
    wire = Wire()
    assert not wire.client("conversation.item.create", item=shown(url)).actions
    assert (wire.error()["code"], wire.error()["param"]) == ("invalid_value", "item.content[0].image_url")


def test_instructions_are_told_once_and_again_when_they_change() -> None:
    wire = Wire(reads=KNOWN.__contains__)
    prompt = "You are a helpful agent. count to three.\nbe quiet!"
    first = wire.client("session.update", session={"instructions": prompt})
    assert first.actions == [PushText("count to three", "c1"), PushText("be quiet", "c1"), Instruct(prompt)]
    assert wire.last("session.updated")["session"]["instructions"] == prompt
    assert not wire.client("session.update", session={"instructions": prompt}).actions
    again = wire.client("session.update", session={"instructions": "be quiet"})
    assert again.actions == [PushText("be quiet", "c1"), Instruct("be quiet")]


def test_instructions_that_a_secret_is_bound_to_are_told_at_the_start() -> None:
    settings = default_settings("tiny").with_update(Settings(instructions="be quiet. or else"))
    codec = RealtimeCodec("live_test", settings, 0, KNOWN.__contains__)
    assert codec.instructed() == [PushText("be quiet", "")]


def test_rules_of_a_system_message_and_of_one_response_are_told_too() -> None:
    wire = Wire(reads=KNOWN.__contains__)
    assert wire.client("conversation.item.create", item=typed("be quiet", "system")).actions == [
        PushText("be quiet", "c1")
    ]
    wish = {"instructions": "Greet them warmly. count to three"}
    assert wire.client("response.create", response=wish).actions == [PushText("count to three", "c1")]
