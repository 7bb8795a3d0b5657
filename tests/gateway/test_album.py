"""The last pictures of a session, for an agent that takes them."""

import base64
from itertools import pairwise
from typing import Any

import numpy as np

from microturn.agent.fakes import Part, ScriptedAgent
from microturn.gateway.album import Album
from microturn.media.jpeg import decode_jpeg, encode_jpeg
from tests.gateway.test_delegations import QUESTION, HandsOver, client, responses, until_status, working


def picture(light: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), light, np.uint8)


def test_the_newest_is_kept_and_three_before_it_a_second_apart() -> None:
    album = Album()
    for number in range(26):
        album.keep(picture(number), number * 200)
    times = [one.t_ms for one in album.pictures()]
    assert times[-1] == 5_000 and len(times) == 4
    assert all(later - earlier >= 1_000 for earlier, later in pairwise(times[:-1]))


def test_a_large_one_is_made_small() -> None:
    album = Album()
    album.keep(picture(9, 1_080, 1_920), 0)
    (one,) = album.pictures()
    assert decode_jpeg(one.jpeg).shape == (360, 640, 3)


class Looks(ScriptedAgent):
    takes_pictures = True


def asked(agent: ScriptedAgent) -> Any:
    """The context of a task that was handed over after a picture was shown."""
    with working(agent, HandsOver()) as running, client(running) as talk:
        talk.start(delegation=responses())
        talk.until("info")
        jpeg, sound = (base64.b64encode(data).decode() for data in (encode_jpeg(picture(200)), bytes(640)))
        talk.send("session.input_audio.append", audio=sound, video_frames=[{"jpeg": jpeg, "t_ms": 0}])
        talk.send("session.instructions.append", content=QUESTION)
        until_status(talk, "done")
    (context,) = agent.contexts
    return context


def test_an_agent_that_takes_pictures_gets_what_the_session_was_shown() -> None:
    context = asked(Looks({QUESTION: Part("done")}))
    light = decode_jpeg(context.pictures[-1].jpeg)
    assert light.shape == (48, 64, 3) and abs(int(light.mean()) - 200) < 8
    assert 0 < context.pictures[-1].t_ms <= context.at_ms


def test_any_other_agent_is_told_of_none() -> None:
    assert asked(ScriptedAgent({QUESTION: Part("done")})).pictures == ()
