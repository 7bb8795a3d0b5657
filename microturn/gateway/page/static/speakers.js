// @ts-check
// The one audio context of the page: a bus of what the user sounds, and the model's sound on its way to the loudspeaker.

import { RATE_HZ, toInt16 } from "./sound.js";

/** @typedef {{rms: number, waitsMs: number, underruns: number, played: number}} PlayoutReport */

export class Sounds {
  /** Made in the handler of a click or key: elsewhere browsers keep it silent.
   * @param {(samples: Int16Array) => void} onFrame 20 ms of the user @param {(report: PlayoutReport) => void} onReport */
  constructor(onFrame, onReport) {
    this.context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    this.onFrame = onFrame;
    this.onReport = onReport;
    /** @type {PlayoutReport} */ this.report = { rms: 0, waitsMs: 0, underruns: 0, played: 0 };
    this.given = 0; // samples of the model, of which the reports say how many were played
    this.ready = this.open();
  }

  async open() {
    await Promise.all(["capture", "playout"].map((name) => this.context.audioWorklet.addModule(`/page/${name}-worklet.js`)));
    this.capture = new AudioWorkletNode(this.context, "capture", { channelCount: 1, channelCountMode: "explicit" });
    this.capture.port.onmessage = ({ data }) => this.onFrame(toInt16(data));
    this.capture.connect(this.context.destination); // it gives silence; a node that leads nowhere is not run
    this.playout = new AudioWorkletNode(this.context, "playout", { numberOfInputs: 0, outputChannelCount: [1] });
    this.playout.port.onmessage = ({ data }) => this.onReport((this.report = data));
    this.playout.connect(this.context.destination);
  }

  /** Whether the browser lets it sound; it asks for a click or key before. */
  get running() {
    return this.context.state === "running";
  }

  /** @param {Int16Array} samples */
  play(samples) {
    if (this.playout) this.given += samples.length;
    this.playout?.port.postMessage(Float32Array.from(samples, (value) => value / 32_768));
  }

  flush() {
    this.playout?.port.postMessage("flush");
  }

  /** A microphone on the bus until it is taken off. @param {MediaStream} stream @returns {() => void} */
  listen(stream) {
    const source = this.context.createMediaStreamSource(stream);
    source.connect(/** @type {AudioNode} */ (this.capture));
    return () => source.disconnect();
  }

  /** A whole sound on the bus, as if by microphone. @param {ArrayBuffer} wav @param {boolean} aloud the visitor hears it too */
  async speak(wav, aloud) {
    const source = this.context.createBufferSource();
    source.buffer = await this.context.decodeAudioData(wav);
    source.connect(/** @type {AudioNode} */ (this.capture));
    if (aloud) source.connect(this.context.destination);
    const over = new Promise((resolve) => (source.onended = resolve));
    source.start();
    await over;
  }

  close() {
    return this.context.close();
  }
}
