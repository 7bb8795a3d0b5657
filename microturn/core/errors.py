"""What can go wrong and be told to a person in one line. Our own mistakes are asserts and do not live here."""


class MicroturnError(Exception):
    """Base of every error that is shown without a traceback."""


class InputError(MicroturnError):
    """Something that came from outside is not what it should be.

    what: the trouble ("no audio stream"); where: file, line or key; came: what was found; right: what would do.
    """

    def __init__(self, what: str, where: object, came: object, right: str) -> None:
        self.what, self.where, self.came, self.right = what, str(where), str(came), right
        super().__init__(_one_line(f"{self.where}: {what}: got {self.came}; right is {right}"))

    def __reduce__(self) -> tuple[type, tuple[str, str, str, str]]:
        return type(self), (self.what, self.where, self.came, self.right)


class ConfigError(InputError):
    """A configuration with an unknown key, a missing key, a wrong type or an impossible pair."""


class MissingDependency(MicroturnError):
    """An optional package or program is not installed."""

    def __init__(self, name: str, purpose: str, install: str) -> None:
        self.name, self.purpose, self.install = name, purpose, install
        super().__init__(_one_line(f"{purpose} needs {name}, which is not installed; install it with: {install}"))

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.name, self.purpose, self.install)


class WaitTooLong(MicroturnError):
    """A wait with a limit reached it."""


def _one_line(text: str) -> str:
    return " ".join(text.split())
