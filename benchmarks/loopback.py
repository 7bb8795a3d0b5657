"""From microphone to loudspeaker without a model: an echo answers, over a WebSocket and over WebRTC, on this machine.

A click is spoken about once a second at random places of a tick, and comes back. `whole_ms` is what an ear measures:
packets of 20 ms, both ways of the protocol, resampling, jitter buffers, the server's margin for late packets (40 ms, 20
over WebRTC), a player with 40 ms in hand for the WebSocket, and the echo itself. The echo is a partner of micro-turns,
as the model is: what comes in at some place of a tick goes out at that place of the next one, so 200 ms of the whole
are its tick, which no protocol can save. `transport_ms` is the rest, `whole_ms` less 200: what lies around any partner.

Over WebRTC a client has a jitter buffer of its own. `webrtc` is aiortc, which always holds four packets (80 ms);
`webrtc_back` is the same call up to where the packet of the click is back at the client, decoded, before any buffer:
the server's share. `chromium` (with `--browser`) is what a user has: Debian's Chromium with its own buffer.
"""

import argparse
import asyncio
import base64
import json
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import structlog
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.codecs.opus import OpusDecoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtpPacket
from loopback_chromium import over_chromium
from websockets.asyncio.client import connect

from microturn.core.clock import TICK_MS
from microturn.core.provenance import provenance
from microturn.gateway.app import create_app
from microturn.gateway.host import EchoHost
from microturn.gateway.server import server_of
from microturn.gateway.sessions import Limits, Sessions
from microturn.media.frames import Frame, FrameReader, FrameWriter
from microturn.media.pcm import Pcm, to_float, to_int16

LIVE = "/v1/live/sessions"
RATE_HZ, FRAME_S = 16_000, 0.02
CLICK = (0.5 * np.sin(np.arange(320) * 2 * np.pi * 1_000 / RATE_HZ)).astype(np.float32)
LOUD = 0.1
PLAYER_S = 0.04  # kept in hand by a player over a WebSocket; over WebRTC the jitter buffer of aiortc is measured itself
LATEST_S = 1.0  # clicks are further apart
WAYS = ("websocket", "webrtc")
ROWS = {
    "websocket": "websocket",
    "webrtc": "webrtc, aiortc's 80 ms",
    "webrtc_back": "webrtc, back at the client",
    "chromium": "webrtc, Chromium",
}


