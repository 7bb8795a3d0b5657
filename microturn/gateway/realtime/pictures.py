"""Pictures that clients put into messages: read from their data URI, and decoded. Who is shown them: the session."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from microturn.core.errors import InputError
from microturn.gateway.realtime.client import UserMessage
from microturn.gateway.realtime.refusal import Refusal
from microturn.media.jpeg import decode_jpeg
from microturn.media.png import decode_png

_DATA_URI = re.compile(r"data:image/(?P<kind>png|jpeg|jpg);base64,")


@dataclass(frozen=True)
class Picture:
    """A file as it came, not yet decoded. param: its field in the message."""

    kind: Literal["png", "jpeg", "jpg"]
    data: bytes
    param: str


def pictures_of(message: UserMessage) -> list[Picture]:
    """The pictures of a message. Raises Refusal for what is no PNG or JPEG inside the message itself."""
    return [
        _picture(part.image_url or "", f"item.content[{number}].image_url")
        for number, part in enumerate(message.content)
        if part.type == "input_image"
    ]


def pixels(picture: Picture) -> npt.NDArray[np.uint8]:
    """uint8 [H, W, 3] RGB; milliseconds of work. Raises Refusal for a broken file and for one too large."""
    decode = decode_png if picture.kind == "png" else decode_jpeg
    try:
        return decode(picture.data, picture.param)
    except InputError as error:
        raise Refusal("invalid_value", f"Not a picture that can be shown: {error}.", picture.param) from None


def _picture(url: str, param: str) -> Picture:
    head = _DATA_URI.match(url)
    if head is None:
        right = "a data URI of a PNG or JPEG is taken; addresses are not opened"
        raise Refusal("invalid_value", f"Invalid value for '{param}': {right}.", param)
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("invalid_value", f"Invalid value for '{param}': it is not base64.", param) from None
    return Picture(cast("Literal['png', 'jpeg', 'jpg']", head["kind"]), data, param)
