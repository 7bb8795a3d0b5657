"""Recordings over HTTP: who may read them, what they show, parts by range, a live one, one that is not there."""

import hashlib
import io
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from microturn.core.chunk import Chunk, MicroTurn
from microturn.core.events import Event
from microturn.gateway.app import create_app
from microturn.gateway.doors import Doors
from microturn.gateway.host import EchoHost
from microturn.gateway.kept import About
from microturn.gateway.keys import Keys
from microturn.gateway.sessions import Limits, Sessions
from microturn.gateway.store import Store
from microturn.gateway.timeline import Ended
from microturn.gateway.turns import opening, timeline_of
from microturn.media.jpeg import decode_jpeg
from microturn.media.mkv import read_mkv

NAMES = ("ann", "bob", "admin")
LINES = [f"{name}=sha256:{hashlib.sha256(name.encode()).hexdigest()}" for name in NAMES]
OWNERS = {name: hashlib.sha256(name.encode()).hexdigest()[:32] for name in NAMES}
ID = "sess_1"


def turns() -> list[MicroTurn]:
    """The user speaks for 0.8 s; the model answers from 0.6 s (heard from 0.8 s) and yields."""
    tone = np.full(3200, 0.25, np.float32)
    picture = np.full((24, 32, 3), 200, np.uint8)
    user = [Chunk(tone, picture), Chunk(tone), Chunk(tone), Chunk(tone), Chunk(tone), Chunk(text=("stop",)), Chunk()]
    heard = Event(600, 2, "heard", "what is it")
    model = [Chunk()] * 3 + [
        Chunk(tone, text=("seven",), events=(Event(800, 3, "say", "seven"),)),
        Chunk(tone),
        Chunk(events=(Event(1200, 5, "yield"),)),
        Chunk(),
    ]
    model[2] = Chunk(events=(heard,))
    return [MicroTurn(tick, *pair) for tick, pair in enumerate(zip(user, model, strict=True))]


def keep(store: Store, session_id: str = ID, owner: str = "", end: bool = True) -> None:
    keeper = store.begin(About(session_id, "live", {"model": "m"}, owner, model="m", started_at=4e9))
    assert keeper is not None
    keeper.items(opening())
    speaking = False
    for turn in turns():
        items, speaking = timeline_of(turn, speaking)
        keeper.turn(turn, None, 5.0)
        keeper.items(items)
    keeper.items([Ended(1400, "close_requested")])
    if end:
        store.done(keeper)


def client_of(store: Store | None, keys: Keys | None = None, address: str = "127.0.0.1") -> TestClient:
    app = create_app(Sessions(EchoHost(1), Limits(), store=store), Doors(keys))
    return TestClient(app, client=(address, 5_000))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    keep(Store(tmp_path))
    with client_of(Store(tmp_path)) as client:
        yield client


def code(answer: object) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]  # type: ignore[attr-defined]


def test_a_recording_is_listed_and_drawn(client: TestClient) -> None:
    rows = client.get("/v1/recordings").json()
    assert [row["id"] for row in rows["data"]] == [ID] and not rows["has_more"]
    assert rows["data"][0]["duration_ms"] == 1_400 and rows["data"][0]["created_at"] == 4_000_000_000
    shown = client.get(f"/v1/recordings/{ID}").json()
    assert shown["model"] == "m"
    user, model = shown["sides"]["user"], shown["sides"]["model"]
    assert user["words"] == [{"start_ms": 400, "end_ms": 600, "text": " what is it"}]
    assert model["words"] == [{"start_ms": 800, "end_ms": 1_000, "text": " seven"}]
    assert user["spans"] == [[0, 1_000]] and model["spans"] == [[800, 1_200]]
    assert shown["overlaps"] == [[800, 1_000]] and shown["stops"] == [{"at_ms": 1_200, "yielded": True, "unsaid": ""}]
    assert shown["latency_ms"][0] == {"tick": 0, "late_ms": 5.0} and len(shown["latency_ms"]) == 7
    assert len(user["levels"]) == 40 and user["levels"][0] == 25
    assert shown["ended"] == {"at_ms": 1_400, "reason": "close_requested"} and shown["notes"] == []
    kinds = [event["type"] for event in shown["events"]]
    assert kinds[0] == "session.started" and kinds[-1] == "session.closed"
    assert "session.output_audio.delta" not in kinds and kinds.count("session.input_transcript.delta") == 1


