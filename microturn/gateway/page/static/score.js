// @ts-check
// What has happened in a conversation, on the session's clock in milliseconds. No drawing, no network.

export const BIN_MS = 10;
const FULL = 32_768;
const FRAMES = 900; // thumbnails kept
const SHOWN = 50;
const KEPT_MS = 600_000; // how much of the past a snapshot holds

/** @typedef {{from: number, to: number, text: string}} Words */
/** @typedef {{id: string, from: number, to: number | null, task: string, status: string}} Delegation */
/** @typedef {{at: number, late: number}} Arrival */
/** @typedef {{at: number, image: CanvasImageSource}} Picture */
/** @typedef {{from: number, to: number}} Stretch */
/** Something that the agent shows, as it came. @typedef {{at: number, shown: any}} Display */
/** What the model made of an overlap, as the server tells it. @typedef {{at: number, action: string}} Decision */
/** A time without a connection; to: null while it lasts. @typedef {{from: number, to: number | null}} Gap */

/** The loudest sample of every 10 ms, 0 to 1; exact zero is silence. */
export class Levels {
  constructor() {
    this.bins = new Float32Array(6_000);
    this.count = 0;
  }

  /** Lay int16 samples at their time; what lay there before stays where it is louder.
   * @param {number} atMs @param {Int16Array} samples @param {number} rateHz */
  put(atMs, samples, rateHz) {
    const per = (rateHz * BIN_MS) / 1000;
    const first = Math.max(0, Math.round(atMs / BIN_MS));
    const n = Math.ceil(samples.length / per);
    this.grow(first + n);
    for (let bin = 0; bin < n; bin++) {
      let peak = 0;
      const end = Math.min(samples.length, Math.round((bin + 1) * per));
      for (let i = Math.round(bin * per); i < end; i++) peak = Math.max(peak, Math.abs(samples[i]));
      this.bins[first + bin] = Math.max(this.bins[first + bin], peak / FULL);
    }
  }

  /** The loudest between two times. @param {number} fromMs @param {number} toMs */
  peak(fromMs, toMs) {
    const last = Math.min(this.count, Math.ceil(toMs / BIN_MS));
    let peak = 0;
    for (let bin = Math.max(0, Math.floor(fromMs / BIN_MS)); bin < last; bin++) peak = Math.max(peak, this.bins[bin]);
    return peak;
  }

  /** @param {number} count */
  grow(count) {
    if (count > this.bins.length) {
      const bins = new Float32Array(Math.max(count, this.bins.length * 2));
      bins.set(this.bins);
      this.bins = bins;
    }
    this.count = Math.max(this.count, count);
  }
}

/** One conversation. Whoever changes it raises `version`, so that views know to draw. */
export class Score {
  constructor() {
    this.version = 0;
    this.user = new Levels();
    this.model = new Levels();
    /** @type {Words[]} */ this.heard = [];
    /** @type {Words[]} */ this.said = [];
    /** @type {Map<string, Delegation>} */ this.delegations = new Map();
    /** @type {Arrival[]} */ this.arrivals = [];
    /** @type {Picture[]} */ this.pictures = [];
    /** @type {Decision[]} */ this.decisions = [];
    /** @type {Gap[]} */ this.gaps = [];
    /** @type {Display[]} */ this.shown = [];
    this.endMs = 0;
  }

  /** Take one event of the server in. @param {any} event */
  take(event) {
    const nested = event.delegation ?? {};
    switch (event.type) {
      case "session.input_transcript.delta":
        this.write(this.heard, event);
        break;
      case "session.output_transcript.delta":
        this.write(this.said, event);
        break;
      case "overlap.decision":
        this.decisions.push({ at: event.start_ms, action: event.action });
        break;
      case "session.delegation.created":
        this.delegate(nested.id, event.offset_ms, nested.task ?? "", "asked");
        break;
      case "delegation.task":
        this.delegate(event.id ?? nested.id, null, event.task ?? nested.task ?? "", "asked");
        break;
      case "delegation.status":
        // Beside how far it is, the newest word of progress.
        this.delegate(event.id ?? nested.id, null, event.task ?? "", [event.status, event.text?.slice(0, 60)]);
        break;
      case "delegation.shown":
        this.shown = [...this.shown, { at: Number(event.at_ms) || 0, shown: event.shown }].slice(-SHOWN);
        break;
      default:
        return;
    }
    this.version++;
  }

  /** Sound of one side. @param {"user" | "model"} side @param {number} atMs @param {Int16Array} pcm @param {number} rateHz */
  sound(side, atMs, pcm, rateHz) {
    this[side].put(atMs, pcm, rateHz);
    this.endMs = Math.max(this.endMs, atMs + (pcm.length * 1000) / rateHz);
    this.version++;
  }

  /** How much later than the earliest a tick's sound came. @param {number} at @param {number} late */
  arrived(at, late) {
    const last = this.arrivals.at(-1);
    if (!last || at > last.at) this.arrivals.push({ at, late });
  }

  /** A camera picture. @param {number} at @param {CanvasImageSource} image */
  picture(at, image) {
    this.pictures.push({ at, image });
    if (this.pictures.length > FRAMES) this.pictures.shift();
    this.version++;
  }

  /** The connection is gone, from here on. */
  breakOff() {
    if (this.gaps.at(-1)?.to !== null) this.gaps.push({ from: this.endMs, to: null });
  }

