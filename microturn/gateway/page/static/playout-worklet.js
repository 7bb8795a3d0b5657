// @ts-check
// In the audio thread: a ring of samples that is played without gaps. How much waits, how often it ran dry, how loud it is.
/* global AudioWorkletProcessor, registerProcessor, sampleRate */

const RING = sampleRate * 4;
const LEAD = sampleRate * 0.06; // sound that comes into an empty ring waits so long: what follows may be late by that
const MOST = sampleRate * 0.14; // more than that never needed to wait: the clocks drift, silence is left out
const REPORT = sampleRate / 10;
const WATCHED = sampleRate * 2;

class Playout extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Float32Array(RING);
    this.read = 0;
    this.fill = 0;
    this.wait = 0;
    this.dry = true; // from the beginning, and after a flush: no underrun
    this.underruns = 0;
    this.least = RING;
    this.watched = 0;
    this.power = 0;
    this.since = 0;
    this.played = 0; // of all that was given, also what was left out
    this.port.onmessage = ({ data }) => (data === "flush" ? this.flush() : this.put(data));
  }

  /** @param {Float32Array} samples */
  put(samples) {
    if (this.fill === 0) this.wait = LEAD;
    for (const value of samples) {
      if (this.fill === RING) {
        this.played++; // four seconds ahead: whoever sends so much has lost the clock
        continue;
      }
      this.ring[(this.read + this.fill++) % RING] = value;
    }
  }

  flush() {
    this.played += this.fill;
    this.fill = this.wait = 0;
    this.dry = true;
  }

  /** @param {Float32Array[][]} _ @param {Float32Array[][]} outputs */
  process(_, outputs) {
    const out = outputs[0][0];
    for (let i = 0; i < out.length; i++) out[i] = this.next();
    this.since += out.length;
    this.watched += out.length;
    if (this.watched >= WATCHED) this.drop();
    if (this.since >= REPORT) this.report();
    return true;
  }

  next() {
    if (this.wait > 0) {
      this.wait--;
      return 0;
    }
    if (this.fill === 0) {
      if (!this.dry) this.underruns++;
      this.dry = true;
      return 0;
    }
    this.dry = false;
    const value = this.ring[this.read];
    this.read = (this.read + 1) % RING;
    this.fill--;
    this.played++;
    this.least = Math.min(this.least, this.fill);
    this.power += value * value;
    return value;
  }

  drop() {
    let spare = this.least - LEAD;
    if (this.least !== RING && this.least > MOST) {
      while (spare-- > 0 && this.ring[this.read] === 0) {
        this.read = (this.read + 1) % RING;
        this.fill--;
        this.played++;
      }
    }
    this.least = RING;
    this.watched = 0;
  }

  report() {
    const rms = Math.sqrt(this.power / this.since);
    this.port.postMessage({ rms, waitsMs: (this.fill / sampleRate) * 1000, underruns: this.underruns, played: this.played });
    this.power = this.since = 0;
  }
}

registerProcessor("playout", Playout);
