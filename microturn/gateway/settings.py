"""All settings of a server, and where each came from: defaults, a TOML file, the environment, the command line.

The later is the stronger. Every setting has one flat name: `idle_s` in the file, `MICROTURN_IDLE_S` in the environment,
`--set idle_s=60` on the command line. What a server does with them lives elsewhere.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args, get_origin, get_type_hints

from microturn.agent.options import KEY_VARIABLE, AgentOptions
from microturn.agent.secret import secret_from
from microturn.core.config import from_dict
from microturn.core.errors import ConfigError, InputError
from microturn.gateway.doors import DoorLimits, DoorRules, is_local
from microturn.gateway.keys import Keys
from microturn.gateway.sessions import Limits
from microturn.gateway.store import StoreLimits
from microturn.gateway.webrtc.ice import Ice

PREFIX = "MICROTURN_"
CONFIG = "MICROTURN_CONFIG"  # names the file, so it cannot stand in it
PREFIXES = {"store": "recordings_"}  # names that say too little without their part
ICE_PASSWORD = "MICROTURN_ICE_PASSWORD"
ELSEWHERE = (
    CONFIG,
    KEY_VARIABLE,
    ICE_PASSWORD,
)  # variables with our prefix that are no settings; a secret is read where it is used
HIDDEN = ("keys",)  # hashes tell little, but nothing is printed that nobody has to read


@dataclass(frozen=True)
class ServerSettings:
    """What a server can be told.

    weights: a checkpoint, the shipped one where None; model: "echo" serves the wire without weights; log: lines for
    programs or for people; keys: hashed API keys, NAME=sha256:DIGEST; keys_file: the same, one a line; without_keys:
    let everyone in although other machines can reach the address; origins, open_metrics: see DoorRules; tls_cert and
    tls_key: PEM files, both or none; recordings: the folder of recorded sessions, None records nothing.
    agent and agent_model: an OpenAI-compatible API and its model, the embedded agent where ""; the key comes from a
    file or MICROTURN_AGENT_KEY; agent_jobs: file that jobs outlive the process in; the rest as in `AgentOptions`.
    ice, ice_username: see `Ice`; the secret comes from ice_password_file or MICROTURN_ICE_PASSWORD.
    """

    weights: str | None = None
    model: Literal["own", "echo"] = "own"
    host: str = "127.0.0.1"
    port: int = 8808
    log: Literal["json", "plain"] = "json"
    keys: tuple[str, ...] = ()
    keys_file: str | None = None
    without_keys: bool = False
    origins: tuple[str, ...] = ()
    open_metrics: bool = False
    tls_cert: str | None = None
    tls_key: str | None = None
    recordings: str | None = None
    agent: str = ""
    agent_model: str = ""
    agent_key_file: str | None = None
    agent_images: bool = False
    agent_jobs: str | None = None
    agent_notes: str | None = None
    agent_documents: str | None = None
    agent_zone: str = ""
    mcp: str | None = None
    ice: tuple[str, ...] = ()
    ice_username: str = ""
    ice_password_file: str | None = None
    limits: Limits = field(default_factory=Limits)
    doors: DoorLimits = field(default_factory=DoorLimits)
    store: StoreLimits = field(default_factory=StoreLimits)

    def __post_init__(self) -> None:
        if not 0 <= self.port < 65_536:
            raise ConfigError("port", "server", self.port, "0 to 65535")


class Effective(NamedTuple):
    """Settings in force, and by name where each came from."""

    settings: ServerSettings
    sources: Mapping[str, str]


class _Place(NamedTuple):
    """A setting: the way to its field, and what it may be."""

    path: tuple[str, ...]
    hint: Any


def effective(file: Path | None, environment: Mapping[str, str], line: Mapping[str, Any]) -> Effective:
    """The settings of a file, the environment and the command line over the defaults.

    line: what was typed, by name; text is read as the setting's own type. ConfigError for a name that is none, with
    the nearest right one, and for a wrong value, with where it stands; InputError for a file that is no TOML.
    """
    places = dict(_places(ServerSettings, ()))
    values: dict[str, Any] = {}
    sources = dict.fromkeys(places, "default")
    for source, label, layer in (
        (str(file), "", {} if file is None else _file(file)),
        ("environment", PREFIX, _environment(environment)),
        ("command line", "", dict(line)),
    ):
        for name, value in layer.items():
            place = _place(places, name, source, label)
            values[name] = _checked(value, place, f"{source}: {label}{name.upper() if label else name}")
            sources[name] = source
    given: dict[str, Any] = {}
    for name, value in values.items():
        _put(given, places[name].path, value)
    return Effective(from_dict(ServerSettings, given, "server"), sources)


def agent_options(settings: ServerSettings) -> AgentOptions:
    """Who works beside the conversations; ConfigError for a pair that is none."""

    def path(text: str | None) -> Path | None:
        return Path(text) if text else None

    return AgentOptions(
        url=settings.agent,
        model=settings.agent_model,
        mcp=path(settings.mcp),
        key_file=path(settings.agent_key_file),
        notes=path(settings.agent_notes),
        documents=path(settings.agent_documents),
        zone=settings.agent_zone,
        images=settings.agent_images,
    )


def ice_of(settings: ServerSettings, environment: Mapping[str, str]) -> Ice:
    """The STUN and TURN servers; ConfigError for one that is none or lacks a password, InputError for its file."""
    file = None if settings.ice_password_file is None else Path(settings.ice_password_file)
    return Ice(settings.ice, settings.ice_username, secret_from(ICE_PASSWORD, file, environment))


def keys_of(settings: ServerSettings) -> Keys:
    """The keys that the settings name; InputError, OSError where they cannot be read."""
    keys = Keys(settings.keys, None if settings.keys_file is None else Path(settings.keys_file))
    if keys.needed and not keys.known:
        right = "a line from `microturn keys add NAME`, or no keys_file"
        raise InputError("a file without a key lets nobody in", str(settings.keys_file), "no key", right)
    return keys


def rules_of(settings: ServerSettings, keys: Keys) -> DoorRules:
    """How the doors stand; ConfigError where they would be open to other machines and nobody said so."""
    local = is_local(settings.host)
    if not (local or keys.needed or settings.without_keys):
        right = "keys (`microturn keys add NAME --file keys.txt`, then keys_file), 127.0.0.1, or without_keys"
        raise ConfigError("an address that others can reach needs API keys", "host", settings.host, right)
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ConfigError("half of a pair", "tls_cert, tls_key", "one of them", "both or none")
    return DoorRules(settings.origins, settings.open_metrics, local and not keys.needed and not settings.without_keys)


def printed(effective: Effective) -> Iterator[str]:
    """The settings as TOML, a line each, with where it came from. Keys are counted, not shown."""
    places = dict(_places(ServerSettings, ()))
    width = max(map(len, places))
    for name, place in places.items():
        value: Any = effective.settings
        for step in place.path:
            value = getattr(value, step)
        source = effective.sources[name]
        if name in HIDDEN and value:
            yield f"# {name:<{width - 2}} = {len(value)} hidden  # {source}"
        elif value is None:
            yield f"# {name:<{width - 2}} =  # {source}"
        else:
            yield f"{name:<{width}} = {json.dumps(value)}  # {source}"


def names() -> list[str]:
    """All names of settings."""
    return [name for name, _ in _places(ServerSettings, ())]


def _places(cls: type, path: tuple[str, ...]) -> Iterator[tuple[str, _Place]]:
    hints = get_type_hints(cls)
    for one in fields(cast("Any", cls)):
        hint = hints[one.name]
        if is_dataclass(hint):
            yield from _places(cast("type", hint), (*path, one.name))
        else:
            prefix = PREFIXES.get(path[-1], "") if path else ""
            yield prefix + one.name, _Place((*path, one.name), hint)


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("not TOML", str(path), str(error), 'lines such as idle_s = 60 or host = "127.0.0.1"') from None


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    ours = {name: text for name, text in environment.items() if name.startswith(PREFIX) and name not in ELSEWHERE}
    return {name.removeprefix(PREFIX).lower(): text for name, text in sorted(ours.items())}


def _place(places: Mapping[str, _Place], name: str, source: str, label: str) -> _Place:
    if name in places:
        return places[name]
    near = get_close_matches(name, places, n=1)
    shown = [label + (other.upper() if label else other) for other in (name, *(near or sorted(places)))]
    right = f"{shown[1]} perhaps; `microturn serve --print-config` lists all" if near else ", ".join(shown[1:])
    raise ConfigError("unknown setting", source, shown[0], right)


def _checked(value: Any, place: _Place, where: str) -> Any:
    """The value as the setting's type; text is read."""
    read = _read(value, place.hint) if isinstance(value, str) else value
    nested: dict[str, Any] = {}
    _put(nested, place.path, read)
    try:
        from_dict(ServerSettings, nested)
    except ConfigError as error:
        came = "what stands there" if place.path[-1] in HIDDEN else error.came
        raise ConfigError(error.what, where, came, error.right) from None
    return read


def _read(text: str, hint: Any) -> Any:
    """Text as the type that is wanted; text that is none stays, and is refused by its type."""
    kinds = get_args(hint) if get_origin(hint) not in (None, Literal, tuple) else (hint,)
    for kind in kinds:
        if kind is bool and text.lower() in ("true", "1", "yes", "false", "0", "no"):
            return text.lower() in ("true", "1", "yes")
        if get_origin(kind) is tuple:
            return tuple(part.strip() for part in text.split(",") if part.strip())
        if kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return None if text == "" and type(None) in kinds else text


def _put(nested: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        nested = nested.setdefault(step, {})
    nested[path[-1]] = value