class Clicks:
    """When each click was spoken, and how long after it each was heard."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self._spoken_s = wanted, 0.0
        self.whole_ms: list[float] = []

    @property
    def done(self) -> bool:
        """Whether enough have been heard."""
        return len(self.whole_ms) >= self.wanted

    def speak(self, at_s: float) -> None:
        """One begins now."""
        self._spoken_s = at_s

    def hear(self, at_s: float) -> None:
        """Something loud: a click where none was heard since the last one was spoken."""
        if 0.0 < at_s - self._spoken_s < LATEST_S:
            self.whole_ms.append((at_s - self._spoken_s) * 1000)
            self._spoken_s = 0.0


class Microphone:
    """20 ms of silence or a click, in real time."""

    def __init__(self, *clicks: Clicks) -> None:
        self._clicks, self._random = clicks, np.random.default_rng(1)
        self._began_s, self._frames, self._next = time.monotonic(), 0, 150

    async def frame(self) -> Pcm:
        """The next frame, when its last sample has been spoken."""
        end_s = self._began_s + (self._frames + 1) * FRAME_S
        await asyncio.sleep(max(0.0, end_s - time.monotonic()))
        self._frames += 1
        if self._frames != self._next:
            return np.zeros(320, np.float32)
        self._next += 50 + int(self._random.integers(0, 10))
        for clicks in self._clicks:
            clicks.speak(end_s - FRAME_S)
        return CLICK


class Player:
    """A loudspeaker: sound is played after what came before, or `hold_s` from now where nothing is left of that.

    As any player it makes up for a stall: silence is left out once all that came in a second had to wait longer.
    """

    def __init__(self, clicks: Clicks, hold_s: float) -> None:
        self._clicks, self._hold_s, self._next_s = clicks, hold_s, 0.0
        self._waited_s: deque[float] = deque(maxlen=round(1 / FRAME_S))

    def play(self, pcm: Pcm) -> None:
        """The next sound."""
        now_s, loud = time.monotonic(), np.flatnonzero(np.abs(pcm) > LOUD)
        if now_s > self._next_s:
            self._next_s = now_s + self._hold_s
        self._waited_s.append(self._next_s - now_s)
        watched = len(self._waited_s) == self._waited_s.maxlen
        if not len(loud) and watched and min(self._waited_s) > self._hold_s + FRAME_S:
            self._waited_s = deque((one - FRAME_S for one in self._waited_s), self._waited_s.maxlen)
            return
        if len(loud):
            self._clicks.hear(self._next_s + loud[0] / RATE_HZ)
        self._next_s += len(pcm) / RATE_HZ


def main() -> None:
    options = parse_options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    report: dict[str, Any] = {}
    limit_s = 60 + 4 * options.clicks
    heard, back = Clicks(options.clicks), Clicks(options.clicks)
    if "websocket" in options.over:
        clicks = Clicks(options.clicks)
        with serving() as port:
            asyncio.run(asyncio.wait_for(over_websocket(port, clicks), limit_s))
        report["websocket"] = summary(clicks.whole_ms)
    if "webrtc" in options.over:
        with serving() as port:
            asyncio.run(asyncio.wait_for(over_webrtc(port, heard, back), limit_s))
        report |= {"webrtc": summary(heard.whole_ms), "webrtc_back": summary(back.whole_ms)}
    if options.browser:
        with serving() as port:
            report["chromium"] = summary(over_chromium(f"http://127.0.0.1:{port}{LIVE}", options.clicks))
    report |= {
        "clicks": options.clicks,
        **provenance("python benchmarks/loopback.py"),
    }
    print(json.dumps(report) if options.json else table(report))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--over", nargs="+", choices=WAYS, default=WAYS, help="protocols (default both)")
    parser.add_argument("--browser", action="store_true", help="WebRTC with Debian's Chromium too, by playwright")
    parser.add_argument("--clicks", type=int, default=40, help="clicks over each way, about one a second (default 40)")
    return parser.parse_args()


async def over_websocket(port: int, clicks: Clicks) -> None:
    """A GPT-Live client that sends packets of 20 ms."""
    async with connect(f"ws://127.0.0.1:{port}{LIVE}", max_size=None, proxy=None) as socket:
        audio = {"format": {"type": "audio/pcm", "rate": RATE_HZ}}
        await socket.send(json.dumps({"type": "session.start", "session": {"model": "any", "audio": audio}}))
        microphone, player = Microphone(clicks), Player(clicks, PLAYER_S)

        async def listen() -> None:
            async for message in socket:
                event = json.loads(message)
                if event["type"] == "session.output_audio.delta":
                    samples = np.frombuffer(base64.b64decode(event["delta"]), "<i2")
                    player.play(to_float(samples.astype(np.int16)))

        listening = asyncio.create_task(listen())
        while not clicks.done:
            data = to_int16(await microphone.frame()).astype("<i2").tobytes()
            packet = {"type": "session.input_audio.append", "audio": base64.b64encode(data).decode()}
            await socket.send(json.dumps(packet))
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


class MicrophoneTrack(MediaStreamTrack):
    """The microphone as a track."""

    kind = "audio"

    def __init__(self, microphone: Microphone) -> None:
        super().__init__()
        self._microphone, self._frames = microphone, FrameWriter()

    async def recv(self) -> Frame:
        """The next frame."""
        return self._frames.push(await self._microphone.frame())


class Back:
    """Looks at the packets of a receiver as they come. A second decoder: that of the receiver is behind its buffer."""

    def __init__(self, clicks: Clicks, receiver: RTCRtpReceiver) -> None:
        self._clicks, self._decoder, self._reader = clicks, OpusDecoder(), FrameReader()
        self._take = vars(receiver).get("_handle_rtp_packet") or receiver._handle_rtp_packet
        vars(receiver)["_handle_rtp_packet"] = self.look

    async def look(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        """One packet, which then goes on."""
        now_s = time.monotonic()
        for frame in self._decoder.decode(JitterFrame(packet.payload, packet.timestamp)):
            assert isinstance(frame, Frame)
            frame.pts = None
            loud = np.flatnonzero(np.abs(self._reader.push(frame)) > LOUD)
            if len(loud):
                self._clicks.hear(now_s + loud[0] / RATE_HZ)
        await self._take(packet, arrival_time_ms=arrival_time_ms)


async def over_webrtc(port: int, clicks: Clicks, back: Clicks) -> None:
    """aiortc in a browser's place, with its own jitter buffer; `back` are its packets before that."""
    rtc, player, over = RTCPeerConnection(RTCConfiguration(iceServers=[])), Player(clicks, 0.0), asyncio.Event()
    listening: list[asyncio.Task[None]] = []

    async def listen(track: MediaStreamTrack) -> None:
        reader = FrameReader()
        try:
            while not clicks.done:
                frame = await track.recv()
                assert isinstance(frame, Frame)
                player.play(reader.push(frame))
        except MediaStreamError:
            print("the call has ended before its time", file=sys.stderr)
        over.set()

    @rtc.on("track")
    def heard(track: MediaStreamTrack) -> None:
        listening.append(asyncio.create_task(listen(track)))

    rtc.addTrack(MicrophoneTrack(Microphone(clicks, back)))
    Back(back, rtc.getReceivers()[0])
    await rtc.setLocalDescription(await rtc.createOffer())
    body = {"session": {"model": "any"}, "transport": {"type": "webrtc", "sdp": rtc.localDescription.sdp}}
    answer = await asyncio.to_thread(post, f"http://127.0.0.1:{port}{LIVE}", body)
    await rtc.setRemoteDescription(RTCSessionDescription(answer["transport"]["sdp"], "answer"))
    await over.wait()
    await asyncio.gather(*listening)
    await rtc.close()


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST")
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


@contextmanager
def serving() -> Iterator[int]:
    """A server in a thread of this process, on a free port."""
    sessions = Sessions(EchoHost(1), Limits())
    server = server_of(create_app(sessions), sessions, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def summary(whole_ms: list[float]) -> dict[str, Any]:
    """Median and 95th percentile of the whole and of the transport."""
    figures = {"p50": statistics.median(whole_ms), "p95": statistics.quantiles(whole_ms, n=20)[-1]}
    whole = {name: round(ms, 1) for name, ms in figures.items()}
    return {"whole_ms": whole, "transport_ms": {name: round(ms - TICK_MS, 1) for name, ms in figures.items()}}


def table(report: dict[str, Any]) -> str:
    lines = [f"{'microphone to loudspeaker':<48}{'p50 ms':>10}{'p95 ms':>10}"]
    for name in filter(report.__contains__, ROWS):
        for part, words in (("transport_ms", ""), ("whole_ms", " and the echo's 200 ms")):
            figures = report[name][part]
            lines.append(f"{ROWS[name] + words:<50}{figures['p50']:>8.0f}{figures['p95']:>10.0f}")
    lines.append(
        f"{report['clicks']} clicks each; load {report['machine']['load_1min']}, {report['machine']['cores']} cores"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
