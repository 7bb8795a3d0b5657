"""`/v1/speak`: a typed sentence as sound in a synthetic voice. Sound and nothing else: no session, no model."""

import asyncio
import io
import re
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.core.config import from_dict
from microturn.core.errors import ConfigError, InputError, MissingDependency
from microturn.core.events import parse_object
from microturn.core.wav import to_int16
from microturn.data.lexicon import WORDS, number_words
from microturn.data.speech import written_words
from microturn.data.voices import available_engines, synthesize, voice
from microturn.media.pcm import Pcm

ROUTE = "/v1/speak"
LONGEST_TEXT = 200  # characters: about 15 s of sound
LONGEST_BODY = 4_096  # bytes
WAITING = 4  # sentences that may wait while one is made
UNKNOWN = "microturn-unknown-words"
INSTALL = "apt install libflite1 libespeak-ng1 espeak-ng-data"
# Voices of the training split, which the model understands best; the test split and the judges' voices stay unheard.
# Engines that run inside this process only. flite:rms is the model's own voice.
NAMES = {
    "flite:slt": "a woman, flite slt",
    "flite:kal16": "a man, flite kal",
    "espeak:en-us": "a robot, espeak en-us",
    "espeak:en-us+f4": "a higher robot, espeak f4",
    "espeak:en+m6": "a deeper robot, espeak m6",
}
_PIECES = re.compile(r"[a-z']+|[0-9]+|[,.;:!?]+")


@dataclass(frozen=True)
class SpeakRequest:
    """What a client posts. voice: one that GET names; its first one if left out."""

    text: str
    voice: str = ""


class Line(NamedTuple):
    """A text as a synthesizer takes it, and those of its words that are not in the model's world."""

    text: str
    unknown: tuple[str, ...]


Speak = Callable[[str, str], Pcm]  # voice id and line to float32 [N] at 16 kHz


def register(app: FastAPI, speak: Speak | None = None, offered: Sequence[str] | None = None) -> None:
    """Add the route. speak and offered: another synthesizer with its voices; those of this machine if left out."""
    mouth = Mouth(speak or _synthesized, offered)

    async def told() -> dict[str, Any]:
        names = await asyncio.to_thread(mouth.voices)
        listed = [{"id": name, "name": NAMES.get(name, name)} for name in names]
        return {"voices": listed, "longest_text": LONGEST_TEXT, "trouble": "" if names else _trouble()}

    async def spoken(request: Request) -> Response:
        try:
            asked = await _asked(request)
            line = line_of(asked.text)
            pcm = await mouth.say(asked.voice, line.text)
        except (InputError, ConfigError) as error:
            return _refused(400, "invalid_value", str(error))
        except MissingDependency as error:
            return _refused(503, "no_synthesizer", str(error))
        except Busy as error:
            return _refused(429, "rate_limit_exceeded", str(error))
        return Response(wav(pcm), media_type="audio/wav", headers={UNKNOWN: " ".join(line.unknown)})

    app.add_api_route(ROUTE, told, methods=["GET"])
    app.add_api_route(ROUTE, spoken, methods=["POST"])


class Busy(Exception):
    """Too many sentences wait already."""


class Mouth:
    """One sentence at a time: the synthesizers keep global state. Waiting has its limit."""

    def __init__(self, speak: Speak, offered: Sequence[str] | None = None) -> None:
        self._speak, self._offered = speak, offered
        self._turn, self._waiting = asyncio.Lock(), 0

    def voices(self) -> Sequence[str]:
        """Ids of the voices that work here, the best first; loads their engines."""
        if self._offered is None:
            works = {engine for engine, trouble in available_engines().items() if not trouble}
            self._offered = [name for name in NAMES if voice(name).engine in works]
        return self._offered

    async def say(self, name: str, line: str) -> Pcm:
        """float32 [N] at 16 kHz. Busy, InputError for a voice that is not offered, MissingDependency without any."""
        if self._waiting > WAITING:
            raise Busy(f"{WAITING} sentences wait already; try again in a second")
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(self._said, name, line)
        finally:
            self._waiting -= 1

    def _said(self, name: str, line: str) -> Pcm:
        names = self.voices()
        if not names:
            raise MissingDependency("a speech synthesizer", "speaking for you", INSTALL)
        if name and name not in names:
            raise InputError("no such voice", "voice", name, f"one of {', '.join(names)}")
        return self._speak(name or names[0], line)


def line_of(text: str) -> Line:
    """A typed text as a line that can be said: lower case, numbers in words, marks as pauses. InputError for none."""
    right = f"1 to {LONGEST_TEXT} characters with a word of English letters or a number up to 9999"
    pieces = _PIECES.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    said = [_said_as(piece) for piece in pieces if piece.strip("'")]
    line = re.sub(r"( ,)+", ",", " ".join(said)).strip(", ")
    if len(text) > LONGEST_TEXT or not line or "#" in line:
        raise InputError("a text that cannot be said", "text", text[: LONGEST_TEXT + 1], right)
    unknown = dict.fromkeys(word for word in written_words(line) if word not in WORDS)
    return Line(line, tuple(unknown))


def wav(pcm: Pcm) -> bytes:
    """A whole wav file of float32 [N] at 16 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(to_int16(pcm).astype("<i2").tobytes())
    return file.getvalue()


def _said_as(piece: str) -> str:
    if piece.isdigit():
        return number_words(int(piece)) if len(piece) <= 4 else "#"
    return piece.strip("'") if piece[0].isalpha() or piece[0] == "'" else ","


async def _asked(request: Request) -> SpeakRequest:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            raise InputError("a message that is too long", ROUTE, f"over {LONGEST_BODY} bytes", "a sentence")
    try:
        row = parse_object(body, ROUTE)
    except RecursionError as error:
        raise InputError("JSON in JSON in JSON", ROUTE, "too deep", '{"text": "a sentence"}') from error
    return from_dict(SpeakRequest, row, "request")


def _synthesized(name: str, line: str) -> Pcm:
    return synthesize(voice(name), line).pcm


def _trouble() -> str:
    return f"The server has no speech synthesizer, so nobody can speak for you; install one with: {INSTALL}"


def _refused(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"type": "invalid_request_error", "code": code, "message": message}}, status)
