"""Keys of other people's services: from the environment or a file, never from a command line, never shown."""

import os
from collections.abc import Mapping
from pathlib import Path

from microturn.core.errors import InputError

SHORTEST = 8  # a shorter one is not searched for in texts: too many words would hold it


class Secret:
    """A key that shows itself only when it is asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the one place that sends it."""
        return self._value

    def scrubbed(self, text: str) -> str:
        """The text without this key in it: servers like to repeat a wrong one in their errors."""
        return text.replace(self._value, "***") if len(self._value) >= SHORTEST else text

    def __repr__(self) -> str:
        return "Secret(***)" if self._value else "Secret()"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not stored")


def secret_from(variable: str, file: Path | None, environment: Mapping[str, str] | None = None) -> Secret:
    """The key in a file, else in a variable of the environment, else an empty one.

    InputError for a file that cannot be read or holds anything but one line.
    """
    if file is None:
        return Secret((os.environ if environment is None else environment).get(variable, "").strip())
    try:
        lines = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeError) as error:
        raise InputError("a key", file, type(error).__name__, "a readable file with one line") from error
    if len(lines) != 1:
        raise InputError("a key", file, f"{len(lines)} words", "one line with the key")
    return Secret(lines[0])
