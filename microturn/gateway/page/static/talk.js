// @ts-check
// A live conversation: sound, camera and connection on one clock, all of it written into a score.

import { Connection } from "./connection.js";
import { keepScore, keepTicket } from "./memory.js";
import { Playback } from "./playback.js";
import { Score } from "./score.js";
import { FRAME_MS, RATE_HZ, decoded, encoded } from "./sound.js";

const TICK_MS = 200;
const AHEAD_MS = 1_000;
const QUIET_FRAMES = 50; // after a second of exact zeros nothing is sent, but a frame now and then
const ALIVE_FRAMES = 250;
const PICTURES_WAITING = 5;

/** Tells "state" when its connection does, "words" when something was heard or said. */
export class Talk extends EventTarget {
  /** @param {import("./speakers.js").Sounds} sounds @param {string} key @param {Score} [score] what was before, where it goes on */
  constructor(sounds, key, score = new Score()) {
    super();
    this.sounds = sounds;
    this.score = score;
    this.connection = new Connection(key);
    this.connection.addEventListener("event", (event) => this.take(/** @type {CustomEvent} */ (event).detail));
    this.connection.addEventListener("state", () => this.changed());
    this.playback = new Playback((item_id, played_ms) => this.connection.send({ type: "playback.ack", item_id, played_ms }));
    sounds.onReport = ({ played }) => this.playback.played(played);
    /** @type {number | null} */ this.beganAt = null; // when its clock was 0, on performance.now()
    this.nextMs = 0; // where the user's next frame lies
    this.quiet = 0;
    /** @type {{jpeg: string, t_ms: number}[]} */ this.pictures = [];
    this.model = "";
    this.toldMs = score.endMs;
    this.caughtUpMs = 0; // what sounds before was missed: it is told again at once, drawn, and not played
  }

  /** @param {string} model @param {boolean} record @param {boolean} echoCancellation told, so that a recording shows it */
  start(model, record, echoCancellation) {
    const client = { echo_cancellation: echoCancellation };
    const delegation = { type: "responses" }; // the server's agent works, not this page
    this.connection.start({ model, audio: { format: { type: "audio/pcm", rate: RATE_HZ } }, store: record, client, delegation });
  }

  /** Where its clock is, in ms. */
  now() {
    return this.beganAt === null ? this.score.endMs : performance.now() - this.beganAt;
  }

  /** Where the axis' head stands: now, but never far beyond what the server has told. */
  head() {
    return Math.min(this.now(), this.toldMs + AHEAD_MS);
  }

  /** 20 ms of the user. @param {Int16Array} samples */
  hear(samples) {
    if (this.connection.state !== "live" || this.beganAt === null) return;
    const at = this.now() - FRAME_MS;
    // Frames follow each other without gaps; only after a real jump are they laid anew.
    if (Math.abs(at - this.nextMs) > 120) this.nextMs = Math.max(0, at);
    this.score.user.put(this.nextMs, samples, RATE_HZ);
    this.nextMs += FRAME_MS;
    this.quiet = samples.some((value) => value !== 0) ? 0 : this.quiet + 1;
    if (this.quiet < QUIET_FRAMES || this.quiet % ALIVE_FRAMES === 0 || this.pictures.length) this.connection.sound(encoded(samples), this.pictures.splice(0));
  }

  /** A camera picture. @param {string} jpeg base64 */
  see(jpeg) {
    if (!this.connection.pictures || this.beganAt === null) return;
    this.pictures.push({ jpeg, t_ms: Math.round(this.now()) });
    if (this.pictures.length > PICTURES_WAITING) this.pictures.shift();
  }

  /** @param {any} event */
  take(event) {
    if (event.type === "session.output_audio.delta") return this.sound(event);
    if (event.session?.model) this.model = event.session.model;
    if (event.type === "session.resumed") this.caughtUpMs = event.at_ms;
    if (event.type === "info" && event.code === "tick") this.clock(event.server_ms);
    this.score.take(event);
    if (event.type.endsWith("transcript.delta") || event.type === "error") this.dispatchEvent(new CustomEvent("words", { detail: event }));
  }

  /** @param {any} event */
  sound({ delta, start_ms: at, item_id: item }) {
    const samples = decoded(delta);
    this.score.sound("model", at, samples, RATE_HZ);
    this.toldMs = at;
    if (at < this.caughtUpMs) return;
    const gap = this.score.gaps.at(-1);
    if (gap && gap.to === null) gap.to = at;
    // A tick's sound comes at once: its first frame in time, the others early.
    if (at % TICK_MS === 0) this.score.arrived(at, this.clock(at));
    const from = this.sounds.given;
    this.sounds.play(samples);
    this.playback.given(item, from, this.sounds.given);
  }

  /** The server's clock showed `atMs` when it told this; how much later than the quickest news that was, in ms.
   * @param {number} atMs */
  clock(atMs) {
    const began = performance.now() - atMs;
    if (this.beganAt === null || began < this.beganAt) this.beganAt = began;
    return began - this.beganAt;
  }

  changed() {
    const { connection, score } = this;
    if (connection.state === "broken") {
      score.breakOff();
      this.sounds.flush();
      this.playback.cut();
    }
    keepTicket(connection.state === "over" ? null : connection.ticket);
    if (connection.state === "over") keepScore(null);
    this.dispatchEvent(new Event("state"));
  }

  /** The window closes or is loaded again: remember the way back. */
  leave() {
    if (this.connection.state === "over" || !this.connection.ticket) return;
    keepTicket(this.connection.ticket);
    this.score.breakOff();
    keepScore(this.score.snapshot());
  }
}
