"""The loopback's browser: Debian's Chromium speaks clicks into a call and listens for them, by its own audio clock.

Its microphone and its loudspeaker are nodes of one AudioContext, so what hardware would add is not in the figures; all
that Chromium does between them is: packets, its jitter buffer, its resampling.
"""

import json
import shutil
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import sync_playwright

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)
OFFER = """async () => {
  const context = window.context = new AudioContext({ sampleRate: 48000, latencyHint: "interactive" });
  await context.resume();
  const listens = `registerProcessor("listens", class extends AudioWorkletProcessor {
    process([input]) {
      const at = (input[0] ?? []).findIndex((value) => Math.abs(value) > 0.1);
      if (at >= 0) this.port.postMessage((currentFrame + at) / sampleRate);
      return true;
    }
  })`;
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([listens], { type: "text/javascript" })));
  const rtc = window.rtc = new RTCPeerConnection();
  window.microphone = context.createMediaStreamDestination();
  rtc.addTrack(window.microphone.stream.getAudioTracks()[0]);
  rtc.ontrack = ({ track }) => {
    const stream = new MediaStream([track]);
    const pulls = window.pulls = new Audio(); // Chromium decodes a remote track only for an element
    pulls.muted = true;
    pulls.srcObject = stream;
    pulls.play();
    const listener = new AudioWorkletNode(context, "listens");
    listener.port.onmessage = ({ data }) => window.hear?.(data);
    context.createMediaStreamSource(stream).connect(listener).connect(context.destination);
  };
  await rtc.setLocalDescription(await rtc.createOffer());
  await new Promise((done) => {
    if (rtc.iceGatheringState === "complete") done();
    rtc.onicegatheringstatechange = () => rtc.iceGatheringState === "complete" && done();
  });
  return rtc.localDescription.sdp;
}"""
CLICKS = """async ([sdp, count]) => {
  const { context, rtc } = window;
  await rtc.setRemoteDescription({ type: "answer", sdp });
  const pause = (s) => new Promise((done) => setTimeout(done, s * 1000));
  await pause(3);
  const found = [];
  while (found.length < count) {
    const spoken = context.currentTime + 0.1;
    const tone = new OscillatorNode(context, { frequency: 1000 });
    tone.connect(new GainNode(context, { gain: 0.5 })).connect(window.microphone);
    tone.start(spoken);
    tone.stop(spoken + 0.02);
    const heard = await new Promise((done) => {
      window.hear = done;
      setTimeout(() => done(null), 2000);
    });
    window.hear = undefined;
    if (heard !== null) found.push((heard - spoken) * 1000);
    await pause(0.4 + Math.random() * 0.2);
  }
  return found;
}"""


def over_chromium(url: str, clicks: int) -> list[float]:
    """Milliseconds from each click to its echo. url: where WebRTC sessions are made."""
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit("Debian's chromium is not installed: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        page = browser.new_page()
        page.goto(url.replace("/v1/live/sessions", "/healthz"))  # an audio worklet needs a secure context
        page.set_default_timeout(1000 * (60 + 3 * clicks))
        offer = page.evaluate(OFFER)
        answer = _post(url, {"session": {"model": "any"}, "transport": {"type": "webrtc", "sdp": offer}})
        found = page.evaluate(CLICKS, [answer["transport"]["sdp"], clicks])
        browser.close()
    return found


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST")
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)
