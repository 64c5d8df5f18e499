// What a port gave out last, before somebody looked.

import { address, api, at } from "../core/api.js";
import { sessions } from "../core/sessions.js";

// Whether there is one; asking where there is none would be told as a mistake.
const gave = (session) => { const stats = sessions.get().all[session]?.stats; return stats && stats.runs > stats.failed + stats.cancelled; };

// As a frame; null if there is none, or the model is too busy to say.
export async function lastValue(session, port) {
  return gave(session) ? api("GET", at`/api/sessions/${session}/outputs/${port}`).catch(() => null) : null;
}

export async function lastPicture(session, port) {
  if (!gave(session)) return null;
  const answer = await fetch(address(`${at`/api/sessions/${session}/outputs/${port}`}.jpg?quality=92`)).catch(() => null);
  return answer?.ok ? { bytes: new Uint8Array(await answer.arrayBuffer()), meta: JSON.parse(answer.headers.get("Bridge-Meta") ?? "{}") } : null;
}
