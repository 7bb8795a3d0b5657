// @ts-check
// Recorded conversations: their list, and one of them on the same axis with its sound.

import { byId, clock, element, shape } from "./dom.js";
import { Score } from "./score.js";
import { RATE_HZ, toInt16 } from "./sound.js";

const AGAIN = 5;

/** Tells "open" and "close". */
export class Replay extends EventTarget {
  /** @param {() => Record<string, string>} headers of a request */
  constructor(headers) {
    super();
    this.headers = headers;
    this.audio = new Audio();
    /** @type {Score | null} */ this.score = null;
    /** @type {number | undefined} */ this.later = undefined;
    byId("refresh").addEventListener("click", () => this.list());
    byId("play").addEventListener("click", () => (this.audio.paused ? this.audio.play() : this.audio.pause()));
    byId("seek").addEventListener("input", () => this.seek(Number(byId("seek").value) * 1000));
    byId("leave").addEventListener("click", () => this.close());
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.button());
    for (const name of ["timeupdate", "seeked"]) this.audio.addEventListener(name, () => this.position());
    this.button();
  }

  /** Where its head is, in ms. */
  now() {
    return this.audio.currentTime * 1000;
  }

  /** @param {number} ms */
  seek(ms) {
    this.audio.currentTime = Math.max(0, Math.min(ms, this.score?.endMs ?? 0)) / 1000;
    this.position();
  }

  /** Show what is kept on the server; what still grows is asked for again a few times. */
  async list(again = AGAIN) {
    const note = byId("recordings-note");
    try {
      const answer = await fetch("/v1/recordings", { headers: this.headers() });
      if (answer.status === 404) return (note.textContent = "This server keeps no recordings.");
      const body = await answer.json();
      if (!answer.ok) return (note.textContent = body.error?.message ?? `The server answered ${answer.status}.`);
      const rows = body.data.map((/** @type {any} */ one) => this.row(one));
      byId("recordings").replaceChildren(...rows);
      clearTimeout(this.later);
      if (again && body.data.some((/** @type {any} */ one) => one.live)) this.later = setTimeout(() => this.list(again - 1), 1_000);
      note.textContent = rows.length ? "" : "Nothing is kept yet. Conversations that are started with “Record” are.";
    } catch {
      note.textContent = "The server cannot be reached.";
    }
  }

  /** @param {any} one */
  row(one) {
    const when = new Date(one.created_at * 1000);
    const name = `Replay the conversation of ${when.toLocaleString()}`;
    const open = one.live ? element("span", { class: "note" }, "being recorded") : element("button", { type: "button", "aria-label": name }, "Replay");
    if (!one.live) open.addEventListener("click", () => this.open(one.id));
    return element("li", {}, open, element("span", {}, when.toLocaleString()), element("span", { class: "time" }, clock(one.duration_ms)), element("span", { class: "note" }, one.model ?? ""));
  }

  /** @param {string} id */
  async open(id) {
    const note = byId("recordings-note");
    note.textContent = "Loading …";
    try {
      const [about, sound] = await Promise.all([this.fetched(`/v1/recordings/${id}`), this.fetched(`/v1/recordings/${id}/audio`)]);
      const wav = await sound.arrayBuffer();
      const told = await about.json();
      this.score = await scoreOf(told, wav.slice(0));
      this.pictures(this.score, told.frames);
      this.audio.src = URL.createObjectURL(new Blob([wav], { type: "audio/wav" }));
      note.textContent = "";
    } catch (error) {
      note.textContent = error instanceof Error ? error.message : String(error);
      return;
    }
    byId("seek").max = String(this.score.endMs / 1000);
    byId("player").hidden = false;
    this.position();
    this.dispatchEvent(new Event("open"));
    scrollTo(0, 0);
    byId("play").focus({ preventScroll: true });
  }

  /** The camera's pictures, one a second, as they come. @param {Score} score @param {{at_ms: number, url: string}[]} frames */
  async pictures(score, frames) {
    let next = 0;
    for (const { at_ms: at, url } of frames) {
      if (at < next) continue;
      next = at + 1_000;
      const answer = await fetch(url, { headers: this.headers() });
      if (this.score !== score || !answer.ok) return;
      score.picture(at, await createImageBitmap(await answer.blob()));
    }
  }

  close() {
    this.audio.pause();
    URL.revokeObjectURL(this.audio.src);
    this.score = null;
    byId("player").hidden = true;
    this.dispatchEvent(new Event("close"));
  }

  /** @param {string} path */
  async fetched(path) {
    const answer = await fetch(path, { headers: this.headers() });
    if (!answer.ok) throw new Error((await answer.json()).error?.message ?? `The server answered ${answer.status}.`);
    return answer;
  }

  button() {
    const play = byId("play");
    play.replaceChildren(shape(this.audio.paused ? "play" : "pause"));
    play.setAttribute("aria-label", this.audio.paused ? "Play" : "Pause");
  }

  position() {
    const end = this.score?.endMs ?? 0;
    byId("seek").value = String(this.audio.currentTime);
    byId("seek").setAttribute("aria-valuetext", `${this.audio.currentTime.toFixed(1)} seconds`);
    byId("position").textContent = `${clock(this.now())} / ${clock(end)}`;
  }
}

/** What was recorded as a score: its events, how late its ticks were, and the levels of both channels.
 * @param {any} about @param {ArrayBuffer} wav */
async function scoreOf(about, wav) {
  const score = new Score();
  for (const event of about.events) score.take(event);
  for (const { tick, late_ms } of about.latency_ms) score.arrived((tick + 1) * about.tick_ms, late_ms);
  const sound = await new OfflineAudioContext(2, 1, RATE_HZ).decodeAudioData(wav);
  score.sound("user", 0, toInt16(sound.getChannelData(0)), RATE_HZ);
  score.sound("model", 0, toInt16(sound.getChannelData(sound.numberOfChannels - 1)), RATE_HZ);
  return score;
}
