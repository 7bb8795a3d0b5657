// @ts-check
// Puts the page together: who is shown on the axis, what the buttons do, what goes on after a reload.

import { Camera } from "./camera.js";
import { deviceTrouble, listDevices, microphoneWanted } from "./devices.js";
import { byId, element } from "./dom.js";
import { keepKey, keptKey, keptScore, keptTicket } from "./memory.js";
import { Replay } from "./replay.js";
import { Score } from "./score.js";
import { Shown } from "./shown.js";
import { SpeakForMe } from "./speak.js";
import { Sounds } from "./speakers.js";
import { Talk } from "./talk.js";
import { Timeline } from "./timeline.js";
import { Transcript } from "./transcript.js";

class Page {
  constructor() {
    this.timeline = new Timeline(byId("axis"));
    this.transcript = new Transcript();
    this.cards = new Shown();
    /** @type {Sounds | null} */ this.sounds = null;
    /** @type {Talk | null} */ this.talk = null;
    /** @type {MediaStream | null} */ this.microphone = null;
    this.silence = () => {};
    this.loudest = 0;
    this.camera = new Camera((jpeg) => this.talk?.see(jpeg), (thumb) => this.talk?.score.picture(this.talk.now(), thumb));
    const headers = () => this.headers();
    byId("key").value = keptKey();
    this.replay = new Replay(headers);
    this.speak = new SpeakForMe({ headers, begin: () => this.running(), aloud: () => !this.microphone });
    this.timeline.show(new Score(), () => 0, true);
    this.wire();
    this.goOn();
  }

  /** Of every request: the access key, where one was typed. @returns {Record<string, string>} */
  headers() {
    const key = byId("key").value;
    return key ? { authorization: `Bearer ${key}` } : {};
  }

  wire() {
    const on = (/** @type {string} */ id, /** @type {() => unknown} */ act) => byId(id).addEventListener("click", act);
    on("start", () => this.start(true));
    on("quiet", () => this.start(false));
    on("end", () => this.talk?.connection.end());
    on("microphone", () => (this.microphone ? this.mute() : this.listen()));
    on("camera", () => (this.camera.stream ? this.blind() : this.look()));
    on("now", () => this.timeline.setFollow(true));
    on("in", () => this.timeline.zoom(1));
    on("out", () => this.timeline.zoom(-1));
    for (const id of ["audio-device", "echo", "noise", "gain"]) byId(id).addEventListener("change", () => this.microphone && this.listen());
    byId("video-device").addEventListener("change", () => this.camera.stream && this.look());
    byId("key").addEventListener("change", () => {
      keepKey(byId("key").value);
      this.speak.voices();
      this.replay.list();
    });
    this.timeline.addEventListener("follow", () => (byId("now").hidden = this.timeline.follow));
    this.timeline.addEventListener("seek", (event) => this.replay.score && this.replay.seek(/** @type {CustomEvent} */ (event).detail));
    this.replay.addEventListener("open", () => this.shown());
    this.replay.addEventListener("close", () => this.shown());
    addEventListener("pagehide", () => this.talk?.leave());
    navigator.mediaDevices?.addEventListener("devicechange", () => listDevices());
    setInterval(() => this.figures(), 250);
    this.replay.list();
    listDevices();
  }

  /** After a reload: back into the conversation that was going on in this window. */
  async goOn() {
    const ticket = keptTicket();
    if (!ticket) return this.told();
    const kept = keptScore();
    const talk = await this.begin(kept ? Score.of(kept) : new Score());
    talk.score.breakOff();
    talk.connection.resume(ticket);
    if (this.sounds && !this.sounds.running) this.trouble("The conversation goes on. Browsers play no sound before you click or press a key.");
  }

  /** @param {boolean} withMicrophone */
  async start(withMicrophone) {
    this.trouble("");
    const talk = await this.begin(new Score());
    talk.start(await this.model(), byId("record").checked, byId("echo").checked);
    if (withMicrophone) await this.listen();
  }

  /** The name of the model that the server has. */
  async model() {
    const answer = await fetch("/v1/models", { headers: this.headers() });
    return answer.ok ? (await answer.json()).data[0].id : "microturn";
  }

  /** A talk on fresh sound; not connected yet. @param {Score} score */
  async begin(score) {
    if (this.replay.score) this.replay.close();
    this.sounds ??= new Sounds((frame) => this.heard(frame), () => {});
    this.sounds.context.resume();
    await this.sounds.ready;
    const talk = new Talk(this.sounds, byId("key").value, score);
    this.talk = talk;
    talk.addEventListener("state", () => this.told());
    talk.addEventListener("words", (event) => {
      const { type, error } = /** @type {CustomEvent} */ (event).detail;
      if (type === "error") this.trouble(error?.message ?? "The server reports an error.");
      else if (!this.replay.score) this.transcript.show(talk.score, true);
    });
    this.transcript.clear();
    this.shown();
    return talk;
  }

