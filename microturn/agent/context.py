"""What an agent is told of the conversation: both transcripts with times, what was seen, earlier jobs. No wire."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from microturn.core.config import from_dict, to_dict
from microturn.core.events import Event

WORDS_CHARACTERS = 24_000
PICTURES = 4
FRAGMENT_GAP_MS = 1_000


@dataclass(frozen=True)
class Words:
    """What one side said in one go, at its first word; ms of the session's clock."""

    t_ms: int
    who: Literal["user", "model"]
    text: str


@dataclass(frozen=True)
class Seen:
    """Something the camera showed, in words."""

    t_ms: int
    text: str


@dataclass(frozen=True)
class Picture:
    """One frame of the camera as JPEG, for models that take images."""

    t_ms: int
    jpeg: bytes


@dataclass(frozen=True)
class Earlier:
    """A job of this session from before, and what came of it."""

    task: str
    status: str
    text: str = ""


@dataclass(frozen=True)
class Context:
    """The conversation around a task. standing: instructions that hold until they are taken back.

    at_ms: the session's clock now. Other sessions are never part of it.
    """

    at_ms: int = 0
    words: tuple[Words, ...] = ()
    seen: tuple[Seen, ...] = ()
    pictures: tuple[Picture, ...] = ()
    standing: tuple[str, ...] = ()
    earlier: tuple[Earlier, ...] = ()


def context_of(events: Iterable[Event], standing: tuple[str, ...] = ()) -> Context:
    """The package from events of the model's side: "say", "heard", "unsaid" and "saw", in the order of time.

    What was written but never sounded is left out, for the user does not know it.
    """
    words: list[Words] = []
    ends_ms: dict[str, int] = {}
    seen: list[Seen] = []
    at_ms = 0
    for event in events:
        at_ms = max(at_ms, event.t_ms)
        match event.kind:
            case "heard" | "say" if event.text:
                who: Literal["user", "model"] = "user" if event.kind == "heard" else "model"
                joins = event.data is not None and bool(event.data.get("joins"))
                recent = event.t_ms - ends_ms.get(who, -FRAGMENT_GAP_MS) < FRAGMENT_GAP_MS
                last = next((n for n in range(len(words) - 1, -1, -1) if words[n].who == who), -1)
                if recent and last == len(words) - 1 and last >= 0:
                    words[last] = replace(words[last], text=words[last].text + ("" if joins else " ") + event.text)
                else:
                    words.append(Words(event.t_ms, who, event.text))
                ends_ms[who] = event.t_ms
            case "unsaid":
                words = _without_unsaid(words, event.text)
            case "saw":
                seen.append(Seen(event.t_ms, event.text))
            case _:
                pass
    return Context(at_ms, tuple(words), tuple(seen), standing=standing)


def rendered(context: Context, most: int = WORDS_CHARACTERS) -> str:
    """The package as text for a language model; of a long conversation the newest `most` characters."""
    lines = sorted(
        [(one.t_ms, f"{one.who}: {one.text}") for one in context.words]
        + [(one.t_ms, f"(seen: {one.text})") for one in context.seen],
        key=lambda line: line[0],
    )
    talk = "\n".join(f"[{t_ms / 1000:.1f} s] {text}" for t_ms, text in lines)
    if len(talk) > most:
        talk = "(the beginning is left out)\n" + talk[-most:].partition("\n")[2]
    standing = "\n".join(f"- {text}" for text in context.standing)
    earlier = "\n".join(f"- {one.task} -> {one.status}: {one.text}".rstrip(": ") for one in context.earlier)
    named = {"Standing instructions": standing, "Earlier jobs": earlier, "Conversation": talk}
    body = "\n\n".join(f"{name}:\n{text}" for name, text in named.items() if text)
    return f"{body}\n\nThe conversation is now at {context.at_ms / 1000:.1f} s." if body else ""


def context_to_dict(context: Context) -> dict[str, Any]:
    """What JSON can hold and `context_from_dict` reads back."""
    pictures = [{"t_ms": one.t_ms, "jpeg": base64.b64encode(one.jpeg).decode()} for one in context.pictures]
    return {**to_dict(replace(context, pictures=())), "pictures": pictures}


def context_from_dict(row: Mapping[str, Any]) -> Context:
    """Parse strictly; raises ConfigError, or KeyError where a picture is none."""
    pictures = tuple(Picture(int(one["t_ms"]), base64.b64decode(one["jpeg"])) for one in row.get("pictures", []))
    rest = {key: value for key, value in row.items() if key != "pictures"}
    return replace(from_dict(Context, rest, "context"), pictures=pictures)


def bounded(context: Context, pictures: int = PICTURES) -> Context:
    """At most so many pictures, the newest, and words that an agent may be given."""
    kept = list(context.words)
    while kept and sum(len(one.text) for one in kept) > WORDS_CHARACTERS:
        kept.pop(0)
    newest = context.pictures[len(context.pictures) - min(pictures, len(context.pictures)) :]
    return replace(context, words=tuple(kept), pictures=newest)


def _without_unsaid(words: list[Words], unsaid: str) -> list[Words]:
    """Take the words that never sounded off the end of what the model said last."""
    last = next((n for n in range(len(words) - 1, -1, -1) if words[n].who == "model"), -1)
    if last < 0 or not words[last].text.endswith(unsaid):
        return words
    text = words[last].text.removesuffix(unsaid).rstrip()
    return [*words[:last], *([replace(words[last], text=text)] if text else []), *words[last + 1 :]]
