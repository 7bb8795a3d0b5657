"""The doors over real sockets: who comes in, who does not, and how they are told."""

import asyncio
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.connection import Connection

from microturn.gateway.doors import DoorLimits, DoorRules, Doors, is_local
from microturn.gateway.host import EchoHost
from microturn.gateway.keys import Keys, add_key
from microturn.gateway.sessions import Limits
from tests.gateway.live_client import WAIT_S, Running, opened, serving, until

LIVE, REALTIME, SECRETS = "/v1/live/sessions", "/v1/realtime?model=any", "/v1/realtime/client_secrets"


class House:
    """A server with doors: `key` opens it."""

    def __init__(self, running: Running, doors: Doors, key: str) -> None:
        self.running, self.doors, self.key = running, doors, key

    def socket(self, path: str, key: str = "", **options: Any) -> Connection:
        headers = options.pop("additional_headers", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
        url = f"ws://127.0.0.1:{self.running.port}{path}"
        return opened(url, additional_headers=headers, **options)

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.running.port, timeout=WAIT_S)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        return answer.status, json.loads(read) if answer.headers["content-type"] == "application/json" else read

    def bearer(self, key: str = "") -> dict[str, str]:
        return {"Authorization": f"Bearer {key or self.key}"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    file: Path = tmp_path_factory.mktemp("keys") / "keys.txt"
    key = add_key(file, "anna")
    rules = DoorRules(origins=("https://talk.example.org",))
    doors = Doors(Keys(file=file), rules, DoorLimits(connections=4, body_bytes=1_000))
    with serving(EchoHost(4), Limits(sessions=4, sessions_per_key=1), doors=doors) as running:
        yield House(running, doors, key)


@pytest.fixture
def house(built: House) -> Iterator[House]:
    """The house, and afterwards nobody is inside, so that the next test finds its places free."""
    yield built
    until(lambda: not built.running.sessions.count and not built.doors.connections)


def refused(house: House, path: str, key: str = "", **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as error:
        house.socket(path, key, **options)
    return error.value.response.status_code, json.loads(error.value.response.body)["error"]


def told(socket: Connection) -> tuple[str, int]:
    """The code of the error that comes first, and the code the socket is closed with."""
    event = json.loads(socket.recv(WAIT_S))
    assert event["type"] == "error" and event["event_id"]
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(WAIT_S)
    assert closed.value.rcvd is not None
    return event["error"]["code"], closed.value.rcvd.code


@pytest.mark.parametrize("path", [LIVE, REALTIME])
def test_who_has_no_key_or_a_wrong_one_gets_401_in_the_body_that_clients_read(house: House, path: str) -> None:
    status, error = refused(house, path)
    assert (status, error["code"], error.keys()) == (401, "missing_api_key", {"message", "type", "param", "code"})
    status, error = refused(house, path, "mt_wrong")
    assert (status, error["code"], error["type"]) == (401, "invalid_api_key", "invalid_request_error")
    assert "mt_wrong" not in error["message"]


@pytest.mark.parametrize("path", ["/v1/models", SECRETS, "/v1/nothing", "/metrics"])
def test_every_route_under_v1_and_the_metrics_need_the_key(house: House, path: str) -> None:
    assert house.ask("GET", path)[0] == 401
    assert house.ask("GET", path, **house.bearer())[0] != 401


def test_health_readiness_and_the_page_need_none(house: House) -> None:
    assert [house.ask("GET", path)[0] for path in ("/healthz", "/readyz", "/")] == [200, 200, 200]


def test_an_owner_is_known_to_the_session(house: House) -> None:
    with house.socket(LIVE, house.key) as socket:
        socket.send(json.dumps({"type": "session.start", "session": {"model": "any"}}))
        session_id = json.loads(socket.recv(WAIT_S))["session"]["id"]
        ask = house.running.sessions.ask_of(session_id)
        assert ask is not None and ask.owner == house.doors.keys.owner(house.key)
        with house.socket(LIVE, house.key) as second:
            second.send(json.dumps({"type": "session.start", "session": {"model": "any"}}))
            assert told(second) == ("server_at_capacity", 1013)


@pytest.mark.parametrize("path", [LIVE, REALTIME])
def test_a_browser_with_a_key_in_its_subprotocol_is_answered_with_realtime(house: House, path: str) -> None:
    with house.socket(path, subprotocols=["realtime", f"openai-insecure-api-key.{house.key}"]) as socket:
        assert socket.subprotocol == "realtime"


def test_a_browser_with_a_wrong_key_is_told_in_an_event_since_it_cannot_read_the_handshake(house: House) -> None:
    with house.socket(REALTIME, subprotocols=["realtime", "openai-insecure-api-key.ek_old"]) as socket:
        assert socket.subprotocol == "realtime"
        assert told(socket) == ("invalid_api_key", 1008)


def test_a_page_of_another_host_is_refused_and_an_allowed_one_is_not(house: House) -> None:
    status, error = refused(house, REALTIME, house.key, origin="https://evil.example")
    assert (status, error["code"]) == (403, "origin_not_allowed")
    assert house.ask("POST", SECRETS, "{}", Origin="null", **house.bearer())[0] == 403
    for origin in ("https://talk.example.org", f"http://127.0.0.1:{house.running.port}"):
        house.socket(REALTIME, house.key, origin=origin).close()
        until(lambda: not house.doors.connections)


def test_a_browser_may_ask_before_it_posts_from_an_allowed_page(house: House) -> None:
    asked = {"Origin": "https://talk.example.org", "Access-Control-Request-Method": "POST"}
    assert house.ask("OPTIONS", SECRETS, **asked)[0] == 200


def test_a_client_secret_opens_a_realtime_session_of_its_configuration_and_nothing_else(house: House) -> None:
    session = {"type": "realtime", "model": "mine", "instructions": "be brief"}
    asked = {"session": session, "expires_after": {"anchor": "created_at", "seconds": 60}}
    status, made = house.ask("POST", SECRETS, json.dumps(asked), **house.bearer())
    assert status == 200 and made["value"].startswith("ek_") and made["session"]["instructions"] == "be brief"
    with house.socket("/v1/realtime", subprotocols=["realtime", f"openai-insecure-api-key.{made['value']}"]) as socket:
        created = json.loads(socket.recv(WAIT_S))["session"]
        assert (created["model"], created["instructions"]) == ("mine", "be brief")
        ask = house.running.sessions.ask_of(created["id"])
        assert ask is not None and ask.owner == house.doors.keys.owner(house.key)
    assert refused(house, LIVE, made["value"])[0] == 403
    assert house.ask("POST", SECRETS, "{}", **house.bearer(made["value"]))[0] == 403
    assert house.ask("GET", "/v1/ice_servers", **house.bearer(made["value"])) == (200, {"ice_servers": []})
    assert house.ask("PATCH", "/v1/realtime/calls/x", "{}", **house.bearer(made["value"]))[0] == 415
    assert house.ask("PATCH", LIVE + "/x", "{}", **house.bearer(made["value"]))[0] == 403
    assert house.ask("GET", "/v1/ice_servers")[0] == 401


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("no json", None),
        ("[]", None),
        ('{"expires_after": {"seconds": 9}}', "expires_after.seconds"),
        ('{"expires_after": {"seconds": 7201}}', "expires_after.seconds"),
        ('{"expires_after": {"anchor": "now"}}', "expires_after.anchor"),
        ('{"session": {"instructoins": ""}}', "instructoins"),
        ('{"session": {"type": "transcription"}}', "session.type"),
        ('{"sesion": {}}', "sesion"),
    ],
)
def test_a_wrong_request_for_a_secret_names_the_field(house: House, body: str, param: str | None) -> None:
    status, answer = house.ask("POST", SECRETS, body, **house.bearer())
    assert (status, answer["error"]["param"]) == (400, param)


