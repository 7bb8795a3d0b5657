// @ts-check
// Where things stand on the axis: lanes from top to bottom, words in rows without overlap. No colours, no canvas.

/** @typedef {import("./score.js").Words} Words */
/** @typedef {{x: number, row: number, width: number, text: string, from: number, to: number}} Placed */

export const RULER = 26;
export const WORD_ROW = 21;
export const PICTURE = { width: 76, height: 57 };
const BAR_ROW = 26;
const ARRIVALS = 40;

/** Heights and tops of all lanes. @param {import("./score.js").Score} score @param {boolean} small a phone's width */
export function lanesOf(score, small) {
  let y = RULER;
  const lane = (/** @type {number} */ height) => {
    const top = y;
    y += height;
    return { top, height, middle: top + height / 2 };
  };
  const wave = small ? 76 : 104;
  return {
    pictures: lane(score.pictures.length ? PICTURE.height + 14 : 0),
    heard: lane(WORD_ROW * 2 + 12),
    user: lane(wave),
    state: lane(30),
    model: lane(wave),
    said: lane(WORD_ROW * 2 + 12),
    delegations: lane(score.delegations.size ? barRows(score) * BAR_ROW + 10 : 0),
    arrivals: lane(ARRIVALS),
    height: y,
  };
}

/** Which row each delegation's bar lies in. @param {import("./score.js").Score} score @returns {Map<string, number>} */
export function rowsOfBars(score) {
  const rows = new Map();
  /** @type {number[]} */ const ends = [];
  for (const one of score.delegations.values()) {
    let row = ends.findIndex((end) => end <= one.from);
    if (row < 0) row = ends.push(0) - 1;
    ends[row] = one.to ?? Infinity;
    rows.set(one.id, row);
  }
  return rows;
}

/** @param {import("./score.js").Score} score */
function barRows(score) {
  return Math.max(0, ...rowsOfBars(score).values()) + 1;
}

/** Words of one side in two rows, each at its time or right after the word before it. Grows with the words. */
export class WordRows {
  /** @param {(text: string) => number} measure width in pixels */
  constructor(measure) {
    this.measure = measure;
    this.pxPerMs = 1;
    /** @type {Placed[]} */ this.placed = [];
    this.ends = [-Infinity, -Infinity];
    this.taken = 0;
  }

  /** @param {number} pxPerMs */
  reset(pxPerMs) {
    this.pxPerMs = pxPerMs;
    this.placed = [];
    this.ends = [-Infinity, -Infinity];
    this.taken = 0;
  }

  /** The words with their places, x from the axis' beginning. @param {Words[]} words @param {number} pxPerMs */
  of(words, pxPerMs) {
    if (pxPerMs !== this.pxPerMs || words.length < this.taken) this.reset(pxPerMs);
    for (; this.taken < words.length; this.taken++) this.place(words[this.taken]);
    return this.placed;
  }

  /** @param {Words} one */
  place(one) {
    const last = this.placed.at(-1);
    const joins = last && !one.text.startsWith(" ") && one.from - last.to < 600;
    const text = one.text.trim();
    const width = this.measure(text);
    const x = one.from * this.pxPerMs;
    if (joins) return this.put(last.row, last.x + last.width, width, text, one);
    // The upper row where it is free; else the one that is free first.
    const row = this.ends[0] <= x || this.ends[0] <= this.ends[1] ? 0 : 1;
    this.put(row, Math.max(x, this.ends[row]), width, text, one);
  }

  /** @param {number} row @param {number} x @param {number} width @param {string} text @param {Words} one */
  put(row, x, width, text, one) {
    this.placed.push({ x, row, width, text, from: one.from, to: one.to });
    this.ends[row] = x + width + 6;
  }
}
