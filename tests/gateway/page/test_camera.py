"""The page's camera: the pictures that reach the model are those of the camera, whole and in order."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from microturn.commands.serve import host_of
from microturn.core.chunk import Chunk
from microturn.core.fakes import Scripted
from microturn.core.participant import Participant
from microturn.data.sight.play import Moving, Rep, Shot
from microturn.data.sight.scene import Scene
from microturn.gateway.host import EchoHost
from microturn.gateway.metrics import Metrics
from microturn.gateway.settings import ServerSettings
from microturn.media.av import write_video
from microturn.media.picture import fitted
from tests.gateway.page.browser import WAIT_S, chromium, served, shown, until, visit, write_microphone
from tests.push_ups import COUNT, END_MS, last_number, needs_sight, pictures, request

FILM_MS, FPS = 40_000, 5  # longer than the test looks, mostly: Chromium begins it anew at its end
SIDE = 160  # square, which no camera is: whatever is cut off to make it 4:3 shows
PLAY = Moving("floor", tuple(Rep("push ups", 1_000 + 2_000 * number, 2_000) for number in range(20)))


class WatchedHost(EchoHost):
    """Everyone talks to the same listener, who says nothing and keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__(1)
        self.listener = Scripted({})

    def join(self, session_id: str, seed: int) -> Participant:
        super().join(session_id, seed)
        self._partners[-1] = self.listener
        return self.listener

    def shown(self) -> list[Chunk]:
        return [chunk for chunk in list(self.listener.heard) if chunk.frame is not None]


def film(height: int, width: int) -> list[np.ndarray]:
    """Push ups with a bar below that grows, so that no two pictures are alike."""
    scene = Scene(Shot(PLAY, "test", 3), height, width)
    pictures: list[np.ndarray] = []
    for t_ms in range(0, FILM_MS, 1_000 // FPS):
        pictures.append(scene.frame(t_ms))
        pictures[-1][-height // 10 :] = 0
        pictures[-1][-height // 10 :, : width * t_ms // FILM_MS] = 255
    return pictures


def test_the_model_is_shown_what_the_camera_sees(tmp_path: Path) -> None:
    pictures, host = film(SIDE, SIDE), WatchedHost()
    write_video(tmp_path / "camera.y4m", pictures, FPS)
    with chromium(camera=tmp_path / "camera.y4m") as browser, served(host) as address:
        page = (
            browser.new_page()
        )  # not `visit`: a line that is lost on a busy machine and taken up again is no failure here
        page.set_default_timeout(WAIT_S * 1_000)
        page.goto(address)
        page.get_by_role("button", name="Camera").click()
        page.get_by_role("button", name="Start without").click()
        until(lambda: len(host.shown()) >= 6)
    source = np.stack([fitted(picture, 80, 80) for picture in pictures]).astype(np.float32)
    shown_ms: list[int] = []
    for chunk in host.shown():
        assert chunk.frame is not None and chunk.frame.shape[0] == chunk.frame.shape[1]
        off = np.abs(source - fitted(chunk.frame, 80, 80)).mean((1, 2, 3))
        assert off.min() < 6
        shown_ms.append(int(off.argmin()) * 1_000 // FPS)
    begun_anew = sum(later < one for one, later in pairwise(shown_ms))
    assert begun_anew == 0 or (begun_anew == 1 and shown_ms[-1] < shown_ms[0])


def test_push_ups_before_the_camera_are_counted(tmp_path: Path) -> None:
    needs_sight()
    length_ms = 3 * END_MS  # the rest of it is rest
    write_video(tmp_path / "camera.y4m", pictures(120, 160, 10, length_ms), 10)
    microphone = write_microphone(tmp_path / "mic.wav", [request(), np.zeros(16_000 * length_ms // 1_000, np.float32)])
    host = host_of(ServerSettings(), Metrics())
    with (
        chromium(microphone, tmp_path / "camera.y4m") as browser,
        served(host, tmp_path / "kept") as address,
        visit(browser, address) as page,
    ):
        page.get_by_role("button", name="Camera").click()
        page.get_by_role("button", name="Start with microphone").click()
        expect(page.locator("#state")).to_have_text("In conversation")
        until(lambda: float(str(shown(page, "microturn.talk.score.endMs"))) > END_MS)
        said = shown(page, "microturn.talk.score.said.map((word) => word.text)")
        assert isinstance(said, list)
    # As test_seen_files counts them: the same scene as y4m and mp4.
    assert abs(last_number(said) - COUNT) <= 1
