"""Typed sentences as sound: what is said, by whom, and what is refused."""

import io
import threading
import wave
from collections.abc import Callable

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from microturn.core.errors import InputError
from microturn.data.voices import AGENT_VOICE, ALL_VOICES, voice
from microturn.gateway.speak_for_me import LONGEST_TEXT, NAMES, UNKNOWN, WAITING, Speak, line_of, register


def tone(name: str, line: str) -> np.ndarray:
    return np.full(1_600, 0.25, np.float32)


def client_of(speak: Speak = tone, offered: tuple[str, ...] = ("one", "two")) -> TestClient:
    app = FastAPI()
    register(app, speak, offered)
    return TestClient(app)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("What is 3 plus 4?", "what is three plus four"),
        ("Stop!  Now, please...", "stop, now, please"),
        ("it's 1,250 o'clock", "it's one, two hundred fifty o'clock"),
        ("I\N{RIGHT SINGLE QUOTATION MARK}m 'here'", "i'm here"),
    ],
)
def test_a_typed_text_becomes_a_line_that_can_be_said(text: str, line: str) -> None:
    assert line_of(text).text == line


@pytest.mark.parametrize("text", ["", "?!", "日本", "12345", "a" * (LONGEST_TEXT + 1)])
def test_what_cannot_be_said_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        line_of(text)


def test_words_outside_the_models_world_are_named() -> None:
    assert line_of("repeat quark, fish, quark").unknown == ("quark",)


def test_a_sentence_comes_as_wav_at_the_models_rate() -> None:
    answer = client_of().post("/v1/speak", json={"text": "say quark"})
    assert (answer.status_code, answer.headers[UNKNOWN]) == (200, "quark")
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getnframes()) == (16_000, 1, 1_600)


def test_voices_are_offered_and_another_is_refused() -> None:
    client = client_of()
    assert [one["id"] for one in client.get("/v1/speak").json()["voices"]] == ["one", "two"]
    refused = client.post("/v1/speak", json={"text": "hello", "voice": "three"})
    assert refused.status_code == 400 and "one, two" in refused.json()["error"]["message"]


def test_without_a_synthesizer_it_says_what_to_install() -> None:
    client = client_of(offered=())
    assert "apt install" in client.get("/v1/speak").json()["trouble"]
    refused = client.post("/v1/speak", json={"text": "hello"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_synthesizer")
    assert "apt install" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[1]", b"[" * 3_000, b"\xff\xfe", b'{"text": 1}', b'{"words": "hello"}', b"x" * 5_000]
)
def test_a_bad_request_is_told_what_is_right(body: bytes) -> None:
    assert client_of().post("/v1/speak", content=body).status_code == 400


def test_too_many_at_once_are_told_to_come_again() -> None:
    go = threading.Event()

    def slow(name: str, line: str) -> np.ndarray:
        assert go.wait(120)
        return tone(name, line)

    def ask(client: TestClient, found: list[int]) -> Callable[[], None]:
        return lambda: found.append(client.post("/v1/speak", json={"text": "hello"}).status_code)

    found: list[int] = []
    with client_of(slow) as client:
        threads = [threading.Thread(target=ask(client, found)) for _ in range(WAITING + 3)]
        for thread in threads:
            thread.start()
        while found.count(429) < 2:
            assert not go.wait(0.01)
        go.set()
        for thread in threads:
            thread.join()
    assert sorted(found) == [200] * (WAITING + 1) + [429] * 2


def test_voices_that_speak_for_a_visitor_are_of_the_training_split_and_not_the_models_own() -> None:
    assert {voice(name).split for name in NAMES} == {"train"}
    assert AGENT_VOICE not in NAMES and set(NAMES) <= {one.id for one in ALL_VOICES}