  /** The sounds of a conversation that runs; begins one without a microphone if there is none. */
  async running() {
    if (!this.talk || this.talk.connection.state === "over") await this.start(false);
    const talk = /** @type {Talk} */ (this.talk);
    for (let waited = 0; talk.beganAt === null && waited < 100; waited++) await new Promise((resolve) => setTimeout(resolve, 100));
    if (talk.beganAt === null) throw new Error(talk.connection.trouble || "The conversation did not begin.");
    return /** @type {Sounds} */ (this.sounds);
  }

  /** @param {Int16Array} frame */
  heard(frame) {
    for (const value of frame) this.loudest = Math.max(this.loudest, Math.abs(value) / 32_768);
    this.talk?.hear(frame);
  }

  async listen() {
    this.mute();
    try {
      this.microphone = await navigator.mediaDevices.getUserMedia({ audio: microphoneWanted() });
      this.silence = /** @type {Sounds} */ (this.sounds).listen(this.microphone);
    } catch (error) {
      this.trouble(deviceTrouble(error, "microphone"));
    }
    listDevices();
    this.told();
  }

  mute() {
    this.silence();
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.microphone = null;
    this.silence = () => {};
    this.told();
  }

  async look() {
    this.blind();
    try {
      await this.camera.start(byId("video-device").value);
    } catch (error) {
      this.trouble(deviceTrouble(error, "camera"));
    }
    listDevices();
    this.told();
  }

  blind() {
    this.camera.stop();
    this.told();
  }

  /** Which score is on the axis: the recording while one is open, else the talk. */
  shown() {
    const { replay, talk } = this;
    if (replay.score) this.timeline.show(replay.score, () => replay.now(), false);
    else this.timeline.show(talk?.score ?? new Score(), () => talk?.head() ?? 0, true);
    this.transcript.clear();
    this.transcript.show(replay.score ?? talk?.score ?? new Score(), false);
    this.cards.show(replay.score ?? talk?.score ?? new Score());
    this.told();
  }

  /** The state in words, and the buttons that fit it. */
  told() {
    const { talk } = this;
    const state = talk?.connection.state ?? "over";
    const on = state !== "over";
    const words = { opening: "Connecting …", live: "In conversation", broken: "Connection lost, coming back …", over: talk ? "Ended" : "Ready" };
    const shown = this.replay.score ? "Replaying a recording" : words[state];
    const node = byId("state");
    if (node.textContent !== shown) node.textContent = shown;
    node.dataset.state = { opening: "waiting", live: "live", broken: "waiting", over: talk?.connection.trouble ? "failed" : "" }[state];
    byId("start").hidden = byId("quiet").hidden = on;
    byId("end").hidden = byId("microphone").hidden = byId("level").hidden = !on;
    byId("record").disabled = on;
    byId("microphone").setAttribute("aria-pressed", String(Boolean(this.microphone)));
    byId("camera").setAttribute("aria-pressed", String(Boolean(this.camera.stream)));
    if (talk && !on) this.ended(talk);
  }

  /** @param {Talk} talk */
  ended(talk) {
    if (this.microphone) return this.mute(); // tells again
    if (this.camera.stream) return this.blind();
    if (talk.connection.trouble) this.trouble(talk.connection.trouble);
    this.sounds?.flush();
    this.replay.list();
  }

  /** @param {string} text "" for none */
  trouble(text) {
    byId("trouble").textContent = text;
    byId("trouble").hidden = !text;
  }

  figures() {
    const { talk, sounds } = this;
    byId("level").value = Math.sqrt(this.loudest);
    this.loudest = 0;
    if (!talk || this.replay.score) return byId("figures").replaceChildren();
    const { underruns = 0, waitsMs = 0 } = sounds?.report ?? {};
    const late = talk.score.arrivals.slice(-25).map((one) => one.late).sort((a, b) => a - b);
    const figures = [["model", talk.model], ["buffered", `${Math.round(waitsMs)} ms`], ["ran dry", `${underruns}×`], ["ticks late by", late.length ? `${Math.round(late[late.length >> 1])} ms` : "–"]];
    const rows = figures.filter(([, value]) => value).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", name === "ran dry" && underruns ? { class: "alarm" } : {}, value)));
    byId("figures").replaceChildren(...rows);
    if (sounds?.running && byId("trouble").textContent.startsWith("The conversation goes on.")) this.trouble("");
    this.transcript.show(talk.score, talk.connection.state === "live");
    this.cards.show(talk.score);
  }
}

// For the console, and for tests: what is on the axis and how it sounds.
Object.assign(globalThis, { microturn: new Page() });
