"""Pictures of a live connection: broken, huge and missing ones are told or passed over, and no tick waits for them."""

import base64
import json

import numpy as np

from microturn.media.jpeg import encode_jpeg
from tests.gateway.live.test_conversation import Held, Wire, run

GOOD = encode_jpeg(np.full((48, 64, 3), 200, np.uint8))
BLACK = encode_jpeg(np.zeros((48, 64, 3), np.uint8))


def says_huge(jpeg: bytes) -> bytes:
    """The same picture, 65,535 pixels a side as its header has it (ITU T.81 B.2.2)."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + b"\xff\xff\xff\xff" + jpeg[at + 4 :]


def frames(*jpegs: bytes) -> str:
    shown = [{"jpeg": base64.b64encode(jpeg).decode()} for jpeg in jpegs]
    return json.dumps({"type": "session.input_audio.append", "audio": "", "video_frames": shown})


def test_broken_and_huge_pictures_are_refused_and_the_session_lives_on() -> None:
    async def act() -> None:
        held, wire = Held(), Wire()
        held.begin(wire)
        await wire.until("session.started")
        bad = (b"no picture", GOOD[:20], says_huge(GOOD))
        for jpeg in bad:
            wire.got.clear()
            wire.say(frames(jpeg))
            assert "video_frames" in json.dumps(await wire.until("error"))
            await held.turn(1)
        assert [chunk.frame for chunk in held.partner.heard] == [None] * len(held.partner.heard)
        wire.say(frames(BLACK, GOOD))
        wire.say(json.dumps({"type": "session.heartbeat"}))  # answered behind the pictures
        await wire.until("session.heartbeat_ack")
        await held.turn(2)
        seen = [chunk.frame for chunk in held.partner.heard if chunk.frame is not None]
        assert len(seen) == 1 and seen[0].mean() > 190  # of a tick the newest
        await held.end()

    run(act)
