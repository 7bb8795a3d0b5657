// @ts-check
// The transcript as a list for eyes and screen readers. Only whole phrases of the model are announced, one at a time.

import { byId, clock, element } from "./dom.js";

const PAUSE_MS = 1_000;
const NAMES = { user: "You", model: "Model" };

export class Transcript {
  constructor() {
    this.list = byId("words");
    this.live = byId("spoken");
    this.announced = -1;
  }

  /** @param {import("./score.js").Score} score @param {boolean} announce whether it is live */
  show(score, announce) {
    const phrases = score.phrases(PAUSE_MS);
    byId("no-words").hidden = phrases.length > 0;
    const low = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    phrases.forEach((phrase, index) => this.row(index, phrase));
    while (this.list.children.length > phrases.length) this.list.lastChild.remove();
    if (low) this.list.scrollTop = this.list.scrollHeight;
    if (announce) this.announce(phrases.filter((phrase) => phrase.side === "model" && score.endMs - phrase.to > PAUSE_MS));
  }

  /** Begin anew. */
  clear() {
    this.announced = -1;
    this.list.replaceChildren();
  }

  /** @param {number} index @param {import("./score.js").Words & {side: "user" | "model"}} phrase */
  row(index, { side, from, text }) {
    const key = `${side} ${from}`;
    let row = this.list.children[index];
    if (row?.dataset.key !== key) {
      const fresh = element("li", { class: side, "data-key": key }, element("span", { class: "time" }, clock(from)), element("b", {}, NAMES[side]), element("span", { class: "text" }));
      if (row) row.replaceWith(fresh);
      else this.list.append(fresh);
      row = fresh;
    }
    const words = row.lastChild;
    if (words.textContent !== text) words.textContent = text;
  }

  /** @param {import("./score.js").Words[]} whole */
  announce(whole) {
    const next = whole.filter((phrase) => phrase.from > this.announced);
    if (!next.length) return;
    this.announced = next[next.length - 1].from;
    this.live.textContent = `Model: ${next.map((phrase) => phrase.text).join(". ")}`;
  }
}
