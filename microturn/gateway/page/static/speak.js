// @ts-check
// The "speak for me" panel: a typed sentence becomes sound on the user's side. Who speaks is the server's synthesizer.

import { byId, element } from "./dom.js";

const PAUSE = "\n"; // in an example: what follows is said after a pause
const PAUSE_MS = 900;
/** What the shipped model has learnt, a name and what to say. @type {[string, string][]} */
const EXAMPLES = [
  ["a question", "what is three plus four"],
  ["another", "which day comes after monday"],
  ["counting in a story", "please count the animals in my story\none day my uncle saw a dog near the river\nand then a cat and a horse came to the farm\nthen we met a sheep"],
  ["a reminder", "in five seconds remind me to drink"],
  ["converting prices", "one euro is two dollars, tell me every price in dollars\nthen my aunt paid three euros for the bread\nmy uncle spent four euros on the coffee"],
  ["after me", "repeat these words, fish apple house"],
  ["a word on the beat", "please say apple every three seconds until i say stop"],
  ["a long answer to break into", "please tell me the story about a king"],
  ["stop", "stop please"],
];

export class SpeakForMe {
  /** @param {{headers: () => Record<string, string>, begin: () => Promise<import("./speakers.js").Sounds>, aloud: () => boolean}} needs
   * headers: of a request; begin: gives the sounds of a running conversation; aloud: whether the visitor shall hear it */
  constructor(needs) {
    this.needs = needs;
    this.note = byId("speak-note");
    this.said = 0;
    byId("speak").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.say(byId("sentence").value);
    });
    byId("sentence").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      byId("speak").requestSubmit();
    });
    byId("examples").append(...EXAMPLES.map(([name, text]) => this.example(name, text)));
    this.voices();
  }

  /** @param {string} name @param {string} text */
  example(name, text) {
    const button = element("button", { type: "button" }, element("b", {}, name), text.split(PAUSE)[0] + (text.includes(PAUSE) ? " …" : ""));
    button.addEventListener("click", () => this.say(text));
    return element("li", {}, button);
  }

  async voices() {
    const select = byId("voice");
    try {
      const answer = await fetch("/v1/speak", { headers: this.needs.headers() });
      const { voices, longest_text, trouble } = await answer.json();
      if (!answer.ok) return;
      select.replaceChildren(...voices.map((/** @type {any} */ one) => element("option", { value: one.id }, one.name)));
      byId("sentence").maxLength = longest_text;
      byId("say").disabled = select.disabled = voices.length === 0;
      for (const button of byId("examples").querySelectorAll("button")) button.disabled = voices.length === 0;
      this.note.textContent = trouble;
    } catch {
      this.note.textContent = "The server cannot be reached.";
    }
  }

  /** Say it, line by line; a new one begins after the one that is being said. @param {string} text */
  async say(text) {
    const mine = ++this.said;
    try {
      for (const line of text.split(PAUSE).map((one) => one.trim()).filter(Boolean)) {
        const wav = await this.sound(line);
        const sounds = await this.needs.begin();
        if (mine !== this.said) return;
        await sounds.speak(wav, this.needs.aloud());
        if (text.includes(PAUSE)) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        if (mine !== this.said) return;
      }
    } catch (error) {
      this.note.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  /** @param {string} text @returns {Promise<ArrayBuffer>} */
  async sound(text) {
    const body = JSON.stringify({ text, voice: byId("voice").value });
    const answer = await fetch("/v1/speak", { method: "POST", body, headers: { "content-type": "application/json", ...this.needs.headers() } });
    if (!answer.ok) throw new Error((await answer.json()).error?.message ?? `The server answered ${answer.status}.`);
    const unknown = answer.headers.get("microturn-unknown-words");
    this.note.textContent = unknown ? `Said. These words are not in the model's world: ${unknown}.` : "";
    return answer.arrayBuffer();
  }
}
