"""Messages that once did harm: each is answered in a few words."""

import asyncio
import difflib
import json
from typing import Any

import pytest
from starlette.datastructures import Headers
from websockets.exceptions import ConnectionClosed

from microturn.core.config import from_dict
from microturn.core.errors import ConfigError
from microturn.gateway.doors import Closed, DoorRules, Doors
from microturn.gateway.host import EchoHost
from microturn.gateway.live.client import SESSION_CHARACTERS, event_id, object_of, parse
from microturn.gateway.live.refusal import Refusal
from microturn.gateway.realtime.codec import ITEM_CHARACTERS, SETTINGS_CHARACTERS
from microturn.gateway.sessions import Limits
from microturn.gateway.webrtc.channel import DataChannel
from microturn.gateway.webrtc.peer import OfferRefused, Peer
from microturn.gateway.webrtc.speaker import Speaker
from tests.gateway.live_client import serving
from tests.gateway.realtime.driven import Wire, typed

LONG = "k" * 3_000_000


def test_a_key_of_megabytes_is_not_compared_with_those_that_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def matches(word: str, *_: Any, **__: Any) -> list[str]:
        compared.append(len(word))
        return difflib.get_close_matches(word, ["model"], 1)

    monkeypatch.setattr("microturn.core.config.get_close_matches", matches)
    with pytest.raises(ConfigError) as refused:
        from_dict(Limits, {LONG: 1})
    assert compared == [80] and len(str(refused.value)) < 1_000


def test_an_error_does_not_send_a_message_of_megabytes_back() -> None:
    for row in ({"type": "session.close", LONG: 1}, {"type": LONG}, {"type": "session.start", "session": {LONG: 1}}):
        with pytest.raises(Refusal) as refused:
            parse(row)
        assert len(refused.value.message) + len(refused.value.param or "") < 500
    assert event_id({"event_id": LONG}) is None and event_id({"event_id": "e" * 512}) == "e" * 512


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_json_does_not_have_comes_back_in_no_event(number: str) -> None:
    start = '{"type": "session.start", "session": {"model": "m", "delegation": {"type": "client", "a": %s}}}'
    with pytest.raises(Refusal, match="not valid JSON"):
        object_of(start % number)
    wire = Wire()
    update = '{"type": "session.update", "session": {"type": "realtime", "prompt": {"a": %s}}}'
    wire.codec.from_client(update % number)
    wire.client("session.update", session={"type": "realtime"})
    json.dumps(wire.last("session.updated"), allow_nan=False)


def test_a_configuration_has_a_size_however_it_grows() -> None:
    with pytest.raises(Refusal) as refused:
        parse({"type": "session.start", "session": {"model": "m", "instructions": "x" * SESSION_CHARACTERS}})
    assert (refused.value.code, refused.value.param) == ("invalid_value", "session")
    with serving(EchoHost(1)) as running, running.client() as client:
        client.start()
        for name in ("a", "b"):
            client.send("session.update", session={"delegation": {name: "x" * (SESSION_CHARACTERS * 2 // 3)}})
        client.until("session.updated")
        assert client.until("error")[-1]["error"]["param"] == "session.delegation"


def test_settings_and_items_of_the_other_dialect_have_a_size_too() -> None:
    wire = Wire()
    wire.client("session.update", session={"type": "realtime", "instructions": "x" * SETTINGS_CHARACTERS})
    assert wire.error()["param"] == "session"
    assert len(wire.codec.settings.instructions or "") == 0
    content = typed("x" * 65_536)["content"] * (ITEM_CHARACTERS // 65_536)
    wire.client("conversation.item.create", item=typed("") | {"content": content})
    assert wire.error()["param"] == "item"


@pytest.mark.parametrize("name", ["host", "origin"])
@pytest.mark.parametrize("value", ["[::1", "http://[::1", "http://[", "\x00", "//"])
def test_a_header_that_is_no_address_is_refused_like_any_other(name: str, value: str) -> None:
    headers = Headers({"host": "127.0.0.1:8808"} | {name: value})
    with pytest.raises(Closed) as closed:
        Doors(rules=DoorRules(local=True)).grant(headers, "/v1/models", False, "POST")
    assert closed.value.status == 403


def test_an_offer_without_a_fingerprint_is_refused_before_anything_is_opened() -> None:
    offer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"

    async def answered() -> None:
        peer = Peer(DataChannel(1.0), Speaker(), (), sees=False)
        try:
            await peer.answer(offer)
        finally:
            await peer.close()

    with pytest.raises(OfferRefused, match="fingerprint"):
        asyncio.run(answered())


NO_UTF_8 = b"\x81\x82\x00\x00\x00\x00\xff\xfe"  # a masked frame
CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


@pytest.mark.parametrize(("packet", "code"), [(NO_UTF_8 * 3, 1007), (NO_UTF_8 + CLOSE, 1000)])
def test_text_that_is_not_utf_8_closes_its_connection_and_leaves_no_traceback(
    packet: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(EchoHost(2)) as running, running.client() as other, running.client() as client:
        other.start()
        client.start()
        client.socket.socket.sendall(packet)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                client.next()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == code
        other.send("session.close")
        other.until("session.closed")
    lines = [record for record in caplog.records if "UTF-8" in record.getMessage()]
    assert lines and not any(record.exc_info for record in caplog.records)
