"""What the page's server lets it do, and colours that can be read. No browser."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from microturn.gateway.page.routes import STATIC, register


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()
    register(app)
    with TestClient(app) as client:
        yield client


def test_the_page_may_load_its_own_files_only_and_nothing_inline(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in policy and "http" not in policy


def test_every_file_of_the_page_is_served_with_the_same_policy(client: TestClient) -> None:
    page = client.get("/")
    for path in STATIC.iterdir():
        answer = client.get(f"/page/{path.name}")
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == page.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_file_that_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/page/main.js")
    again = client.get("/page/main.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_nothing_outside_the_page_is_served(client: TestClient) -> None:
    for path in ("/page/routes.py", "/page/../routes.py", "/page/%2e%2e/routes.py", "/page/", "/page/no.js"):
        assert client.get(path).status_code == 404


def test_the_page_names_no_other_host_and_has_nothing_inline() -> None:
    for path in STATIC.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|wss?://", text), path
    page = (STATIC / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page)


def test_modules_are_small() -> None:
    assert {path.name: n for path in STATIC.glob("*.js") if (n := path.read_text().count("\n")) >= 350} == {}


TEXT_ON = [
    ("ink", "paper"),
    ("ink", "card"),
    ("soft", "paper"),
    ("soft", "card"),
    ("user", "card"),
    ("user", "user-fill"),
    ("model", "card"),
    ("model", "model-fill"),
    ("near", "near-fill"),
    ("ink", "bad-fill"),
    ("bad", "paper"),
    ("both", "card"),
    ("card", "head"),
    ("on-primary", "user"),
    ("paper", "ink"),
    ("soft", "faint"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_a_contrast_of_at_least_four_and_a_half(scheme: str) -> None:
    light, dark = re.findall(r":root \{(.*?)\}", (STATIC / "page.css").read_text(), flags=re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in TEXT_ON}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
