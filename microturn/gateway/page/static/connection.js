// @ts-check
// One live session on the wire: GPT-Live over WebSocket with the native extensions. Comes back when the wire breaks.

const PATH = "/v1/live/sessions?ext=1";
const KEY_PROTOCOL = "openai-insecure-api-key.";
const PATIENCE_MS = 60_000; // so long it tries to come back
const MOST_WAITING = 256 * 1024; // bytes not sent yet; sound beyond that is late anyway

/** What is needed to come back. @typedef {{id: string, token: string, seq: number}} Ticket */

/** Tells "state" when `state` changes, "event" with each event of the server. */
export class Connection extends EventTarget {
  /** @param {string} key the server's access key, "" for none */
  constructor(key) {
    super();
    this.key = key;
    /** @type {"opening" | "live" | "broken" | "over"} */ this.state = "opening";
    /** @type {Ticket | null} */ this.ticket = null;
    this.trouble = "";
    this.pictures = false; // whether the server takes them
    this.brokenAt = 0;
    /** @type {WebSocket | null} */ this.socket = null;
  }

  /** Begin a session. @param {Record<string, unknown>} session */
  start(session) {
    this.open({ type: "session.start", session });
  }

  /** Go on with a session that was begun before. @param {Ticket} ticket */
  resume(ticket) {
    this.ticket = ticket;
    this.brokenAt ||= performance.now();
    const { id, token, seq } = ticket;
    this.open({ type: "session.resume", session_id: id, resume_token: token, last_received_server_event_seq: seq });
  }

  /** The user's sound, with pictures where the server takes them. @param {string} audio @param {{jpeg: string, t_ms: number}[]} pictures */
  sound(audio, pictures) {
    if (this.state !== "live" || (this.socket?.bufferedAmount ?? 0) > MOST_WAITING) return;
    this.send({ type: "session.input_audio.append", audio, ...(pictures.length ? { video_frames: pictures } : {}) });
  }

  /** @param {unknown} event */
  send(event) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(event));
  }

  /** End the session. */
  end() {
    this.send({ type: "session.close" });
    setTimeout(() => this.finish(""), 2_000);
  }

  /** @param {unknown} first */
  open(first) {
    const url = new URL(PATH, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, this.key ? ["realtime", KEY_PROTOCOL + this.key] : []);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify(first));
    socket.onmessage = ({ data }) => this.socket === socket && this.take(JSON.parse(data));
    socket.onclose = ({ code }) => this.socket === socket && this.closed(code);
  }

  /** @param {any} event */
  take(event) {
    if (this.ticket && event.server_event_seq) this.ticket.seq = event.server_event_seq;
    switch (event.type) {
      case "session.started":
      case "session.resumed":
        this.begun(event);
        break;
      case "session.closed":
      case "session.expired":
        this.dispatchEvent(new CustomEvent("event", { detail: event }));
        return this.finish(event.reason && event.reason !== "close_requested" ? `The server ended the conversation: ${event.reason}.` : "");
      case "session.replaced":
        return this.finish("The conversation goes on in another window.");
      case "error":
        this.trouble = event.error?.message ?? "The server reports an error.";
        if (this.state !== "live" && !/capacity|draining/.test(event.error?.code)) return this.finish(this.trouble);
        break;
    }
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
  }

  /** @param {any} event */
  begun(event) {
    const session = event.session ?? {};
    this.ticket = { id: session.id, token: event.resume_token ?? "", seq: event.server_event_seq ?? this.ticket?.seq ?? 0 };
    this.pictures = Boolean(event.resume_token); // a server of the extensions
    this.brokenAt = 0;
    this.trouble = "";
    this.become("live");
  }

  /** @param {number} code */
  closed(code) {
    if (this.state === "over") return;
    const now = performance.now();
    this.brokenAt ||= now;
    if (!this.ticket?.token) return this.finish(this.trouble || `The connection was closed (code ${code}).`);
    if (now - this.brokenAt > PATIENCE_MS) return this.finish("The connection broke and did not come back.");
    this.become("broken");
    const wait = Math.min(3_000, 200 + (now - this.brokenAt) / 2);
    setTimeout(() => this.state === "broken" && this.ticket && this.resume(this.ticket), wait);
  }

  /** @param {string} trouble */
  finish(trouble) {
    if (this.state === "over") return;
    this.trouble = trouble;
    this.become("over");
    this.socket?.close();
  }

  /** @param {Connection["state"]} state */
  become(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
