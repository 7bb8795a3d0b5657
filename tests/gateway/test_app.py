import signal
from collections.abc import Iterator

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from microturn.core.chunk import Chunk
from microturn.core.events import Event
from microturn.core.fakes import Scripted
from microturn.core.participant import Participant
from microturn.gateway.host import EchoHost
from microturn.gateway.sessions import Limits
from tests.gateway.live_client import Running, serving, sound_of, until


class OneScript(EchoHost):
    """Everyone's partner says the same."""

    def __init__(self, slots: int) -> None:
        super().__init__(slots)
        self.partners: list[Scripted] = []

    def join(self, session_id: str, seed: int) -> Participant:
        heard = Event(800, 3, "heard", "hello there")
        said = (Event(1000, 4, "say", "good"), Event(1200, 5, "say", "bye", {"joins": True}))
        loud = np.full(3200, 0.25, np.float32)
        script = {
            3: Chunk(events=(heard,)),
            4: Chunk(loud, events=(said[0],)),
            5: Chunk(loud, events=(said[1],)),
        }
        self.partners.append(Scripted(script))
        return self.partners[-1]

    def leave(self, partner: Participant) -> None:
        assert partner in self.partners


class Broken(EchoHost):
    def join(self, session_id: str, seed: int) -> Participant:
        return self

    def leave(self, partner: Participant) -> None:
        assert partner is self

    def turn(self, tick: int, heard: Chunk) -> Chunk:
        raise ValueError("out of order")


@pytest.fixture
def echo() -> Iterator[Running]:
    with serving(EchoHost(2), Limits(sessions=2)) as running:
        yield running


def test_health_readiness_and_the_model_are_told(echo: Running) -> None:
    assert echo.get("/healthz")[0] == 200
    assert echo.get("/readyz") == (200, {"status": "ready", "model": "echo", "sessions": 0, "free": 2})
    assert echo.get("/v1/models")[1]["data"][0]["id"] == "echo"


def test_what_is_spoken_into_a_session_comes_back_as_sound(echo: Running) -> None:
    tone = (8000 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000)).astype(np.int16)
    with echo.client() as client:
        started = client.start()
        assert started["session"]["audio"]["format"] == {"type": "audio/pcm", "rate": 24_000}
        client.say(tone)
        heard = sound_of([client.next() for _ in range(150)])
    loud = heard[np.abs(heard) > 100]
    assert len(loud) > 20_000
    assert np.abs(heard).max() == pytest.approx(8000, rel=0.05)


def test_time_passes_without_a_microphone_and_silence_is_exact(echo: Running) -> None:
    with echo.client() as client:
        client.start()
        events = [client.next() for _ in range(60)]
    assert not sound_of(events).any()
    starts = [event["start_ms"] for event in events]
    assert starts == sorted(starts) and starts[-1] >= 1100


def test_words_come_at_their_times_with_their_own_spaces() -> None:
    with serving(OneScript(1)) as running, running.client() as client:
        client.start()
        words = [e for e in client.until("session.usage.updated") if "transcript" in e["type"]]
    assert [(e["type"].split(".")[1], e["delta"], e["start_ms"]) for e in words] == [
        ("input_transcript", " hello there", 600),
        ("output_transcript", " good", 1000),
        ("output_transcript", "bye", 1200),
    ]


def test_typed_text_reaches_the_model_and_is_acknowledged() -> None:
    host = OneScript(1)
    with serving(host) as running, running.client() as client:
        client.start()
        client.send("session.instructions.append", content="count to three", event_id="mine", delegation_id=None)
        ack = client.until("session.instructions.appended")[-1]
        client.send("session.close")
        client.until("session.closed")
    assert ack["client_event_id"] == "mine"
    assert ("count to three",) in [chunk.text for chunk in host.partners[0].heard]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", "invalid_json"),
        ("[1]", "invalid_event"),
        ("[" * 100_000, "invalid_json"),
        ('{"type": "session.leap"}', "unknown_event"),
        ('{"type": "session.input_audio.append"}', "missing_required_parameter"),
        ('{"type": "session.input_audio.append", "audio": "%%"}', "invalid_value"),
        ('{"type": "session.input_audio.append", "audio": "", "speed": 2}', "unknown_parameter"),
        ('{"type": "session.start", "session": {"model": "again"}}', "session_already_started"),
        ('{"type": "response.create"}', "invalid_value"),
        (b"\x00\x01", "invalid_event"),
    ],
)
def test_a_bad_message_gets_an_error_and_the_session_goes_on(echo: Running, message: str, code: str) -> None:
    with echo.client() as client:
        client.start()
        client.socket.send(message)
        assert client.until("error")[-1]["error"]["code"] == code
        client.send("session.close")
        assert client.until("session.closed")[-1]["reason"] == "close_requested"


def test_an_error_names_the_message_it_is_about(echo: Running) -> None:
    with echo.client() as client:
        client.send("session.start", event_id="first", session={"model": "any", "voice": "marin"})
        error = client.until("error")[-1]["error"]
        assert (error["client_event_id"], error["param"]) == ("first", "session.voice")
        client.start()


def test_a_session_too_many_is_refused_clearly_and_a_free_place_is_given_again(echo: Running) -> None:
    with echo.client() as one, echo.client() as two:
        one.start(), two.start()
        with echo.client() as three:
            three.send("session.start", session={"model": "any"})
            assert three.next()["error"]["code"] == "server_at_capacity"
            with pytest.raises(ConnectionClosed) as closed:
                three.next()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013
        two.send("session.close")
        two.until("session.closed")
        until(lambda: echo.get("/readyz")[1]["free"])
        with echo.client() as four:
            four.start()


def test_a_model_that_fails_ends_its_session_alone_and_tells_no_secrets() -> None:
    with serving(Broken(1)) as running, running.client() as client:
        client.start()
        closed = client.until("session.closed")[-1]
        assert closed["reason"] == "connection_lost"
        assert "out of order" not in str(closed)
        assert running.get("/healthz")[0] == 200


def test_a_server_that_drains_lets_nobody_in_and_ends_what_runs(echo: Running) -> None:
    with echo.client() as client:
        client.start()
        echo.sessions.draining = True
        assert echo.get("/readyz")[0] == 503
        with echo.client() as late:
            late.send("session.start", session={"model": "any"})
            assert late.next()["error"]["code"] == "server_draining"


def test_a_server_asked_to_stop_ends_sessions_after_their_time_and_tells_them_to_come_again() -> None:
    with serving(EchoHost(1), Limits(drain_s=0.5)) as running, running.client() as client:
        client.start()
        running.server.handle_exit(signal.SIGTERM, None)
        assert client.until("session.closed")[-1]["reason"] == "expired"
        with pytest.raises(ConnectionClosed) as closed:
            client.next()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012


@pytest.mark.parametrize(("coding", "zero"), [("audio/pcmu", 0xFF), ("audio/pcma", 0xD5)])
def test_telephone_formats_are_spoken(echo: Running, coding: str, zero: int) -> None:
    with echo.client() as client:
        client.start(audio={"format": {"type": coding}})
        heard = sound_of([client.next() for _ in range(30)], "u1")
    assert set(heard) == {zero}