  /** @param {Words[]} words @param {any} event */
  write(words, event) {
    words.push({ from: event.start_ms, to: event.end_ms, text: event.delta });
    this.endMs = Math.max(this.endMs, event.end_ms);
  }

  /** @param {string} id @param {number | null} from @param {string} task @param {string | [string, string]} told */
  delegate(id, from, task, told) {
    const [status, text] = typeof told === "string" ? [told, ""] : told;
    const known = this.delegations.get(id) ?? { id, from: from ?? this.endMs, to: null, task: "", status: "" };
    const over = /^(done|completed|spoken|delivered|cancelled|canceled|failed|superseded|stale|dropped)$/.test(status);
    const to = over ? (known.to ?? this.endMs) : null;
    this.delegations.set(id, { ...known, task: task || known.task, status: [status, text].filter(Boolean).join(": "), to });
  }

  /** Stretches in which the model sounds; pauses shorter than a tick are part of them.
   * @param {number} fromMs @param {number} toMs @returns {Stretch[]} */
  speaking(fromMs, toMs) {
    return stretches(this.model, fromMs, toMs, 0, 200);
  }

  /** Stretches in which both sides sound at once. For the eye only: nothing decides by it.
   * @param {number} fromMs @param {number} toMs @returns {Stretch[]} */
  overlaps(fromMs, toMs) {
    const model = this.speaking(fromMs, toMs);
    const found = [];
    for (const user of stretches(this.user, fromMs, toMs, 0.02, 240)) {
      for (const other of model) {
        const from = Math.max(user.from, other.from);
        const to = Math.min(user.to, other.to);
        if (to - from >= 100) found.push({ from, to });
      }
    }
    return found;
  }

  /** Phrases of both sides in the order of time: words less than `pauseMs` apart belong together.
   * @param {number} pauseMs @returns {(Words & {side: "user" | "model"})[]} */
  phrases(pauseMs = 1_000) {
    const all = [
      ...joined(this.heard, pauseMs).map((words) => ({ ...words, side: /** @type {const} */ ("user") })),
      ...joined(this.said, pauseMs).map((words) => ({ ...words, side: /** @type {const} */ ("model") })),
    ];
    return all.sort((a, b) => a.from - b.from);
  }

  /** The last ten minutes as plain values, for a page that is loaded again; pictures are not in it. */
  snapshot() {
    const from = Math.max(0, this.endMs - KEPT_MS);
    const late = (/** @type {Words[]} */ words) => words.filter((one) => one.to >= from);
    return {
      endMs: this.endMs, from, user: packed(this.user, from), model: packed(this.model, from),
      heard: late(this.heard), said: late(this.said),
      arrivals: this.arrivals.filter((one) => one.at >= from), gaps: this.gaps, decisions: this.decisions, delegations: [...this.delegations.values()], shown: this.shown,
    };
  }

  /** @param {ReturnType<Score["snapshot"]>} kept */
  static of(kept) {
    const score = new Score();
    const { heard, said, arrivals, gaps, decisions, endMs } = kept;
    Object.assign(score, { heard, said, arrivals, gaps, decisions, endMs, version: 1 });
    score.shown = kept.shown ?? [];
    score.delegations = new Map(kept.delegations.map((one) => [one.id, one]));
    unpack(score.user, kept.user, kept.from);
    unpack(score.model, kept.model, kept.from);
    return score;
  }
}

/** @param {Levels} levels @param {number} fromMs @param {number} toMs @param {number} above @param {number} joinMs */
function stretches(levels, fromMs, toMs, above, joinMs) {
  /** @type {Stretch[]} */
  const found = [];
  const last = Math.min(levels.count, Math.ceil((toMs + joinMs) / BIN_MS));
  for (let bin = Math.max(0, Math.floor((fromMs - joinMs) / BIN_MS)); bin < last; bin++) {
    if (levels.bins[bin] <= above) continue;
    const at = bin * BIN_MS;
    const open = found.at(-1);
    if (open && at - open.to < joinMs) open.to = at + BIN_MS;
    else found.push({ from: at, to: at + BIN_MS });
  }
  return found;
}

/** @param {Words[]} words @param {number} pauseMs */
function joined(words, pauseMs) {
  /** @type {Words[]} */
  const phrases = [];
  for (const one of words) {
    const open = phrases.at(-1);
    if (open && one.from - open.to < pauseMs) {
      open.text += one.text;
      open.to = one.to;
    } else phrases.push({ ...one, text: one.text.trimStart() });
  }
  return phrases;
}

/** @param {Levels} levels @param {number} fromMs */
function packed(levels, fromMs) {
  let text = "";
  // Square roots: a quiet sound keeps its shape in a byte, and what sounds never becomes an exact zero.
  for (const level of levels.bins.subarray(fromMs / BIN_MS, levels.count)) text += String.fromCharCode(Math.ceil(Math.sqrt(level) * 255));
  return btoa(text);
}

/** @param {Levels} levels @param {string} text @param {number} fromMs */
function unpack(levels, text, fromMs) {
  const bytes = atob(text);
  const first = Math.floor(fromMs / BIN_MS);
  levels.grow(first + bytes.length);
  for (let i = 0; i < bytes.length; i++) levels.bins[first + i] = (bytes.charCodeAt(i) / 255) ** 2;
}
