"""Pictures that clients put into messages: read from their data URI, the newest kept. Nothing looks at them here."""

import base64
import binascii
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from microturn.core.clock import TICK_MS
from microturn.gateway.realtime.client import UserMessage
from microturn.gateway.realtime.refusal import Refusal

KEPT = 8
_DATA_URI = re.compile(r"data:image/(png|jpe?g);base64,")


@dataclass(frozen=True)
class Picture:
    """at_ms: when it came; data: a PNG or JPEG file."""

    at_ms: int
    data: bytes


class Pictures:
    """The newest pictures of a session, one a micro-turn: a client that sends more wastes its own, older ones."""

    def __init__(self) -> None:
        self._kept: deque[Picture] = deque(maxlen=KEPT)

    def __iter__(self) -> Iterator[Picture]:
        return iter(self._kept)

    def keep(self, picture: Picture) -> None:
        """Add one; it takes the place of another of its micro-turn, or of the oldest where there are too many."""
        if self._kept and self._kept[-1].at_ms // TICK_MS == picture.at_ms // TICK_MS:
            self._kept.pop()
        self._kept.append(picture)


def pictures_of(message: UserMessage, at_ms: int) -> list[Picture]:
    """The pictures of a message. Raises Refusal for what is no PNG or JPEG inside the message itself."""
    pictures: list[Picture] = []
    for number, part in enumerate(message.content):
        if part.type != "input_image":
            continue
        param, url = f"item.content[{number}].image_url", part.image_url or ""
        head = _DATA_URI.match(url)
        if head is None:
            came = "a data URI of a PNG or JPEG is taken; addresses are not opened"
            raise Refusal("invalid_value", f"Invalid value for '{param}': {came}.", param)
        try:
            pictures.append(Picture(at_ms, base64.b64decode(url[head.end() :], validate=True)))
        except (binascii.Error, ValueError):
            raise Refusal("invalid_value", f"Invalid value for '{param}': it is not base64.", param) from None
    return pictures
