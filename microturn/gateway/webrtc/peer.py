"""One WebRTC connection: an offer answered, its tracks and its data channel. What is heard and said lives in call."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import structlog
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from microturn.core.errors import MicroturnError
from microturn.gateway.webrtc.candidates import CANDIDATES, Candidates
from microturn.gateway.webrtc.channel import DataChannel
from microturn.gateway.webrtc.ice import IceServer
from microturn.gateway.webrtc.reception import hear_at_once
from microturn.gateway.webrtc.speaker import Speaker
from microturn.gateway.wire import Gone
from microturn.media.frames import Frame, VideoFrame

OFFER_CHARACTERS = 64 * 1024
CLOSING_S = 5.0
log = structlog.get_logger("microturn.gateway")


class OfferRefused(MicroturnError):
    """An offer that cannot be answered or candidates that cannot be taken, and why."""


class Peer:
    """A connection to one client. Whoever makes one closes it.

    speaker: what the client hears. sees: take its camera; otherwise a camera is answered as inactive, so that it sends
    nothing.
    """

    def __init__(self, channel: DataChannel, speaker: Speaker, ice: Sequence[IceServer], sees: bool) -> None:
        self._channel, self._speaker, self._sees = channel, speaker, sees
        servers = [RTCIceServer(one.url, one.username or None, one.password or None) for one in ice]
        # An empty list: with the library's own server a machine of several addresses waits five seconds for it.
        self._rtc = RTCPeerConnection(RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._tracks: dict[str, MediaStreamTrack] = {}
        self._connected = asyncio.Event()
        self._has_channel = False
        self._candidates_left = CANDIDATES
        self._rtc.on("track", self._take_track)
        self._rtc.on("datachannel", channel.attach)
        self._rtc.on("connectionstatechange", self._take_state)

    async def answer(self, offer: str) -> str:
        """The SDP that answers this one; OfferRefused says what is wrong with it."""
        kinds = _kinds(offer)
        self._has_channel = bool(kinds["application"])
        try:
            await self._rtc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            self._rtc.addTrack(self._speaker)
            for transceiver in self._rtc.getTransceivers():
                if transceiver.kind == "audio":
                    hear_at_once(transceiver.receiver)
                elif not self._sees:
                    transceiver.direction = "inactive"
            await self._rtc.setLocalDescription(await self._rtc.createAnswer())
        except Exception as error:  # a parser of what strangers write raises whatever it stumbles over
            raise OfferRefused(f"The SDP offer cannot be answered: {type(error).__name__}: {error}"[:300]) from error
        return self._rtc.localDescription.sdp

    async def add(self, candidates: Candidates) -> None:
        """More ways to the client, found after its offer; OfferRefused for those of another offer, or too many."""
        if candidates.ufrag and f"a=ice-ufrag:{candidates.ufrag}" not in self._rtc.remoteDescription.sdp.split():
            raise OfferRefused("These candidates are of another offer; a call cannot be restarted, make a new one.")
        self._candidates_left -= len(candidates.found)
        if self._candidates_left < 0:
            raise OfferRefused(f"More than {CANDIDATES} candidates are not taken.")
        try:
            for candidate in candidates.found:
                await self._rtc.addIceCandidate(candidate)
            if candidates.complete:
                await self._rtc.addIceCandidate(None)
        except ValueError as error:  # after the last one
            raise OfferRefused(f"{error}"[:300]) from error

    async def connect(self) -> None:
        """Return when the client is there, with its data channel if it has offered one; Gone when it never comes."""
        waits = [self._connected.wait()] + ([self._channel.opened.wait()] if self._has_channel else [])
        lost = asyncio.ensure_future(self._channel.lost.wait())
        there = asyncio.gather(*waits)
        try:
            await asyncio.wait({lost, there}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
            there.cancel()
            await asyncio.gather(lost, there, return_exceptions=True)
        if self._channel.lost.is_set():
            raise Gone

    async def microphone(self) -> AsyncIterator[Frame]:
        """Frames of the client's microphone until it ends."""
        async for frame in self._frames("audio"):
            assert isinstance(frame, Frame)
            yield frame

    async def camera(self) -> AsyncIterator[VideoFrame]:
        """Pictures of the client's camera until it ends; none where it is not seen."""
        async for frame in self._frames("video"):
            assert isinstance(frame, VideoFrame)
            yield frame

    async def close(self) -> None:
        """End the connection; a second call does nothing."""
        self._channel.lose()
        self._speaker.stop()
        try:
            async with asyncio.timeout(CLOSING_S):
                await self._rtc.close()
        except TimeoutError:
            log.warning("a WebRTC connection did not close in time")

    async def _frames(self, kind: str) -> AsyncIterator[object]:
        track = self._tracks.get(kind)
        with contextlib.suppress(MediaStreamError):
            while track is not None:
                yield await cast("Any", track).recv()

    def _take_track(self, track: MediaStreamTrack) -> None:
        self._tracks[track.kind] = track

    def _take_state(self) -> None:
        if self._rtc.connectionState == "connected":
            self._connected.set()
        elif self._rtc.connectionState in ("failed", "closed"):
            self._channel.lose()


def _kinds(offer: str) -> Counter[str]:
    """Kinds of media in an offer; OfferRefused where it asks for more than one conversation has."""
    lines = offer.splitlines()
    kinds = Counter(line[2:].split(" ")[0] for line in lines if line.startswith("m="))
    if len(offer) > OFFER_CHARACTERS or sum(line.startswith("a=candidate:") for line in lines) > CANDIDATES:
        most = f"{OFFER_CHARACTERS} characters and {CANDIDATES} candidates"
        raise OfferRefused(f"The SDP offer is too long; {most} are taken at most.")
    if not kinds:
        raise OfferRefused("This is no SDP offer: it has no media ('m=' lines).")
    if kinds["audio"] != 1 or kinds["video"] > 1 or kinds["application"] > 1 or len(kinds - _MOST):
        raise OfferRefused("The SDP offer must have one audio line, and may have one video and one data channel.")
    head, *media = f"\n{offer}".split("\nm=")
    if not all("\na=fingerprint:" in head + part for part in media):  # aiortc only asserts it, and much later
        raise OfferRefused("The SDP offer has no 'a=fingerprint:'; media are encrypted here (RFC 8827).")
    return kinds


_MOST = Counter(audio=1, video=1, application=1)
