"""STUN and TURN servers, and what this server and its clients need to use them. No connection."""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from microturn.agent.secret import Secret
from microturn.core.errors import ConfigError

GOOD_S = 24 * 3_600  # credentials made from a secret; a call that is open then goes on (RFC 8656 leaves that to TURN)
URL = re.compile(
    r"(stun|turn|turns):[\w.-]+(:\d{1,5})?(\?transport=(udp|tcp))?|(stun|turn|turns):\[[0-9a-f:]+\](:\d+)?"
)
NEEDS_SECRET = ("turn:", "turns:")
USER = "microturn"


@dataclass(frozen=True)
class IceServer:
    """A STUN or TURN server that helps to find a way to this one. None are needed where its address is its own."""

    url: str
    username: str = ""
    password: str = ""

    @property
    def shown(self) -> dict[str, Any]:
        """As `RTCConfiguration.iceServers` of a browser takes it."""
        if not self.password:
            return {"urls": [self.url]}
        return {"urls": [self.url], "username": self.username, "credential": self.password}


class Ice:
    """All of them. username and secret: of the TURN servers.

    With a name the secret is its password, given as it is to every client. Without one it is what coturn calls
    `static-auth-secret`: clients get a name and a password made from it that are good for a day.
    """

    def __init__(
        self,
        urls: Sequence[str] = (),
        username: str = "",
        secret: Secret | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._urls, self._username, self._secret, self._now = urls, username, secret or Secret(""), now
        for url in urls:
            if URL.fullmatch(url) is None:
                right = "stun:HOST:PORT, turn:HOST:PORT?transport=udp (or tcp), turns:HOST:PORT?transport=tcp"
                raise ConfigError("an ICE server", "ice", repr(url), right)
            if url.startswith(NEEDS_SECRET) and not self._secret:
                right = "ice_password_file, or MICROTURN_ICE_PASSWORD in the environment"
                raise ConfigError("a TURN server without a password", "ice", repr(url), right)

    def servers(self) -> list[IceServer]:
        """What one call may use, beginning now."""
        username, password = self._username, self._secret.reveal()
        if password and not username:
            username = f"{round(self._now()) + GOOD_S}:{USER}"
            made = hmac.new(password.encode(), username.encode(), hashlib.sha1)  # draft-uberti-behave-turn-rest-00
            password = base64.b64encode(made.digest()).decode()
        turns = {url: url.startswith(NEEDS_SECRET) for url in self._urls}
        return [IceServer(url, username, password) if turn else IceServer(url) for url, turn in turns.items()]
