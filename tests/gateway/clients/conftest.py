"""A server process with the shipped weights, one for all clients."""

from collections.abc import Iterator

import pytest

from tests.gateway.server_process import served


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of `microturn serve`, ready for sessions."""
    with served(tmp_path_factory.mktemp("server") / "log", "--slots", "2") as server:
        yield server.address
