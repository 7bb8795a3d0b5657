// @ts-check
// Which microphone and camera, and how the browser treats the microphone's sound. Choices only; who uses them is in main.

import { byId, element } from "./dom.js";

/** Constraints of the microphone as chosen. Noise suppression and automatic gain rewrite the sound: off unless asked for.
 * @returns {MediaTrackConstraints} */
export function microphoneWanted() {
  const device = byId("audio-device").value;
  return {
    channelCount: 1, echoCancellation: byId("echo").checked, noiseSuppression: byId("noise").checked, autoGainControl: byId("gain").checked,
    ...(device ? { deviceId: { exact: device } } : {}),
  };
}

/** Fill the lists; browsers tell names only after a device was allowed. */
export async function listDevices() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  fill(byId("audio-device"), devices.filter((one) => one.kind === "audioinput"));
  fill(byId("video-device"), devices.filter((one) => one.kind === "videoinput"));
}

/** @param {HTMLSelectElement} select @param {MediaDeviceInfo[]} devices */
function fill(select, devices) {
  const { value } = select;
  const named = devices.filter((one) => one.deviceId && one.deviceId !== "default");
  select.replaceChildren(
    element("option", { value: "" }, "as the system chooses"),
    ...named.map((one, index) => element("option", { value: one.deviceId }, one.label || `device ${index + 1}`)),
  );
  select.value = value;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
}

/** Why a device did not start, for people. @param {unknown} error @param {string} device */
export function deviceTrouble(error, device) {
  if (!navigator.mediaDevices) return `Browsers give a page the ${device} only over https or on this machine (localhost).`;
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return `The browser does not let this page use the ${device}. Allow it beside the address, then try again.`;
  if (name === "NotFoundError") return `There is no ${device}. “Speak for me” needs none.`;
  return `The ${device} did not start: ${error instanceof Error ? error.message : error}`;
}
