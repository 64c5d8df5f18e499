// What a session gave out last, before somebody looked.

import { api, at } from "../core/api.js";

const KEPT_MS = 500; // so long one answer does for all its outputs
const asked = new Map(); // by session: {time, answer}

function outputs(session) {
  const known = asked.get(session);
  if (known && performance.now() - known.time < KEPT_MS) return known.answer;
  const answer = api("GET", at`/api/sessions/${session}/outputs`).then((told) => told.outputs, () => ({}));
  asked.set(session, { time: performance.now(), answer });
  return answer;
}

// As a frame; null if there is none, or the model is too busy to say.
export const lastValue = async (session, port) => (await outputs(session))[port] ?? null;

// The same of a picture, which comes as a data URI.
export async function lastPicture(session, port) {
  const value = (await lastValue(session, port))?.value;
  if (typeof value !== "string" || !value.startsWith("data:")) return null;
  return { bytes: Uint8Array.from(atob(value.slice(value.indexOf(",") + 1)), (letter) => letter.charCodeAt(0)), meta: {} };
}
