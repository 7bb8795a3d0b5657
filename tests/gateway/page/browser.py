"""Debian's Chromium with a fake microphone and camera, and a server for its page on real time."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from microturn.agent.desk import Desk
from microturn.core.wav import WavWriter
from microturn.gateway.app import create_app
from microturn.gateway.doors import Doors
from microturn.gateway.host import Host
from microturn.gateway.server import server_of
from microturn.gateway.sessions import Limits, Sessions
from microturn.gateway.store import Store

WAIT_S = 120.0
CAMERA_PIXELS = (160, 120)
# A browser on a busy machine may stand still for longer than a server should wait for a stranger.
PATIENT = Limits(start_s=WAIT_S, send_s=WAIT_S, unread_s=WAIT_S, grace_s=WAIT_S)
Seen = TypeVar("Seen")


@contextmanager
def chromium(microphone: Path | None = None, camera: Path | None = None) -> Iterator[Browser]:
    """The browser; where it is not installed a failure in CI, else a skip. microphone: said again and again."""
    path = shutil.which("chromium")
    if path is None:
        missing = "Debian's chromium is not installed: apt install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    flags = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
    flags += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    flags += [] if microphone is None else [f"--use-file-for-fake-audio-capture={microphone}"]
    flags += [] if camera is None else [f"--use-file-for-fake-video-capture={camera}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--headless=new", *flags])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(
    host: Host, folder: Path | None = None, doors: Doors | None = None, desk: Callable[[], Desk] | None = None
) -> Iterator[str]:
    """The address of a server; folder: where it keeps recordings; desk: makes the one where its jobs are done."""
    store = None if folder is None else Store(folder)
    sessions = Sessions(host, PATIENT, store=store, desk=desk)
    server = server_of(create_app(sessions, doors), sessions, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
    assert not thread.is_alive()


@contextmanager
def visit(browser: Browser, address: str, width: int = 1280, height: int = 900, first: str = "") -> Iterator[Page]:
    """The page in a fresh profile; whatever it says to the console as a warning or an error fails the test.

    first: a script that runs before the page's own.
    """
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page = context.new_page()
    page.add_init_script(first)
    page.set_default_timeout(WAIT_S * 1000)
    expect.set_options(timeout=WAIT_S * 1000)
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(f"{message.text} {message.location}")

    page.on("console", listen)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    try:
        yield page
    finally:
        context.close()
    assert not said, said


def until(look: Callable[[], Seen], wait_s: float = WAIT_S, else_tell: Callable[[], object] = str) -> Seen:
    """What `look` gives as soon as it is true. else_tell: what a failure shows."""
    over = time.monotonic() + wait_s
    while not (seen := look()) and time.monotonic() < over:
        time.sleep(0.05)
    assert seen, f"it did not happen in {wait_s:g} s. {else_tell()}"
    return seen


def shown(page: Page, expression: str) -> object:
    """A value of the page's script; the page's policy forbids Playwright's own waiting for expressions."""
    return page.evaluate(f"() => {expression}")


def write_microphone(path: Path, pieces: Sequence[np.ndarray]) -> Path:
    """A wav of float32 [N] each, at 16 kHz."""
    with WavWriter(path) as wav:
        for piece in pieces:
            wav.write(piece)
    return path


def write_camera(path: Path) -> Path:
    """A second of a bright square that moves, as y4m."""
    width, height = CAMERA_PIXELS
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420\n".encode())
        for index in range(10):
            light = np.full((height, width), 60, np.uint8)
            light[40:80, 10 * index : 10 * index + 40] = 220
            colour = np.full(width * height // 2, 128, np.uint8)
            file.write(b"FRAME\n" + light.tobytes() + colour.tobytes())
    return path
