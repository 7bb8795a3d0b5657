// @ts-check
// How much of the model's utterances the loudspeaker has played: what the server is told, so that it knows what was heard.

import { RATE_HZ } from "./sound.js";

const EVERY_MS = 1_000; // while an utterance sounds; its end is told at once
const SAMPLES_MS = RATE_HZ / 1_000;

/** An utterance, in samples since the loudspeaker began. @typedef {{item: string, from: number, to: number, toldMs: number, open: boolean}} Utterance */

export class Playback {
  /** @param {(item: string, playedMs: number) => void} tell */
  constructor(tell) {
    this.tell = tell;
    /** @type {Utterance[]} */ this.utterances = [];
  }

  /** Sound was given to the loudspeaker. @param {string | undefined} item its utterance, none for silence between them
   * @param {number} from @param {number} to in samples since the loudspeaker began */
  given(item, from, to) {
    const last = this.utterances.at(-1);
    if (last?.open && last.item === item) {
      last.to = to;
      return;
    }
    if (last) last.open = false;
    if (item) this.utterances.push({ item, from, to, toldMs: 0, open: true });
  }

  /** The loudspeaker has played so much. @param {number} samples since it began */
  played(samples) {
    for (const one of this.utterances) {
      const playedMs = Math.floor((Math.min(samples, one.to) - one.from) / SAMPLES_MS);
      const over = !one.open && samples >= one.to;
      if (playedMs - one.toldMs >= EVERY_MS || (over && playedMs > one.toldMs)) this.tell(one.item, (one.toldMs = playedMs));
    }
    this.utterances = this.utterances.filter((one) => one.open || samples < one.to);
  }

  /** What waited is not played any more. */
  cut() {
    this.utterances = [];
  }
}
