"""Text of an agent made fit to be said: plain sentences, numbers as words, in bounded pieces. No decisions."""

import re

from microturn.agent.numbers import without_digits
from microturn.agent.show import plain_text

RAW_CHARACTERS = 8_000
PART_CHARACTERS = 160
PARTS = 6
MORE = "and there is more"

_LINK = re.compile(r"!?\[([^\]\n]{0,300})\]\([^)\n]{0,2000}\)")
_ADDRESS = re.compile(r"\b(?:https?|ftp)://\S+|\bwww\.\S+", re.IGNORECASE)
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)]|#{1,6}|>+|\|)\s*", re.MULTILINE)
_MARK = re.compile(r"[*_`~#|\\{}\[\]<>^]+")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")


def speakable(text: str) -> str:
    """The text as plain sentences on one line: no Markdown, tags, addresses or code, numbers as words.

    Only its first 8,000 characters are looked at.
    """
    text = _FENCE.sub(" ", text[:RAW_CHARACTERS])
    text = _ADDRESS.sub("a link", _LINK.sub(r"\1", text))
    text = _BULLET.sub("", re.sub(r"(?<![.!?:;,\s])[ \t]*\n+", ". ", text.strip()))
    text = _MARK.sub(" ", plain_text(text, RAW_CHARACTERS))
    return without_digits(" ".join(text.split()))


def parts(text: str, most: int = PART_CHARACTERS, count: int = PARTS) -> tuple[str, ...]:
    """The text in at most `count` pieces of at most `most` characters, cut at ends of sentences, else between words.

    What does not fit is left out and the last piece says that there is more.
    """
    pieces: list[str] = []
    for sentence in _SENTENCE_END.split(text.strip()):
        for piece in _wrapped(sentence, most):
            if pieces and len(pieces[-1]) + 1 + len(piece) <= most:
                pieces[-1] += f" {piece}"
            else:
                pieces.append(piece)
    if len(pieces) <= count:
        return tuple(pieces)
    room = most - len(MORE) - 1
    last = next(iter(_wrapped(pieces[count - 1], room)))
    return (*pieces[: count - 1], f"{last} {MORE}")


def _wrapped(sentence: str, most: int) -> list[str]:
    """Between words where there are any; a word that is longer than a piece is cut."""
    lines: list[str] = []
    for word in sentence.split():
        while len(word) > most:
            lines.append(word[:most])
            word = word[most:]
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] += f" {word}"
        elif word:
            lines.append(word)
    return lines
