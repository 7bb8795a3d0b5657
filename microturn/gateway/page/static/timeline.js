// @ts-check
// The axis on the page: follows the head, is dragged, scaled, and moved by keys. The same for live talk and recordings.

import { Drawing, colorsOf } from "./draw.js";
import { lanesOf } from "./lanes.js";

const SCALES = [6, 12, 25, 50, 80, 120, 180, 260]; // pixels a second
const HEAD = 0.86; // where the head stands while it is followed
const SMALL = 760;
const FRAME_MS = 30; // between two drawings at least: smooth for the eye, and half the work
const STILL_MS = 200; // for who wants no motion: once a tick

export class Timeline extends EventTarget {
  /** Tells "follow" when it begins or stops following, "seek" with a time when somebody points at one.
   * @param {HTMLElement} node */
  constructor(node) {
    super();
    this.node = node;
    this.canvas = /** @type {HTMLCanvasElement} */ (node.querySelector("canvas"));
    this.drawing = new Drawing(/** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d")));
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.scale = innerWidth < SMALL ? 4 : 5;
    this.leftMs = 0;
    this.follow = true;
    this.live = true;
    /** @type {() => number} */ this.head = () => 0;
    /** @type {import("./score.js").Score | null} */ this.score = null;
    this.drawn = "";
    this.drawnAt = 0;
    this.colors = colorsOf(node);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.restyle());
    new ResizeObserver(() => (this.drawn = "")).observe(node);
    this.listen();
    requestAnimationFrame(() => this.frame());
  }

  /** What is shown from now on. @param {import("./score.js").Score} score @param {() => number} head where its head is, in ms
   * @param {boolean} live */
  show(score, head, live) {
    Object.assign(this, { score, head, live, leftMs: 0, drawn: "" });
    this.drawing.forget();
    this.setFollow(true);
  }

  get pxPerS() {
    return SCALES[this.scale];
  }

  /** @param {number} steps more or fewer pixels a second, around the head or the middle */
  zoom(steps) {
    const anchorPx = this.follow ? this.node.clientWidth * HEAD : this.node.clientWidth / 2;
    const anchorMs = this.leftMs + (anchorPx * 1000) / this.pxPerS;
    this.scale = Math.max(0, Math.min(SCALES.length - 1, this.scale + steps));
    this.leftMs = anchorMs - (anchorPx * 1000) / this.pxPerS;
    this.drawn = "";
  }

  /** @param {number} ms */
  move(ms) {
    this.setFollow(false);
    const most = Math.max(0, (this.score?.endMs ?? 0) - (this.node.clientWidth * 500) / this.pxPerS);
    this.leftMs = Math.max(0, Math.min(most, this.leftMs + ms));
  }

  /** @param {boolean} follow */
  setFollow(follow) {
    if (follow === this.follow) return;
    this.follow = follow;
    this.dispatchEvent(new Event("follow"));
  }

  restyle() {
    this.colors = colorsOf(this.node);
    this.drawn = "";
  }

  frame() {
    const now = performance.now();
    if (this.score && (this.drawn === "" || now - this.drawnAt >= (this.still.matches ? STILL_MS : FRAME_MS))) {
      this.drawnAt = now;
      this.draw(this.score);
    }
    requestAnimationFrame(() => this.frame());
  }

  /** @param {import("./score.js").Score} score */
  draw(score) {
    const width = this.node.clientWidth;
    const nowMs = this.head();
    if (this.follow) this.leftMs = this.followed(nowMs, (width * 1000) / this.pxPerS);
    const asked = [score.version, score.pictures.length, width, this.pxPerS, Math.round(this.leftMs), Math.round(nowMs)].join();
    if (asked === this.drawn || width === 0) return;
    this.drawn = asked;
    const small = width < SMALL;
    const { height } = lanesOf(score, small);
    const dots = devicePixelRatio || 1;
    const { canvas } = this;
    if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) {
      canvas.width = Math.round(width * dots);
      canvas.height = Math.round(height * dots);
      canvas.style.height = `${height}px`;
    }
    this.drawing.pen.setTransform(dots, 0, 0, dots, 0, 0);
    this.drawing.draw(score, { leftMs: this.leftMs, pxPerS: this.pxPerS, width, nowMs, live: this.live, small }, this.colors);
  }

  /** The left edge while the head is followed. @param {number} nowMs @param {number} seenMs */
  followed(nowMs, seenMs) {
    if (!this.still.matches) return Math.max(0, nowMs - seenMs * HEAD);
    // Who wants no motion gets pages: the next one when the head leaves this one.
    if (nowMs >= this.leftMs && nowMs <= this.leftMs + seenMs * HEAD) return this.leftMs;
    return Math.max(0, nowMs - seenMs * 0.4);
  }

  listen() {
    const { node } = this;
    /** @type {{x: number, moved: boolean} | null} */ let drag = null;
    node.addEventListener("pointerdown", (event) => {
      drag = { x: event.clientX, moved: false };
      node.setPointerCapture(event.pointerId);
    });
    node.addEventListener("pointermove", (event) => {
      if (!drag || (!drag.moved && Math.abs(event.clientX - drag.x) < 5)) return;
      this.move(((drag.x - event.clientX) * 1000) / this.pxPerS);
      drag = { x: event.clientX, moved: true };
    });
    node.addEventListener("pointerup", (event) => {
      if (drag && !drag.moved) this.point(event.clientX - node.getBoundingClientRect().left);
      drag = null;
    });
    node.addEventListener("pointercancel", () => (drag = null));
    node.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    node.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {number} x */
  point(x) {
    const detail = this.leftMs + (x * 1000) / this.pxPerS;
    this.dispatchEvent(new CustomEvent("seek", { detail }));
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (event.ctrlKey) this.zoom(event.deltaY < 0 ? 1 : -1);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) this.move(((event.deltaX || event.deltaY) * 1000) / this.pxPerS);
    else return; // the page scrolls
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => this.move(-1_000), ArrowRight: () => this.move(1_000),
      PageUp: () => this.move(-10_000), PageDown: () => this.move(10_000),
      Home: () => this.move(-Infinity), End: () => this.setFollow(true),
      "+": () => this.zoom(1), "=": () => this.zoom(1), "-": () => this.zoom(-1),
    };
    if (!keys[event.key]) return;
    keys[event.key]();
    event.preventDefault();
  }
}