@pytest.mark.parametrize("path", [f"/v1/live/sessions/{ID}/content", f"/v1/recordings/{ID}/media.wav"])
def test_the_sound_is_stereo_with_the_user_left(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as wav:
        assert (wav.getnchannels(), wav.getframerate(), wav.getnframes()) == (2, 16_000, 8 * 3_200)
        pcm = np.frombuffer(wav.readframes(8 * 3_200), "<i2").reshape(-1, 2)
    assert pcm[: 5 * 3_200, 0].min() == 8_192 == pcm[4 * 3_200 : 6 * 3_200, 1].min()
    assert not pcm[5 * 3_200 :, 0].any() and not pcm[: 4 * 3_200, 1].any()


def test_a_browser_may_ask_for_a_part(client: TestClient) -> None:
    whole = client.get(f"/v1/recordings/{ID}/audio").content
    part = client.get(f"/v1/recordings/{ID}/audio", headers={"range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == whole[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert client.head(f"/v1/recordings/{ID}/audio").headers["accept-ranges"] == "bytes"


def test_the_mkv_has_both_sides_and_the_camera(client: TestClient, tmp_path: Path) -> None:
    answer = client.get(f"/v1/recordings/{ID}/media.mkv")
    (tmp_path / "a.mkv").write_bytes(answer.content)
    media = read_mkv(tmp_path / "a.mkv")
    assert answer.headers["content-type"] == "video/x-matroska" and [one.t_ms for one in media.frames] == [0]
    assert abs(len(media.stereo) - 8 * 3_200) < 1_600


def test_a_picture_of_a_tick_is_a_small_jpeg(client: TestClient) -> None:
    (frame,) = client.get(f"/v1/recordings/{ID}").json()["frames"]
    assert decode_jpeg(client.get(frame["url"]).content).shape == (24, 32, 3)
    assert code(client.get(f"/v1/recordings/{ID}/frames/3.jpg")) == (404, "frame_not_found")


def test_what_is_not_there_is_said_so(client: TestClient) -> None:
    for path in ("/v1/recordings/none", "/v1/live/sessions/none/content", "/v1/recordings/..%2f..%2fx"):
        assert client.get(path).status_code == 404
    assert code(client.get("/v1/live/sessions/none/content")) == (404, "recording_not_found")
    assert code(client.get(f"/v1/recordings/{ID}/media.avi")) == (404, "media_not_found")
    assert code(client.get("/v1/recordings?limit=0")) == (400, "invalid_value")
    with client_of(None) as off:
        assert code(off.get("/v1/recordings")) == (404, "recordings_off")


def test_a_recording_that_grows_is_shown_but_its_sound_is_not_given_yet(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, end=False)
    with client_of(store) as client:
        assert code(client.get(f"/v1/live/sessions/{ID}/content")) == (409, "session_still_active")
        assert code(client.delete(f"/v1/recordings/{ID}")) == (409, "session_still_active")
        assert client.get("/v1/recordings").json()["data"][0]["live"] is True


def test_a_recording_can_be_thrown_away(client: TestClient) -> None:
    assert client.delete(f"/v1/recordings/{ID}").json()["deleted"] is True
    assert client.get("/v1/recordings").json()["data"] == []


def test_only_its_owner_and_the_admin_read_a_recording(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store, "sess_ann", OWNERS["ann"])
    keep(store, "sess_nobody")
    with client_of(store, Keys(LINES), "10.0.0.1") as client:

        def get(path: str, key: str) -> object:
            return client.get(path, headers={"authorization": f"Bearer {key}"})

        for path in (
            "/v1/recordings/sess_ann",
            "/v1/live/sessions/sess_ann/content",
            "/v1/recordings/sess_ann/media.mkv",
        ):
            assert code(get(path, "bob")) == (403, "forbidden")
            assert client.get(path).status_code == 401
            assert get(path, "ann").status_code == get(path, "admin").status_code == 200  # type: ignore[attr-defined]
        listed = {key: [r["id"] for r in get("/v1/recordings", key).json()["data"]] for key in NAMES}  # type: ignore[attr-defined]
        assert listed["ann"] == ["sess_ann"] and listed["bob"] == []
        assert sorted(listed["admin"]) == ["sess_ann", "sess_nobody"]


def test_without_keys_only_this_machine_reads_recordings(tmp_path: Path) -> None:
    keep(Store(tmp_path))
    with client_of(Store(tmp_path), address="10.0.0.1") as client:
        assert code(client.get("/v1/recordings")) == (403, "forbidden")


def test_a_broken_recording_is_told_and_the_others_are_listed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    keep(store)
    keep(store, "sess_2")
    (tmp_path / ID / "recording.json").write_text("{")
    with client_of(store) as client:
        assert code(client.get(f"/v1/recordings/{ID}")) == (500, "recording_unreadable")
        assert [row["id"] for row in client.get("/v1/recordings").json()["data"]] == ["sess_2"]


def test_what_a_client_tells_of_itself_is_kept_with_the_recording(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with client_of(store) as client:
        with client.websocket_connect("/v1/live/sessions") as socket:
            session = {"model": "m", "store": True, "client": {"echo_cancellation": True}}
            socket.send_json({"type": "session.start", "session": session})
            session_id = socket.receive_json()["session"]["id"]
            assert code(client.get(f"/v1/live/sessions/{session_id}/content")) == (409, "session_still_active")
            while socket.receive_json().get("end_ms", 0) < 400:
                pass
            socket.send_json({"type": "session.close"})
            while socket.receive_json()["type"] != "session.closed":
                pass
        assert client.get(f"/v1/live/sessions/{session_id}/content").status_code == 200
        assert client.get(f"/v1/recordings/{session_id}").json()["config"]["client"] == {"echo_cancellation": True}
