// What is open on the bridge, kept in step with its events. One store for the whole page.

import { Leaving } from "./leaving.js";
import { ask, connection, events } from "./socket.js";
import { Store } from "./store.js";

const LOOK_MS = 1000; // how often numbers such as fps are asked for, while somebody looks

// {known: false until the bridge told once, all: {name: as describe tells it}, order: [names]}
export const sessions = new Store({ known: false, all: {}, order: [] });
export const heardOf = new Set(); // listeners for every event: (kind, session, data)

export const isOpen = (name) => name in sessions.get().all;
export const isOver = (state) => state === "stopped" || state === "failed";

const WORDS = { starting: "starting", ready: "ready", restarting: "coming back", failed: "stopped", stopped: "stopped", closed: "closed" };
export const inWords = (state) => WORDS[state] ?? state;

const leaving = new Leaving();

// Closed here, and still to be undone: out of sight at once. `finish` closes them before their time.
export function leave(names, finish) {
  leaving.add(names, finish);
  return refresh();
}

// They are closed, or stay after all.
export function left(names) {
  leaving.drop(names);
  return refresh();
}

// Before another one gets this name.
export const free = (name) => leaving.over(name);

// Looked at anew; of questions that come together only one is asked.
let asking = null;
let again = false;
export async function refresh() {
  again = true;
  asking ??= (async () => {
    try {
      while (again) {
        again = false;
        await look();
      }
    } finally { asking = null; }
  })();
  return asking;
}

async function look() {
  const away = leaving.names; // what is closed while the answer is on its way may still be in it
  const list = await ask({ type: "list" }).catch(() => null);
  if (!list) return;
  const names = list.map(({ name }) => name).filter((name) => !away.has(name) && !leaving.has(name));
  const told = await Promise.all(names.map((session) => ask({ type: "describe", session }).catch(() => null)));
  const found = told.filter(Boolean);
  sessions.set({ known: true, order: found.map(({ name }) => name), all: Object.fromEntries(found.map((one) => [one.name, one])) });
}

function patch(name, change) {
  sessions.set((state) => (state.all[name] ? { ...state, all: { ...state.all, [name]: { ...state.all[name], ...change } } } : state));
}

const HEARD = {
  progress: (name, progress) => patch(name, { progress }),
  state: (name, { state }) => { patch(name, { state }); refresh(); },
  session_opened: refresh,
  session_closed: refresh,
  session_renamed: refresh,
  workspaces: refresh,
  error: refresh,
};

// Once, when the page begins.
export function watch() {
  events(({ kind, session, data }) => {
    HEARD[kind]?.(session, data);
    for (const listener of heardOf) listener(kind, session, data);
  });
  connection.listen((state) => { if (state === "open") refresh(); });
  setInterval(() => { if (!document.hidden && connection.get() === "open") refresh(); }, LOOK_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
}

// --- what a session is, from its ports --------------------------------------------------------------

export const usual = (session) => (session?.signature ? Object.values(session.signature.commands)[0] : null);

const SHOWN = new Set(["image", "segmentation", "audio", "file", "directory"]); // what a model is shown, rather than makes

// Whether walking is what one does with it: a vector goes in, a picture comes out, and nothing has to be shown to it.
export function canWalk(session) {
  const inputs = Object.values(usual(session)?.inputs ?? {});
  return Boolean(vectorOf(session) && pictureOf(session)) && !inputs.some(({ kind }) => SHOWN.has(kind));
}

export function writes(session) {
  const command = usual(session);
  return Boolean(command && command.inputs.prompt?.kind === "text" && command.outputs.generated_text?.pieces);
}

export const isPicture = (port) => port.kind === "image" || port.kind === "segmentation";

export const pictureOf = (session) => Object.entries(usual(session)?.outputs ?? {}).find(([, port]) => isPicture(port))?.[0];

const vectorOf = (session) =>
  Object.entries(usual(session)?.inputs ?? {}).find(([, port]) => port.kind === "vector" && port.length && !port.instead_of)?.[0];
