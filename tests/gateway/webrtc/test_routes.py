"""Calls over real UDP: an aiortc client in this process, a server in a thread, both on the wall's clock."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator

import numpy as np
import pytest
from starlette.testclient import TestClient

from microturn.agent.secret import Secret
from microturn.core.chunk import Chunk
from microturn.core.participant import Participant
from microturn.gateway.app import create_app
from microturn.gateway.host import EchoHost
from microturn.gateway.sessions import Limits, Sessions
from microturn.gateway.webrtc.ice import Ice
from tests.gateway.live.test_routes import CountingHost
from tests.gateway.live_client import WAIT_S, Running, serving, until
from tests.gateway.realtime.test_socket import AnswersHost
from tests.gateway.webrtc.caller import LIVE, REALTIME, Caller, calling

FRAGMENT = "application/trickle-ice-sdpfrag"

TONE = (0.25 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)).astype(np.float32)
OPEN = {"data_channel": {"allowed_client_events": "all", "allowed_server_events": "all"}}


class Talks:
    """Never stops."""

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        return Chunk(TONE[:3_200])


class TalksHost(EchoHost):
    def join(self, session_id: str, seed: int) -> Participant:
        return Talks()

    def leave(self, partner: Participant) -> None:
        assert isinstance(partner, Talks)


@pytest.fixture(scope="module")
def echo() -> Iterator[Running]:
    with serving(EchoHost(1), Limits(sessions=1, start_s=WAIT_S), real_time=True) as running:
        yield running


@pytest.fixture
def answers() -> Iterator[Running]:
    with serving(AnswersHost(1), Limits(sessions=1, start_s=WAIT_S), real_time=True) as running:
        yield running


def with_caller(running: Running, act: Callable[[Caller], Awaitable[None]]) -> None:
    """A client that acts and hangs up; afterwards the server holds nothing of it."""

    async def run() -> None:
        async with calling(running.port) as caller:
            await act(caller)

    asyncio.run(asyncio.wait_for(run(), WAIT_S))
    until(lambda: not held_by(running))


def held_by(running: Running) -> list[str]:
    """What a server holds of its calls: sessions and threads."""
    names = [thread.name for thread in threading.enumerate()]
    threads = [name for name in names if name.startswith(("session", "audio-decoder", "video-decoder"))]
    return [*threads, *["a session"] * running.sessions.count]


def frequency_of(pcm: np.ndarray) -> float:
    loud = pcm[np.abs(pcm).argmax() :][:4_000]
    return float(np.abs(np.fft.rfft(loud * np.hanning(len(loud)))).argmax() * 16_000 / len(loud))


def types(caller: Caller) -> list[str]:
    return [event["type"] for event in caller.events]


def test_what_is_spoken_into_a_live_call_comes_back_on_its_track(echo: Running) -> None:
    async def act(caller: Caller) -> None:
        await caller.call_live()
        session = json.loads(caller.body)["session"]["id"]
        assert caller.headers["Location"] == f"{LIVE}/{session}"
        started = (await caller.until("session.started"))[0]
        assert (started["type"], started["session"]["id"]) == ("session.started", session)
        caller.microphone.pcm = TONE
        assert frequency_of(await caller.heard_loud(0.5)) == pytest.approx(440, abs=8)
        assert "session.output_audio.delta" not in types(caller)
        caller.send("session.close")
        closed = (await caller.until("session.closed"))[-1]
        assert closed["reason"] == "close_requested"
        await caller.over()

    with_caller(echo, act)


def test_events_of_a_realtime_call_tell_when_the_track_plays(answers: Running) -> None:
    async def act(caller: Caller) -> None:
        await caller.call_realtime(REALTIME + "?model=mine")
        created = (await caller.until("session.created"))[0]
        assert caller.headers["Location"] == f"{REALTIME}/{created['session']['id']}"
        assert created["session"]["model"] == "mine"
        caller.microphone.pcm = TONE
        await caller.until("output_audio_buffer.stopped")
        seen.extend(types(caller))

    seen: list[str] = []
    with_caller(answers, act)
    assert "response.output_audio.delta" not in seen
    order = [
        "input_audio_buffer.speech_started",
        "response.created",
        "response.content_part.added",
        "output_audio_buffer.started",
        "response.output_audio.done",
        "response.done",
        "output_audio_buffer.stopped",
    ]
    assert [kind for kind in seen if kind in order] == order


def test_a_response_that_is_cut_off_is_not_heard_any_more() -> None:
    async def act(caller: Caller) -> None:
        await caller.call_realtime()
        await caller.heard_loud(0.2)
        caller.send("output_audio_buffer.clear", event_id="mine")
        cleared = (await caller.until("output_audio_buffer.cleared"))[-1]
        done = [event["response"] for event in caller.events if event["type"] == "response.done"][-1]
        assert (done["status"], done["id"]) == ("cancelled", cleared["response_id"])
        await caller.when(caller.heard, lambda: not (np.abs(caller.heard()[-16_000:]) > 0.02).any())
        assert "error" not in types(caller)

    with serving(TalksHost(1), Limits(start_s=WAIT_S), real_time=True) as running:
        with_caller(running, act)


def test_who_says_nothing_about_its_data_channel_may_do_little_with_it(echo: Running) -> None:
    async def act(caller: Caller) -> None:
        await caller.call_live(instructions="the safe is behind the picture")
        info = (await caller.until("info"))[-1]
        assert info["code"] == "data_channel_permissions"
        assert "the safe" not in json.dumps(caller.events)
        caller.send("session.instructions.append", content="open the safe", event_id="mine")
        error = (await caller.until("error"))[-1]["error"]
        assert (error["code"], error["client_event_id"]) == ("event_not_allowed", "mine")
        caller.send("session.input_audio.mute")
        await caller.until("session.input_audio.muted")

    with_caller(echo, act)


def test_an_open_data_channel_takes_all_events_but_sound(echo: Running) -> None:
    async def act(caller: Caller) -> None:
        await caller.call_live(instructions="be brief", client=OPEN)
        await caller.until("session.started")
        assert caller.events[0]["session"]["instructions"] == "be brief"
        caller.send("session.instructions.append", content="be briefer")
        await caller.until("session.instructions.appended")
        caller.send("session.input_audio.append", audio="")
        assert "tracks" in (await caller.until("error"))[-1]["error"]["message"]

    with_caller(echo, act)


def test_a_call_is_hung_up_by_its_id(echo: Running) -> None:
    async def act(caller: Caller) -> None:
        await caller.call_realtime()
        await caller.until("session.created")
        await caller.post(caller.headers["Location"] + "/hangup")
        assert caller.status == 200
        await caller.over()

    with_caller(echo, act)


def test_a_peer_that_vanishes_ends_its_session(echo: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", 0.1)
    monkeypatch.setattr("aioice.ice.CONSENT_FAILURES", 1_000_000)

    async def act(caller: Caller) -> None:
        await caller.call_live()
        await caller.until("session.started")
        monkeypatch.setattr("aioice.ice.CONSENT_FAILURES", 3)
        assert caller.rtc.sctp is not None
        await caller.rtc.sctp.transport.transport.stop()  # its sockets are gone, and nothing was said

    with_caller(echo, act)


def test_a_call_too_many_is_refused(echo: Running) -> None:
    async def act(caller: Caller) -> None:
        await caller.call_live()
        async with calling(echo.port) as second:
            await second.post(REALTIME, (await second.offer()).encode(), "application/sdp")
            assert (second.status, json.loads(second.body)["error"]["code"]) == (503, "server_at_capacity")
            assert int(second.headers["Retry-After"]) > 0
        await caller.until("session.started")  # who has not come yet cannot hang up

    with_caller(echo, act)


def test_a_client_that_never_connects_frees_its_place() -> None:
    async def act(caller: Caller) -> None:
        transport = {"type": "webrtc", "sdp": await caller.offer()}
        await caller.post(LIVE, json.dumps({"session": {"model": "any"}, "transport": transport}).encode())
        assert caller.status == 201

    with serving(EchoHost(1), Limits(start_s=0.5), real_time=True) as running:
        with_caller(running, act)
        assert 'ended_total{reason="connection_lost"} 1.0' in running.sessions.metrics.text().decode()


def test_a_server_that_ends_hangs_up() -> None:
    async def act(caller: Caller, running: Running) -> None:
        await caller.call_live()
        await caller.until("session.started")
        running.server.should_exit = True
        assert (await caller.until("session.closed"))[-1]["reason"] == "expired"
        await caller.over()

    async def run() -> None:
        with serving(EchoHost(1), Limits(start_s=WAIT_S), real_time=True) as running:
            async with calling(running.port) as caller:
                await act(caller, running)

    asyncio.run(asyncio.wait_for(run(), WAIT_S))


SESSION = {"model": "any"}
REFUSED = [
    (REALTIME, "application/sdp", "no sdp", "invalid_offer", "sdp"),
    (REALTIME, "application/sdp", "v=0\nm=audio", "invalid_offer", "sdp"),
    (REALTIME, "application/sdp", "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 2, "invalid_offer", "sdp"),
    (REALTIME, "application/sdp", "m=audio 9\n" + "x" * 70_000, "invalid_offer", "sdp"),
    (REALTIME, "text/plain", "v=0", "unsupported_media_type", None),
    (REALTIME, "multipart/form-data", "v=0", "invalid_form", None),
    (LIVE, "application/json", "{", "invalid_json", None),
    (LIVE, "application/json", "[]", "invalid_value", "body"),
    (LIVE, "application/json", {"session": SESSION}, "missing_required_parameter", "transport"),
    (LIVE, "application/json", {"session": SESSION, "transport": {"type": "sip"}}, "invalid_value", "transport.type"),
    (
        LIVE,
        "application/json",
        {"session": {"model": 1}, "transport": {"type": "webrtc", "sdp": ""}},
        "invalid_value",
        "session.model",
    ),
    (
        LIVE,
        "application/json",
        {"session": SESSION, "transport": {"type": "webrtc", "sdp": ""}},
        "invalid_offer",
        "sdp",
    ),
    (
        LIVE,
        "application/json",
        {"session": {"audio": {"format": {"type": "audio/pcm"}}}, "transport": {}},
        "unsupported",
        "session.audio.format",
    ),
    (
        LIVE,
        "application/json",
        {
            "session": {**SESSION, "client": {"data_channel": {"allowed_client_events": 1}}},
            "transport": {"type": "webrtc", "sdp": ""},
        },
        "invalid_value",
        "session.client.data_channel.allowed_client_events",
    ),
]


@pytest.mark.parametrize(("route", "kind", "body", "code", "param"), REFUSED)
def test_a_bad_offer_is_refused_with_what_is_wrong(
    echo: Running, route: str, kind: str, body: str | dict[str, object], code: str, param: str | None
) -> None:
    async def post() -> None:
        async with calling(echo.port) as caller:
            raw = body if isinstance(body, str) else json.dumps(body)
            await caller.post(route, raw.encode(), kind)
            error = json.loads(caller.body)["error"]
            assert (caller.status, error["code"], error["param"]) == (400, code, param), error

    asyncio.run(post())
    assert echo.sessions.count == 0


def test_candidates_that_come_after_the_offer_connect_a_call() -> None:
    async def act(caller: Caller) -> None:
        offer = await caller.offer()
        bare = "".join(line for line in offer.splitlines(True) if "candidate" not in line)
        transport = {"type": "webrtc", "sdp": bare}
        await caller.post(LIVE, json.dumps({"session": {"model": "any"}, "transport": transport}).encode())
        answer = json.loads(caller.body)["transport"]["sdp"]
        # The client does not learn where the server is, so the server must have learnt where the client is.
        await caller.take("".join(line for line in answer.splitlines(True) if "candidate" not in line))
        place, found = caller.headers["location"], offer[offer.index("m=") :]
        await caller.post(place, found.encode(), "application/sdp", method="PATCH")
        assert caller.status == 415
        await caller.post(place, b"a=ice-ufrag:other\r\na=end-of-candidates", FRAGMENT, method="PATCH")
        assert caller.status == 422
        await caller.post(place, found.encode(), FRAGMENT, method="PATCH")
        assert caller.status == 204
        await caller.until("session.started")

    with serving(EchoHost(1), Limits(start_s=WAIT_S), real_time=True) as running:
        with_caller(running, act)


def test_candidates_of_no_call_are_not_taken(echo: Running) -> None:
    async def post() -> None:
        async with calling(echo.port) as caller:
            await caller.post(f"{REALTIME}/x", b"a=end-of-candidates", FRAGMENT, method="PATCH")
            assert caller.status == 404

    asyncio.run(post())


def test_a_client_is_told_of_the_servers_that_help_to_connect() -> None:
    ice = Ice(("turn:turn.example.org:3478",), "anna", Secret("long enough"))
    app = create_app(Sessions(EchoHost(1), Limits()), ice=ice)
    with TestClient(app) as client:
        told = client.get("/v1/ice_servers").json()
    named = {"urls": ["turn:turn.example.org:3478"], "username": "anna", "credential": "long enough"}
    assert told == {"ice_servers": [named]}


def test_the_unmodified_openai_client_forks_a_session_onto_a_new_call() -> None:
    openai = pytest.importorskip("openai")

    async def act(caller: Caller, parent_id: str, base_url: str) -> None:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
            offer = {"type": "webrtc", "sdp": await caller.offer()}
            forked = await client.live.sessions.fork(parent_id, transport=offer)
            await caller.take(forked.transport.sdp)
            started = (await caller.until("session.started"))[-1]["session"]
            assert started["id"] == forked.session.id != parent_id
            said = (await caller.until("session.output_transcript.delta"))[-1]["delta"]
            assert int(said) > 1  # it counts on
            with pytest.raises(openai.NotFoundError):
                await client.live.sessions.fork("sess_none", transport=offer)
            with pytest.raises(openai.BadRequestError, match=r"session\.model"):
                await client.live.sessions.fork(parent_id, transport=offer, session={"model": "other"})

    with serving(CountingHost(4), Limits(start_s=WAIT_S), real_time=True) as running, running.client() as parent:
        parent_id = parent.start()["session"]["id"]
        parent.until("session.output_transcript.delta")
        parent.until("session.output_transcript.delta")

        async def call() -> None:
            async with calling(running.port) as caller:
                await act(caller, parent_id, f"http://127.0.0.1:{running.port}/v1")

        asyncio.run(asyncio.wait_for(call(), WAIT_S))


def test_telephone_controls_are_not_implemented_and_unknown_calls_not_found(echo: Running) -> None:
    async def post() -> list[int]:
        async with calling(echo.port) as caller:
            found: list[int] = []
            for path in (f"{LIVE}/x/hangup", f"{REALTIME}/x/accept", f"{REALTIME}/x/refer", f"{REALTIME}/x/hangup"):
                await caller.post(path)
                found.append(caller.status)
            return found

    assert asyncio.run(post()) == [501, 501, 501, 404]


def test_the_unmodified_openai_client_posts_an_offer_and_hangs_up(answers: Running) -> None:
    openai = pytest.importorskip("openai")

    async def act(caller: Caller) -> None:
        base_url = f"http://127.0.0.1:{answers.port}/v1"
        async with openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
            session = {"type": "realtime", "model": "gpt-realtime", "instructions": "be brief"}
            answer = await client.realtime.calls.create(sdp=await caller.offer(), session=session)
            await caller.take(answer.text)
            created = (await caller.until("session.created"))[0]
            assert created["session"]["instructions"] == "be brief"
            await client.realtime.calls.hangup(answer.response.headers["location"].split("/")[-1])
        await caller.over()

    with_caller(answers, act)
