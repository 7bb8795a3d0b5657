"""API keys and client secrets: whose a credential is. Only hashes are kept; what a door does with that lives in doors.

A key is 256 random bits, so one round of SHA-256 keeps it: there is nothing to guess that a slow hash would protect.
"""

import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from microturn.core.errors import InputError

KEY_PREFIX, SECRET_PREFIX = "mt_", "ek_"
SECRETS_OF_OWNER, SECRETS = 1_000, 10_000
RIGHT = "NAME=sha256:64 hexadecimal digits, as `microturn keys add NAME` writes it"
log = structlog.get_logger("microturn.gateway")


@dataclass(frozen=True)
class Key:
    """One API key as it is kept. name: for people; digest: SHA-256 of the key, hexadecimal."""

    name: str
    digest: str

    @property
    def owner(self) -> str:
        """Names the holder in sessions and logs; it tells nothing about the key."""
        return self.digest[:32]

    def line(self) -> str:
        """The key as a line of a file, or as one item of a setting."""
        return f"{self.name}=sha256:{self.digest}"


@dataclass(frozen=True)
class Grant:
    """What a credential opens. owner: whose it is, "" where no key is needed.

    session: the configuration a client secret is bound to; None for a key, which opens everything.
    """

    owner: str = ""
    session: Mapping[str, Any] | None = None


class Keys:
    """The keys a server knows: from settings, and from a file that is read again whenever it has changed.

    A file that cannot be read any more leaves the keys as they were and is logged, so a slip of an editor locks nobody
    out; a key taken out of it is refused from then on.
    """

    def __init__(self, lines: Sequence[str] = (), file: Path | None = None) -> None:
        self._fixed = keys_of(lines, "keys")
        self._file = file
        self._stamp = None if file is None else _stamp(file)
        self._filed = () if file is None else read_keys(file)

    @property
    def known(self) -> tuple[Key, ...]:
        """All keys there are now."""
        self._read_again()
        return (*self._fixed, *self._filed)

    @property
    def needed(self) -> bool:
        """Whether anybody needs a key; a file without keys shuts everyone out."""
        return self._file is not None or bool(self._fixed)

    def owner(self, key: str) -> str | None:
        """Whose key this is, None for nobody's. Takes the same time for every key."""
        digest, found = _digest(key), None
        for known in self.known:
            if hmac.compare_digest(known.digest, digest):
                found = known.owner
        return found

    def _read_again(self) -> None:
        if self._file is None:
            return
        stamp = _stamp(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._filed = read_keys(self._file)
        except (InputError, OSError) as error:
            log.error("the keys cannot be read; those known before stay", file=str(self._file), error=str(error))


class ClientSecret(NamedTuple):
    """A secret as its client gets it, once. expires_at: seconds since 1970."""

    value: str
    expires_at: int


class _Kept(NamedTuple):
    grant: Grant
    expires_at: int


class ClientSecrets:
    """Short-lived secrets for browsers, each bound to an owner and a configuration; several sessions until it expires.

    They live in memory: after a restart of the server none is known. now: seconds since 1970.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._kept: dict[str, _Kept] = {}

    def make(self, owner: str, session: Mapping[str, Any], seconds: int) -> ClientSecret | None:
        """A new secret; None where its owner, or all together, have too many that have not expired."""
        self._forget()
        own = sum(kept.grant.owner == owner for kept in self._kept.values())
        if own >= SECRETS_OF_OWNER or len(self._kept) >= SECRETS:
            return None
        value = SECRET_PREFIX + secrets.token_urlsafe(32)
        expires_at = int(self._now()) + seconds
        self._kept[_digest(value)] = _Kept(Grant(owner, session), expires_at)
        return ClientSecret(value, expires_at)

    def grant(self, value: str) -> Grant | None:
        """What a secret opens; None where it is unknown or has expired."""
        kept = self._kept.get(_digest(value))
        return kept.grant if kept is not None and self._now() < kept.expires_at else None

    def _forget(self) -> None:
        self._kept = {digest: kept for digest, kept in self._kept.items() if self._now() < kept.expires_at}


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a file, one a line; empty lines and those that begin with # are left out. InputError, OSError."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return keys_of([line for line in lines if line and not line.startswith("#")], str(path))


def keys_of(lines: Sequence[str], where: str) -> tuple[Key, ...]:
    """Keys as they are written; InputError, which never repeats what was written: it may be a key in the clear."""
    keys: list[Key] = []
    for number, line in enumerate(lines, 1):
        match = re.fullmatch(r"([\w.@-]{1,64})=sha256:([0-9a-f]{64})", line)
        if match is None:
            raise InputError("not a hashed key", f"{where}, {number}", "something else", RIGHT)
        keys.append(Key(match[1], match[2]))
    names = [key.name for key in keys]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError("two keys of one name", where, twice[0], "a name for each key")
    return tuple(keys)


def add_key(path: Path, name: str) -> str:
    """Make a key, write its hash to the file and give it: it can be seen this once. InputError where the name is not
    new or not a name; the file is made, readable by its owner alone, if it is not there."""
    value = KEY_PREFIX + secrets.token_urlsafe(32)
    line = Key(name, _digest(value)).line()
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if before and not before.endswith("\n"):
        before += "\n"
    if not re.fullmatch(r"[\w.@-]{1,64}", name):
        raise InputError("not a name of a key", str(path), repr(name), "letters, digits, . _ @ -, at most 64")
    if path.exists() and any(key.name == name for key in read_keys(path)):
        raise InputError("a key of this name is there", str(path), name, "another name, or remove it first")
    _write(path, f"{before}{line}\n")
    return value


def remove_key(path: Path, name: str) -> None:
    """Take a key out of the file; a server that runs refuses it from then on. InputError where there is none."""
    names = [key.name for key in read_keys(path)]
    if name not in names:
        raise InputError("no key of this name", str(path), name, ", ".join(names) or "nothing: the file has no keys")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    _write(path, "".join(line for line in lines if not line.strip().startswith(f"{name}=")))


def _write(path: Path, text: str) -> None:
    """Replace the file at once, so that a server that reads it meanwhile sees all of the old or all of the new."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    if path.exists():
        beside.chmod(path.stat().st_mode & 0o777)
    beside.replace(path)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", errors="surrogateescape")).hexdigest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
