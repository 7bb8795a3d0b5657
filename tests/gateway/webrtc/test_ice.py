import base64
import hashlib
import hmac

import pytest

from microturn.agent.secret import Secret
from microturn.core.errors import ConfigError
from microturn.gateway.webrtc.ice import Ice, IceServer

TURN = "turn:turn.example.org:3478?transport=udp"


def test_a_stun_server_needs_no_password_and_gets_none() -> None:
    ice = Ice(("stun:stun.example.org:3478", TURN), "anna", Secret("long enough"))
    assert ice.servers() == [IceServer("stun:stun.example.org:3478"), IceServer(TURN, "anna", "long enough")]
    assert [one.shown for one in ice.servers()] == [
        {"urls": ["stun:stun.example.org:3478"]},
        {"urls": [TURN], "username": "anna", "credential": "long enough"},
    ]


def test_without_a_name_clients_get_a_password_of_a_day_and_never_the_secret() -> None:
    (server,) = Ice((TURN,), secret=Secret("shared with coturn"), now=lambda: 1_000.4).servers()
    assert server.username == f"{1_000 + 24 * 3_600}:microturn"
    digest = hmac.new(b"shared with coturn", server.username.encode(), hashlib.sha1).digest()
    assert server.password == base64.b64encode(digest).decode()


@pytest.mark.parametrize("url", ["stun.example.org", "stun:", "http://a.example", "turn:a.example?transport=sctp"])
def test_what_is_no_server_is_refused_with_what_is_right(url: str) -> None:
    with pytest.raises(ConfigError, match="stun:HOST:PORT"):
        Ice((url,), secret=Secret("long enough"))


def test_a_turn_server_without_a_password_is_refused() -> None:
    with pytest.raises(ConfigError, match="ice_password_file"):
        Ice((TURN,))
