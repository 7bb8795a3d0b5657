// @ts-check
// Draws a score on a canvas, both sides on one axis of time. Where things stand is in lanes; what moves them in timeline.

import { PICTURE, RULER, WORD_ROW, WordRows, lanesOf, rowsOfBars } from "./lanes.js";

/** What of the score is seen. nowMs: the head; pxPerS: the scale; live: what is right of the head is to come.
 * @typedef {{leftMs: number, pxPerS: number, width: number, nowMs: number, live: boolean, small: boolean}} View */
/** @typedef {Record<string, string>} Colors */

const NAMES = ["card", "ink", "soft", "line", "faint", "user", "user-fill", "model", "model-fill", "both", "both-fill", "near-fill", "near", "bad", "head"];
const FONT = "system-ui, sans-serif";
const DEADLINE_MS = 200;

/** @returns {Colors} */
export function colorsOf(/** @type {Element} */ node) {
  const style = getComputedStyle(node);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Keeps what need not be measured again: the rows of words. */
export class Drawing {
  /** @param {CanvasRenderingContext2D} pen */
  constructor(pen) {
    this.pen = pen;
    const measure = (/** @type {string} */ text) => {
      pen.font = `13px ${FONT}`;
      return pen.measureText(text).width;
    };
    this.rows = { heard: new WordRows(measure), said: new WordRows(measure) };
  }

  /** Another score. */
  forget() {
    this.rows.heard.reset(1);
    this.rows.said.reset(1);
  }

  /** @param {import("./score.js").Score} score @param {View} view @param {Colors} colors */
  draw(score, view, colors) {
    const { pen } = this;
    const lanes = lanesOf(score, view.small);
    const x = (/** @type {number} */ ms) => ((ms - view.leftMs) * view.pxPerS) / 1000;
    const rightMs = view.leftMs + (view.width * 1000) / view.pxPerS;
    const on = { pen, score, view, colors, lanes, x, rightMs };
    pen.clearRect(0, 0, view.width, lanes.height);
    ruler(on);
    gaps(on);
    overlaps(on);
    wave(on, "user");
    wave(on, "model");
    state(on);
    decisions(on);
    words(on, this.rows.heard, "heard", "user");
    words(on, this.rows.said, "said", "model");
    pictures(on);
    delegations(on);
    arrivals(on);
    labels(on);
    head(on);
  }
}

/** @typedef {{pen: CanvasRenderingContext2D, score: import("./score.js").Score, view: View, colors: Colors,
 *   lanes: ReturnType<typeof lanesOf>, x: (ms: number) => number, rightMs: number}} On */

/** @param {On} on */
function ruler({ pen, view, colors, lanes, x, rightMs }) {
  const step = [0.2, 0.5, 1, 2, 5, 10, 30, 60, 300].find((s) => s * view.pxPerS >= 64) ?? 600;
  pen.font = `11px ${FONT}`;
  pen.textBaseline = "middle";
  for (let i = Math.max(0, Math.floor(view.leftMs / 1000 / step)); i * step * 1000 <= rightMs; i++) {
    const at = Math.round(x(i * step * 1000)) + 0.5;
    pen.strokeStyle = colors.faint;
    line(pen, at, RULER, at, lanes.height);
    pen.fillStyle = colors.soft;
    pen.fillText(second(i * step), at + 4, RULER / 2);
  }
  pen.strokeStyle = colors.line;
  line(pen, 0, RULER - 0.5, view.width, RULER - 0.5);
}

/** @param {number} s */
function second(s) {
  if (s < 60) return `${Number(s.toFixed(1))} s`;
  return `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
}

/** @param {On} on */
function gaps({ pen, score, view, colors, lanes, x, rightMs }) {
  for (const gap of score.gaps) {
    const to = gap.to ?? Math.max(view.nowMs, gap.from);
    if (to < view.leftMs || gap.from > rightMs) continue;
    pen.fillStyle = colors["near-fill"];
    pen.fillRect(x(gap.from), RULER, Math.max(2, x(to) - x(gap.from)), lanes.height - RULER);
    pen.fillStyle = colors.near;
    pen.font = `11px ${FONT}`;
    pen.fillText("no connection", x(gap.from) + 4, lanes.arrivals.top - 8);
  }
}

/** @param {On} on */
function overlaps({ pen, score, view, colors, lanes, x, rightMs }) {
  const top = lanes.user.top;
  const bottom = lanes.model.top + lanes.model.height;
  for (const { from, to } of score.overlaps(view.leftMs, rightMs)) {
    const left = x(from);
    const width = x(to) - left;
    pen.fillStyle = colors["both-fill"];
    pen.fillRect(left, top, width, bottom - top);
    pen.fillStyle = colors.both;
    pen.fillRect(left, top, width, 2);
    pen.fillRect(left, bottom - 2, width, 2);
  }
}

/** @param {On} on */
function decisions({ pen, score, view, colors, lanes, x, rightMs }) {
  pen.font = `600 11px ${FONT}`;
  pen.textBaseline = "middle";
  for (const { at, action } of score.decisions) {
    if (at < view.leftMs - 2_000 || at > rightMs) continue;
    pen.fillStyle = colors.both;
    pen.fillText({ yield: "yields", continue: "goes on", backchannel: "backchannel" }[action] ?? action, x(at), lanes.user.top + lanes.user.height + 5);
  }
}

/** @param {On} on @param {"user" | "model"} side */
function wave({ pen, score, view, colors, lanes, x }, side) {
  const lane = lanes[side];
  const levels = score[side];
  pen.fillStyle = colors.line;
  pen.fillRect(Math.max(0, x(0)), Math.round(lane.middle), view.width, 1);
  pen.fillStyle = colors[side];
  // Columns are tied to the sound, not to the screen, so that a wave that moves keeps its shape.
  const columnMs = Math.max(10, Math.ceil(300 / view.pxPerS) * 10);
  const columnPx = (columnMs * view.pxPerS) / 1000;
  const last = (view.leftMs + (view.width * 1000) / view.pxPerS) / columnMs;
  for (let column = Math.max(0, Math.floor(view.leftMs / columnMs)); column <= last; column++) {
    const peak = levels.peak(column * columnMs, (column + 1) * columnMs);
    if (peak < 0.0005) continue;
    const high = Math.max(2, Math.min(1, (1.6 * peak) ** 0.62) * (lane.height - 10));
    pen.beginPath();
    pen.roundRect(x(column * columnMs), lane.middle - high / 2, Math.max(1, columnPx * 0.72), high, columnPx * 0.36);
    pen.fill();
  }
}

/** @param {On} on */
function state({ pen, score, view, colors, lanes, x, rightMs }) {
  const { middle } = lanes.state;
  const until = Math.min(rightMs, Math.max(score.endMs, 0));
  pen.fillStyle = colors["user-fill"];
  pill(pen, x(Math.max(view.leftMs - 1_000, 0)), middle - 4, x(until) - x(Math.max(view.leftMs - 1_000, 0)), 8);
  for (const { from, to } of score.speaking(view.leftMs, rightMs)) {
    pen.fillStyle = colors.card;
    pen.fillRect(x(from) - 2, middle - 5, x(to) - x(from) + 4, 10);
    pen.fillStyle = colors.model;
    pill(pen, x(from), middle - 4, x(to) - x(from), 8);
  }
}

/** @param {On} on @param {WordRows} rows @param {"heard" | "said"} which @param {"user" | "model"} side */
function words({ pen, score, view, colors, lanes, rightMs }, rows, which, side) {
  const lane = lanes[which];
  const shift = (view.leftMs * view.pxPerS) / 1000;
  pen.font = `13px ${FONT}`;
  pen.textBaseline = "middle";
  const placed = rows.of(score[which], view.pxPerS / 1000);
  for (let i = placed.length - 1; i >= 0; i--) {
    const word = placed[i];
    const left = word.x - shift;
    if (left + word.width < -400) break;
    if (left > view.width || word.from > rightMs) continue;
    // Rows grow away from the wave they belong to.
    const y = which === "heard" ? lane.top + lane.height - 8 - (word.row + 0.5) * WORD_ROW : lane.top + 8 + (word.row + 0.5) * WORD_ROW;
    pen.fillStyle = colors[`${side}-fill`];
    pill(pen, left - 3, y - 9, word.width + 6, 18, 5);
    pen.fillStyle = colors[side];
    pen.fillText(word.text, left, y + 0.5);
  }
}

/** @param {On} on */
function pictures({ pen, score, view, colors, lanes, x, rightMs }) {
  let free = -Infinity;
  for (const { at, image } of score.pictures) {
    const left = x(at);
    if (left < free || left < -PICTURE.width || at > rightMs) continue;
    free = left + PICTURE.width + 4;
    pen.drawImage(image, left, lanes.pictures.top + 7, PICTURE.width, PICTURE.height);
    pen.strokeStyle = colors.line;
    pen.strokeRect(left + 0.5, lanes.pictures.top + 7.5, PICTURE.width - 1, PICTURE.height - 1);
  }
}

/** @param {On} on */
function delegations({ pen, score, view, colors, lanes, x, rightMs }) {
  const rows = rowsOfBars(score);
  for (const one of score.delegations.values()) {
    const to = one.to ?? Math.max(score.endMs, one.from);
    if (to < view.leftMs || one.from > rightMs) continue;
    const y = lanes.delegations.top + 5 + (rows.get(one.id) ?? 0) * 26;
    const width = Math.max(3, x(to) - x(one.from));
    pen.fillStyle = colors["near-fill"];
    pill(pen, x(one.from), y, width, 22, 6);
    pen.fillStyle = colors.near;
    pen.fillRect(x(one.from), y, 3, 22);
    pen.font = `12px ${FONT}`;
    pen.fillText([one.task || "background work", one.status].filter(Boolean).join(" · "), Math.max(x(one.from), 0) + 9, y + 11.5);
  }
}

/** @param {On} on */
function arrivals({ pen, score, view, colors, lanes, x, rightMs }) {
  const { top, height } = lanes.arrivals;
  const bottom = top + height - 6;
  const full = height - 12;
  pen.strokeStyle = colors.line;
  pen.setLineDash([2, 4]);
  line(pen, Math.max(0, x(0)), bottom - full + 0.5, view.width, bottom - full + 0.5);
  pen.setLineDash([]);
  const width = Math.max(2, 0.2 * view.pxPerS - 3);
  for (const { at, late } of score.arrivals) {
    if (at < view.leftMs - DEADLINE_MS || at > rightMs) continue;
    pen.fillStyle = late > DEADLINE_MS ? colors.bad : colors.soft;
    const high = Math.max(1.5, Math.min(1, late / DEADLINE_MS) * full);
    pen.fillRect(x(at) + 1, bottom - high, width, high);
  }
}

/** @param {On} on */
function labels({ pen, view, colors, lanes }) {
  const edge = view.small ? 10 : 24;
  const told = [["you", lanes.user.top + 12, colors.user], ["model", lanes.model.top + lanes.model.height - 12, colors.model], ["0 to 200 ms late", lanes.arrivals.top + 11, colors.soft]];
  pen.font = `600 11px ${FONT}`;
  pen.textBaseline = "middle";
  for (const [text, y, color] of /** @type {[string, number, string][]} */ (told)) {
    const width = pen.measureText(text).width;
    pen.globalAlpha = 0.88;
    pen.fillStyle = colors.card;
    pill(pen, edge - 5, y - 9, width + 10, 18, 5);
    pen.globalAlpha = 1;
    pen.fillStyle = color;
    pen.fillText(text, edge, y + 0.5);
  }
}

/** @param {On} on */
function head({ pen, view, colors, lanes, x }) {
  const at = x(view.nowMs);
  if (at < -1 || at > view.width + 1) return;
  pen.fillStyle = colors.head;
  pen.fillRect(Math.round(at) - 1, RULER - 4, 2, lanes.height);
  pen.font = `600 11px ${FONT}`;
  const text = `${(Math.max(0, view.nowMs) / 1000).toFixed(1)} s`;
  const width = pen.measureText(text).width + 12;
  const left = Math.max(2, Math.min(view.width - width - 2, at - width / 2));
  pill(pen, left, 3, width, 19, 6);
  pen.fillStyle = colors.card;
  pen.fillText(text, left + 6, 13);
}

/** @param {CanvasRenderingContext2D} pen @param {number} x @param {number} y @param {number} width @param {number} height @param {number} [round] */
function pill(pen, x, y, width, height, round = height / 2) {
  if (width <= 0) return;
  pen.beginPath();
  pen.roundRect(x, y, width, height, Math.min(round, width / 2));
  pen.fill();
}

/** @param {CanvasRenderingContext2D} pen @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function line(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}
