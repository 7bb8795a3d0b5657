// @ts-check
// What survives a reload of this window: the way back into the session, what was on the axis, the access key.

const TICKET = "microturn.ticket";
const SCORE = "microturn.score";
const KEY = "microturn.key";

/** @param {import("./connection.js").Ticket | null} ticket */
export function keepTicket(ticket) {
  keep(TICKET, ticket?.token ? ticket : null);
}

/** @returns {import("./connection.js").Ticket | null} */
export const keptTicket = () => kept(TICKET);

/** @param {unknown} snapshot */
export const keepScore = (snapshot) => keep(SCORE, snapshot);

/** @returns {any} */
export const keptScore = () => kept(SCORE);

/** @param {string} key */
export const keepKey = (key) => keep(KEY, key || null);

/** @returns {string} */
export const keptKey = () => kept(KEY) ?? "";

/** @param {string} name @param {unknown} value */
function keep(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Full or forbidden: a reload begins anew then, nothing else is lost.
  }
}

/** @param {string} name @returns {any} */
function kept(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}
