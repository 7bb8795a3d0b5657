// @ts-check
// What the agent shows beside the conversation: cards, tables, small charts. It comes from strangers: every text becomes
// a text node, never markup, and all that is counted has an end.

import { byId, clock, element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const KEPT = 12;
const LINES = 12, COLUMNS = 8, ROWS = 50, POINTS = 60, CHARACTERS = 280;
const WIDE = 320, HIGH = 120, LARGEST = 1e15;

/** @param {unknown} value */
const text = (value) => (typeof value === "string" || typeof value === "number" ? String(value).slice(0, CHARACTERS) : "");
/** @param {unknown} value @param {number} most @returns {unknown[]} */
const list = (value, most) => (Array.isArray(value) ? value.slice(0, most) : []);

export class Shown {
  constructor() {
    this.drawn = "";
  }

  /** All that this score holds, the newest first. @param {import("./score.js").Score} score */
  show(score) {
    const key = `${score.shown.length} ${score.shown.at(-1)?.at}`;
    if (key === this.drawn) return;
    this.drawn = key;
    byId("shown").hidden = !score.shown.length;
    byId("cards").replaceChildren(...score.shown.slice(-KEPT).reverse().map(({ at, shown }) => element("li", { class: "shown" }, element("span", { class: "time" }, clock(at)), drawnOf(shown))));
  }
}

/** One thing as elements; what is none of the three kinds is a card without lines. @param {any} shown @returns {HTMLElement} */
export function drawnOf(shown) {
  const title = element("h3", {}, text(shown?.title));
  if (shown?.kind === "table") return element("figure", {}, title, tableOf(shown));
  if (shown?.kind === "chart") return element("figure", {}, title, chartOf(shown));
  return element("figure", {}, title, element("ul", {}, ...list(shown?.lines, LINES).map((line) => element("li", {}, text(line)))));
}

/** @param {any} shown */
function tableOf(shown) {
  const cells = (/** @type {unknown} */ row, /** @type {string} */ tag) => element("tr", {}, ...list(row, COLUMNS).map((cell) => element(tag, tag === "th" ? { scope: "col" } : {}, text(cell))));
  return element("table", {}, element("thead", {}, cells(shown.columns, "th")), element("tbody", {}, ...list(shown.rows, ROWS).map((row) => cells(row, "td"))));
}

/** Bars or a line over the labels; for who cannot see them the values are written in its name. @param {any} shown */
function chartOf(shown) {
  const values = list(shown.values, POINTS).map(Number).map((value) => (Math.abs(value) <= LARGEST ? value : 0));
  const labels = list(shown.labels, POINTS).map(text);
  const top = Math.max(0, ...values), bottom = Math.min(0, ...values);
  const y = (/** @type {number} */ value) => ((top - value) / (top - bottom || 1)) * HIGH;
  const step = WIDE / (values.length || 1);
  const told = values.map((value, i) => `${labels[i] ?? ""}: ${value} ${text(shown.unit)}`.trim()).join("; ");
  const svg = node("svg", { viewBox: `0 0 ${WIDE} ${HIGH + 18}`, role: "img", "aria-label": told });
  if (shown.form === "line") svg.append(node("polyline", { class: "line", points: values.map((value, i) => `${(i + 0.5) * step},${y(value)}`).join(" ") }));
  else values.forEach((value, i) => svg.append(node("rect", { class: "bar", x: i * step + step * 0.15, width: step * 0.7, y: Math.min(y(value), y(0)), height: Math.abs(y(value) - y(0)) })));
  // Where there is no room for all labels, the first and the last stand for them.
  labels.forEach((label, i) => {
    if (labels.length > 8 && i > 0 && i < labels.length - 1) return;
    const word = node("text", { x: (i + 0.5) * step, y: HIGH + 14, "text-anchor": "middle" });
    word.textContent = label.slice(0, 12);
    svg.append(word);
  });
  return svg;
}

/** @param {string} tag @param {Record<string, string | number>} attributes */
function node(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}
