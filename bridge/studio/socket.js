// The one WebSocket of the page, which carries every picture: a browser holds only six connections to a server.
// It comes back by itself, and what was followed is followed again.

import { address, mistake } from "./base.js";

const HEADER = 24;
const AGAIN_MS = 1000;
const calls = new Map(); // by id: what was asked and has not ended
let socket = connect();
let lastId = 0;

function connect() {
  const made = new WebSocket(address("/api/ws"));
  made.binaryType = "arraybuffer";
  made.onopen = () => calls.forEach((call) => made.send(JSON.stringify(call.message)));
  made.onmessage = ({ data }) => (typeof data === "string" ? heard(JSON.parse(data)) : heardBytes(data));
  made.onclose = () => {
    for (const call of [...calls.values()]) if (!call.lasting) end(call, { code: "connection_lost", message: "the bridge is gone" });
    setTimeout(() => { socket = connect(); }, AGAIN_MS);
  };
  return made;
}

function heard({ type, id, ...message }) {
  const call = calls.get(id);
  if (!call) return;
  if (type === "error") end(call, message.error);
  else if (type === "frame" || type === "output") call.heard?.(message);
  else if (type === "done" || (type === "reply" && !call.lasting)) end(call, null, message.value ?? message.outputs);
}

// docs/protocol.md, Binary messages.
function heardBytes(data) {
  const view = new DataView(data);
  const id = view.getUint32(4, true);
  const begin = HEADER + view.getUint32(20, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, HEADER, begin - HEADER)));
  const n = view.getUint32(8, true);
  if (view.getUint8(3) === 2) calls.get(id)?.heard?.({ ...head, n, bytes: new Uint8Array(data, begin) });
  else heard({ ...head, bytes: new Uint8Array(data, begin, head.blobs[0].length) });
}

function begin(message, heard, lasting) {
  const id = (lastId += 1);
  const call = { id, message: { ...message, id }, heard, lasting };
  call.ended = new Promise((resolve, reject) => Object.assign(call, { resolve, reject }));
  calls.set(id, call);
  say(call.message);
  return call;
}

function end(call, error, value) {
  calls.delete(call.id);
  if (error) call.reject(mistake(error));
  else call.resolve(value);
}

function say(message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// The reply to one question.
export const ask = (message) => begin(message, null, false).ended;

// Follows an output; `show` is given each frame, and the next but one comes when it is done with it. `lost` is called
// when it ends of itself, because the session was closed.
export function follow(session, port, options, show, lost) {
  const message = { type: "subscribe", session, port, ...(options.policy === "all" ? {} : { window: 2 }), ...options };
  const call = begin(message, async (frame) => {
    await show(frame);
    if (message.window && frame.n) say({ type: "ack", id: call.id, n: frame.n });
  }, true);
  call.ended.catch(lost);
  return () => {
    say({ type: "unsubscribe", id: call.id });
    calls.delete(call.id);
  };
}

// The tiles of a session's grid, one after the other; `cancel` ends it.
export function tiles(session, width, show) {
  const call = begin({ type: "grid", session, width }, show, false);
  return { ended: call.ended, cancel: () => say({ type: "cancel", id: call.id }) };
}
