// @ts-check
// In the audio thread: whatever sounds into this node, as frames of 20 ms. Silence is sent too, it is time that passes.
/* global AudioWorkletProcessor, registerProcessor, sampleRate */

const FRAME = sampleRate / 50;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.frame = new Float32Array(FRAME);
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs @param {Float32Array[][]} outputs */
  process(inputs, outputs) {
    const heard = inputs[0]?.[0];
    const n = heard?.length ?? outputs[0][0].length;
    for (let i = 0; i < n; i++) {
      this.frame[this.filled++] = heard ? heard[i] : 0;
      if (this.filled < FRAME) continue;
      this.port.postMessage(this.frame, [this.frame.buffer]);
      this.frame = new Float32Array(FRAME);
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("capture", Capture);