def test_a_body_too_long_is_refused(house: House) -> None:
    assert house.ask("POST", SECRETS, "x" * 1_001, **house.bearer())[1]["error"]["code"] == "request_too_large"
    chunked = HTTPConnection("127.0.0.1", house.running.port, timeout=WAIT_S)
    chunked.request("POST", SECRETS, iter([b"x" * 600] * 2), house.bearer(), encode_chunked=True)
    assert chunked.getresponse().status == 413
    chunked.close()


def test_a_body_too_slow_is_refused_and_others_are_served() -> None:
    doors = Doors(limits=DoorLimits(body_s=0.2))
    with serving(EchoHost(1), doors=doors) as running:
        slow = HTTPConnection("127.0.0.1", running.port, timeout=WAIT_S)
        slow.putrequest("POST", SECRETS)
        slow.putheader("Content-Length", "10")
        slow.endheaders(b"{")
        assert House(running, doors, "").ask("GET", "/v1/models")[0] == 200
        assert slow.getresponse().status == 408
        slow.close()


def test_a_connection_too_many_is_refused_and_may_come_again(house: House) -> None:
    held = [house.socket(LIVE, house.key) for _ in range(4)]
    status, error = refused(house, LIVE, house.key)
    assert (status, error["code"], error["type"]) == (503, "server_at_capacity", "server_error")
    with house.socket(LIVE, house.key, origin="https://talk.example.org") as browser:
        assert told(browser) == ("server_at_capacity", 1013)
    for socket in held:
        socket.close()
    until(lambda: not house.doors.connections)
    house.socket(LIVE, house.key).close()


def test_the_metrics_tell_who_was_turned_away(house: House) -> None:
    refused(house, LIVE)
    text = house.ask("GET", "/metrics", **house.bearer())[1].decode()
    assert 'microturn_turned_away_total{code="missing_api_key"}' in text


def test_the_unmodified_openai_client_makes_a_secret_and_talks_with_it(house: House) -> None:
    openai = pytest.importorskip("openai")

    async def conversation() -> tuple[str, str]:
        base = f"http://127.0.0.1:{house.running.port}/v1"
        async with openai.AsyncOpenAI(base_url=base, api_key=house.key, max_retries=0) as client:
            session = {"type": "realtime", "instructions": "be brief"}
            made = await client.realtime.client_secrets.create(session=session, expires_after={"seconds": 60})
        assert made.session.type == "realtime" and made.session.instructions == "be brief"
        async with (
            openai.AsyncOpenAI(base_url=base, api_key=made.value, max_retries=0) as client,
            client.realtime.connect(model="mine") as connection,
        ):
            created = await connection.recv()
            return created.type, created.session.instructions

    assert asyncio.run(conversation()) == ("session.created", "be brief")


def test_without_keys_a_page_whose_name_was_made_to_lead_here_is_refused() -> None:
    doors = Doors(rules=DoorRules(local=True))
    with serving(EchoHost(1), Limits(sessions=1), doors=doors) as running:
        house = House(running, doors, "")
        host = f"evil.example:{running.port}"
        assert house.ask("GET", "/v1/models", Host=host)[1]["error"]["code"] == "host_not_allowed"
        assert house.ask("GET", "/v1/models", Host=f"localhost:{running.port}")[0] == 200
        house.socket(REALTIME, "any key at all").close()


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("localhost.evil.example", False)],
)
def test_names_of_this_machine_are_known(host: str, local: bool) -> None:
    assert is_local(host) is local
