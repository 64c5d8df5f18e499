// The models that can be opened.

import { api } from "./api.js";
import { Store } from "./store.js";

export const directory = new Store({ models: null, described: false });

// At once without ports; they follow, since telling them may take a process for each model.
export async function load() {
  const { models } = await api("GET", "/api/models");
  directory.set((state) => ({ ...state, models: state.described ? merge(state.models, models) : models }));
  if (directory.get().described) return;
  const full = await api("GET", "/api/models?input=");
  directory.set({ models: full.models, described: true });
}

const merge = (before, now) => now.map((one) => ({ ...one, signature: one.signature ?? before.find(({ id }) => id === one.id)?.signature ?? null }));

export function kindsOf(model, side) {
  const [command] = Object.values(model.signature?.commands ?? {});
  return [...new Set(Object.values(command?.[side] ?? {}).flatMap((port) => [port.kind, ...(port.item ? [port.item.kind] : [])]))];
}
