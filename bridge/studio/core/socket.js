// The one WebSocket of the page, which carries everything: a browser holds only six connections to a server.
// It comes back by itself; what was followed is followed again. docs/protocol.md says what goes over it.

import { address, mistake } from "./api.js";
import { Store } from "./store.js";

const HEADER = 24;
const [AGAIN_MS, AGAIN_AT_MOST_MS] = [500, 4000];
const calls = new Map(); // by id: what was asked and has not ended
let pause = AGAIN_MS;
let lastId = 0;
let socket = null;

// "connecting" | "open" | "away" | "locked"
export const connection = new Store("connecting");

function connect() {
  const made = new WebSocket(address("/api/ws").replace(/^/, location.origin.replace("http", "ws")));
  made.binaryType = "arraybuffer";
  made.onopen = () => {
    pause = AGAIN_MS;
    for (const call of calls.values()) hand(made, call);
  };
  made.onmessage = ({ data }) => (typeof data === "string" ? heard(JSON.parse(data)) : heardBytes(data));
  made.onclose = ({ code }) => {
    connection.set(code === 1008 ? "locked" : "away");
    for (const call of [...calls.values()]) {
      call.sent = false;
      if (!call.lasting) end(call, { code: "connection_lost", message: "the bridge is gone" });
    }
    setTimeout(() => { socket = connect(); }, pause);
    pause = Math.min(pause * 1.5, AGAIN_AT_MOST_MS);
  };
  return made;
}

// Once, when the page begins. Who leaves it says so: nobody is left to be counted, or to work for.
export function begin() {
  if (socket) return;
  socket = connect();
  addEventListener("pagehide", () => { if (socket.readyState === WebSocket.OPEN) socket.close(); }); // else nobody is there yet
}

// Calls `work` each time the connection is back, so that what was missed is looked at; ends with what is given back.
export function returned(work) {
  let away = connection.get() !== "open" && connection.get() !== "connecting";
  return connection.listen((state) => {
    if (state === "open" && away) work();
    away = state !== "open";
  });
}

function heard({ type, id, ...message }) {
  if (type === "hello") {
    connection.set(message.locked ? "locked" : "open");
    return;
  }
  const call = calls.get(id);
  if (!call) return;
  if (type === "error") end(call, message.error);
  else if (type === "frame" || type === "output" || type === "event") call.heard?.(message);
  else if (type === "done" || (type === "reply" && !call.lasting)) end(call, null, call.whole ? message : message.value ?? message.outputs);
}

// docs/protocol.md, Binary messages.
function heardBytes(data) {
  const view = new DataView(data);
  const id = view.getUint32(4, true);
  const start = HEADER + view.getUint32(20, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, HEADER, start - HEADER)));
  const [n, drops, age_ms] = [view.getUint32(8, true), view.getUint32(12, true), view.getFloat32(16, true)];
  if (view.getUint8(3) === 2) calls.get(id)?.heard?.({ ...head, n, drops, age_ms, bytes: new Uint8Array(data, start) });
  else heard({ ...head, bytes: new Uint8Array(data, start, head.blobs[0].length) });
}

// A message with bytes behind it. `blobs`: {input: Uint8Array}, or {input: {bytes, format, meta}}.
function packed(message, blobs) {
  const parts = Object.entries(blobs).map(([port, blob]) => ({ port, ...(blob.bytes ? blob : { bytes: blob }) }));
  const told = parts.map(({ port, bytes, format, meta }) => ({ port, length: bytes.length, ...(format ? { format } : {}), ...(meta ? { meta } : {}) }));
  const head = new TextEncoder().encode(JSON.stringify({ ...message, blobs: told }));
  const room = (length) => Math.ceil(length / 4) * 4;
  const begins = [];
  let end = HEADER + room(head.length);
  for (const { bytes } of parts) { begins.push(room(end)); end = room(end) + bytes.length; } // nothing behind the last one
  const whole = new Uint8Array(end);
  whole.set([0x53, 0x42, 1, 1]);
  new DataView(whole.buffer).setUint32(20, room(head.length), true);
  whole.fill(0x20, HEADER, HEADER + room(head.length));
  whole.set(head, HEADER);
  parts.forEach(({ bytes }, index) => whole.set(bytes, begins[index]));
  return whole;
}

function start(message, { heard: hears, lasting = false, whole = false, blobs = null } = {}) {
  begin();
  const id = (lastId += 1);
  const call = { id, message: { ...message, id }, heard: hears, lasting, whole };
  if (blobs && Object.keys(blobs).length) call.bytes = packed(call.message, blobs);
  call.ended = new Promise((resolve, reject) => Object.assign(call, { resolve, reject }));
  calls.set(id, call);
  if (socket.readyState === WebSocket.OPEN) hand(socket, call);
  return call;
}

function hand(to, call) {
  to.send(call.bytes ?? JSON.stringify(call.message));
  call.sent = true;
}

// Whatever is still on its way is of no interest. What was not sent yet is never sent.
function cancel(call) {
  if (!calls.has(call.id)) return;
  call.heard = null;
  call.ended.catch(() => {});
  if (call.sent) say({ type: "cancel", id: call.id });
  else end(call, { code: "cancelled", message: "cancelled before it was sent" });
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
export const ask = (message) => start(message).ended;

// Live inputs; ended when they have been taken or refused.
export const send = (session, inputs, blobs) => start({ type: "send", session, inputs }, { blobs }).ended;

// One run. `ended` gives {outputs, model_ms, ...}; with `hears` it streams. `cancel` frees the model at once.
export function run(session, inputs, { blobs, hears, ...wishes } = {}) {
  const message = { type: "run", session, inputs, ...wishes, ...(hears ? { stream: true, binary: false } : {}) };
  const call = start(message, { heard: hears, whole: true, blobs });
  return { ended: call.ended, cancel: () => cancel(call) };
}

// Follows an output; `show` is given each frame, and the next but one comes when it is done with it. `lost` is called
// when it ends of itself, because the session was closed.
export function follow(session, port, options, show, lost) {
  const message = { type: "subscribe", session, port, ...(options.policy === "all" ? {} : { window: 2 }), ...options };
  const call = start(message, {
    lasting: true,
    heard: async (frame) => {
      try {
        await show(frame);
      } finally { // a picture that can't be shown holds up none after it
        if (message.window && frame.n) say({ type: "ack", id: call.id, n: frame.n });
      }
    },
  });
  call.ended.catch((error) => lost?.(error));
  return () => {
    if (!calls.delete(call.id)) return;
    say({ type: "unsubscribe", id: call.id });
  };
}

// Everything that happens, from now on and after each return of the connection.
export function events(hears) {
  const call = start({ type: "events" }, { lasting: true, heard: hears });
  call.ended.catch(() => {});
}

// The tiles of a session's grid, one after the other; `cancel` ends it.
export function tiles(session, set, width, hears) {
  const call = start({ type: "grid", session, width, ...(set ? { set } : {}) }, { heard: hears });
  return { ended: call.ended, cancel: () => cancel(call) };
}

// What comes to one session and what it gives out, message by message, until what is given back is called.
export function messages(session, hears) {
  const call = start({ type: "events", session, kinds: ["message"] }, { lasting: true, heard: ({ data }) => hears(data) });
  call.ended.catch(() => {});
  return () => { if (calls.delete(call.id)) say({ type: "unsubscribe", id: call.id }); };
}
