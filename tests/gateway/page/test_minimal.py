"""examples/minimal.html in a real browser, served from another origin than the server's, as its first lines tell."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from microturn.core.clock import SAMPLE_RATE_HZ
from microturn.gateway.doors import DoorRules, Doors
from microturn.gateway.host import EchoHost
from tests.gateway.page.browser import chromium, served, shown, until, visit, write_microphone

EXAMPLES = Path(__file__).parents[3] / "examples"
# What the page gives to the loudspeaker: nothing else of it can be seen from outside.
LISTEN = """
  globalThis.loudest = 0;
  const { start } = AudioBufferSourceNode.prototype;
  AudioBufferSourceNode.prototype.start = function (...given) {
    globalThis.loudest = Math.max(globalThis.loudest, ...this.buffer.getChannelData(0));
    return start.apply(this, given);
  };
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def another_origin() -> Iterator[str]:
    """Where the examples are served from, as `python -m http.server` does it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=EXAMPLES)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_the_minimal_page_hears_its_microphone_come_back(tmp_path: Path) -> None:
    tone = 0.3 * np.sin(np.arange(SAMPLE_RATE_HZ) * 2 * np.pi * 440 / SAMPLE_RATE_HZ)
    microphone = write_microphone(tmp_path / "mic.wav", [tone.astype(np.float32)])
    with another_origin() as origin, chromium(microphone) as browser:
        rules = DoorRules(origins=(origin,), local=True)
        with served(EchoHost(1), doors=Doors(rules=rules)) as address:
            socket = address.replace("http", "ws").rstrip("/")
            with visit(browser, f"{origin}/minimal.html?server={socket}", first=LISTEN) as page:
                page.get_by_role("button", name="Talk").click()
                expect(page.locator("#state")).to_contain_text("session sess_")
                until(lambda: float(str(shown(page, "loudest"))) > 0.1)
