// Which workspaces there are, and which of them this page shows.

import { api, at } from "./api.js";
import { Leaving } from "./leaving.js";
import { heardOf } from "./sessions.js";
import { returned } from "./socket.js";
import { Store } from "./store.js";
import { trying } from "./toasts.js";

export const workspaces = new Store([]); // {name, sessions}
export const shown = new Store(localStorage.getItem("workspace") ?? "");

export const current = (all = workspaces.get(), wanted = shown.get()) => all.find(({ name }) => name === wanted)?.name ?? all[0]?.name ?? "";

// Whether a session is shown in it; one whose workspace is gone is in the first.
export const isIn = (session, name, all = workspaces.get()) => (all.some((one) => one.name === session.workspace) ? session.workspace : all[0]?.name ?? "") === name;

export function show(name) {
  localStorage.setItem("workspace", name);
  shown.set(name);
}

const leaving = new Leaving();

const told = (answer) => workspaces.set(answer.workspaces.filter(({ name }) => !leaving.has(name)));
export const look = async () => told(await api("GET", "/api/workspaces"));
export const add = async (name) => { await leaving.over(name); told(await api("POST", "/api/workspaces", { name })); show(name); };
export const rename = async (old, name) => { await leaving.over(name); told(await api("PATCH", at`/api/workspaces/${old}`, { name })); show(name); };
export const remove = async (name) => {
  try {
    const answer = await api("DELETE", at`/api/workspaces/${name}`, null, { keepalive: true });
    leaving.drop([name]);
    told(answer);
  } catch (error) { // it is still there
    await stay(name);
    throw error;
  }
};
// Out of sight until it is removed; `finish` does so at once.
export function vanish(name, finish) {
  leaving.add([name], finish);
  workspaces.set((all) => all.filter((one) => one.name !== name));
}
export async function stay(name) {
  leaving.drop([name]);
  await look();
}
export const stop = async (name) => told(await api("POST", at`/api/workspaces/${name}` + "/stop"));
export const start = async (name) => told(await api("POST", at`/api/workspaces/${name}` + "/start"));
export const move = (session, workspace) => api("PATCH", at`/api/sessions/${session}`, { workspace });

heardOf.add((kind) => { if (kind === "workspaces") trying(look); });
returned(() => trying(look));
