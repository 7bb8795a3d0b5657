"""A server process that is killed in mid-conversation: what it recorded, and the one that comes after it.

The story is told once, by a toy that says something in most ticks; each test looks at one side of it.
"""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from websockets.exceptions import ConnectionClosed

from microturn.commands.again import again
from microturn.core.clock import CHUNK_SAMPLES, TICK_MS
from microturn.gateway.kept import KeptSession, read_kept
from microturn.media.text import TextTokenizer
from microturn.model.checkpoint import save_checkpoint
from microturn.model.interaction import InteractionModel, init_weights
from microturn.recipes.tiny import toy
from tests.gateway.live_client import Client, opened, until
from tests.gateway.server_process import Served, served

PLAIN = {"format": {"type": "audio/pcm", "rate": 16_000}}  # nothing is resampled, so every frame is an event
TONE = (8_000 * np.sin(np.arange(32_000) * 2 * np.pi * 440 / 16_000)).astype(np.int16)
KILLED_MS = 3_000
Event = dict[str, Any]


class Story(NamedTuple):
    """Of one session: its events; its recording as the kill left it and at its end; what a stranger was told."""

    weights: Path
    events: list[Event]
    back: Event
    stranger: Event
    left: KeptSession
    kept: KeptSession


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    root = tmp_path_factory.mktemp("killed")
    weights = toy_weights(root / "toy.safetensors")
    options = ("--recordings", str(root / "store"), "--weights", str(weights), "--set", "grace_s=60")
    with served(root / "first.log", *options) as first, talking(first) as client:
        started = client.start(store=True, audio=PLAIN)
        folder = root / "store" / started["session"]["id"]
        client.say(TONE)
        client.send("session.instructions.append", content="what is two")
        events = [started]
        while end_ms(events) < KILLED_MS:
            events.append(client.next())
        until(lambda: read_kept(folder).whole_ticks * TICK_MS >= KILLED_MS)
        first.kill()
        events += until_gone(client)
    token = started.pop("resume_token")
    left = read_kept(shutil.copytree(folder, root / "left"))
    with served(root / "second.log", *options) as second, talking(second) as client:
        back = resumed(client, started, token, events[-1]["server_event_seq"])
        client.send("session.input_audio.append", audio=base64.b64encode(TONE[:6_400].tobytes()).decode())
        events += [client.next() for _ in range(60)]
        with talking(second) as late:
            stranger = resumed(late, started, "rt_guess", 1)
        client.send("session.close")
        events += client.until("session.closed")
    return Story(weights, events, back, stranger, left, read_kept(folder))


def toy_weights(path: Path) -> Path:
    model = InteractionModel(toy().model)
    init_weights(model, seed=0)
    with torch.no_grad():
        model.decision.weight.normal_(generator=torch.Generator().manual_seed(1))
        model.heard.weight.normal_(generator=torch.Generator().manual_seed(2))
    save_checkpoint(path, model, TextTokenizer.train(["what is two plus two"], n_pieces=10), {"listen_bias": 1.0})
    return path


@contextmanager
def talking(server: Served) -> Iterator[Client]:
    with opened(f"ws://{server.address}/v1/live/sessions?ext=1") as wire:
        yield Client(wire)


def end_ms(events: list[Event]) -> int:
    return max(event.get("end_ms", 0) for event in events)


def until_gone(client: Client) -> list[Event]:
    events: list[Event] = []
    try:
        while True:
            events.append(client.next())
    except ConnectionClosed:
        return events


def resumed(client: Client, started: Event, token: str, last_seq: int) -> Event:
    name = started["session"]["id"]
    client.send("session.resume", session_id=name, resume_token=token, last_received_server_event_seq=last_seq)
    return client.next()


def test_what_had_been_recorded_outlives_the_kill_and_the_model_decides_the_same_again(story: Story) -> None:
    assert story.left.whole_ticks * TICK_MS >= KILLED_MS
    assert any("its writer was killed" in note for note in story.left.recording().notes)
    result = again(story.left, story.weights)
    assert result.exact and result.difference is None and result.ticks >= story.left.whole_ticks


def test_the_next_server_goes_on_with_every_event_once_and_in_order(story: Story) -> None:
    started, back = story.events[0], story.back
    assert back["type"] == "session.resumed" and back["session"]["id"] == started["session"]["id"]
    assert story.stranger["error"]["code"] == "session_not_found"
    assert [event["server_event_seq"] for event in story.events] == list(range(1, len(story.events) + 1))


def test_of_its_sound_nothing_is_lost_but_what_was_not_recorded_yet(story: Story) -> None:
    sounds = [event for event in story.events if event["type"] == "session.output_audio.delta"]
    slips = [(one["end_ms"], next["start_ms"]) for one, next in pairwise(sounds) if one["end_ms"] != next["start_ms"]]
    recorded_ms = story.left.whole_ticks * TICK_MS
    assert all(recorded_ms <= again_ms < told_ms for told_ms, again_ms in slips) and len(slips) <= 1


def test_its_recording_is_whole_when_its_end_is_told(story: Story) -> None:
    recording = story.kept.recording()
    assert story.kept.timeline().ended is not None and not recording.notes
    assert len(recording.turns) * TICK_MS >= story.events[-1]["usage"]["seconds"] * 1000
    after = recording.samples("user")[story.left.whole_ticks * CHUNK_SAMPLES :]
    assert np.abs(after).max() > 0.2  # the tone
    assert not list(story.kept.folder.glob("resume-*"))


def test_its_model_has_remembered(story: Story) -> None:
    """Held once more without a break, it decides the same, tick by tick."""
    result = again(story.kept, story.weights)
    assert result.exact and result.difference is None and result.ticks > story.left.whole_ticks
