// What stands in the controls of each session: sent at once where an input is live, kept for Run where it is not.

import { api, at, mistake } from "./api.js";
import { newestOnly } from "./pace.js";
import { heardOf } from "./sessions.js";
import { ask, returned, run, send } from "./socket.js";
import { Store } from "./store.js";
import { tell } from "./toasts.js";
import { current } from "./workspaces.js";

const MINE_MS = 1500; // so long what was set here counts more than what the bridge last said
const forms = new Map();
let made = 0;

// {values: {input: JSON value, or {blob, url, name} }, held: {input: true}, errors: {input: error}, running}
export function formOf(session) {
  let form = forms.get(session);
  if (!form) forms.set(session, form = new Form(session));
  return form;
}

// A session that is closed needs none; one that is renamed keeps what stands there.
function leave(name) {
  for (const value of Object.values(forms.get(name)?.store.get().values ?? {})) if (value?.url) URL.revokeObjectURL(value.url);
  forms.get(name)?.end();
  forms.delete(name);
}

heardOf.add((kind, name, data) => {
  if (kind === "session_closed") leave(name);
  if (kind !== "session_renamed" || !forms.has(data.from)) return;
  leave(name);
  forms.set(name, forms.get(data.from));
  forms.delete(data.from);
  forms.get(name).session = name;
});
returned(async () => { // it may have been closed meanwhile
  const list = await ask({ type: "list" }).catch(() => null);
  for (const name of list ? [...forms.keys()] : []) if (!list.some((one) => one.name === name)) leave(name);
});

// Values that stay on this page: a form without a session.
export class Draft {
  constructor() { this.store = new Store({ values: {}, held: {}, errors: {}, running: false }); }

  offer(name, value) { this.store.set((state) => ({ ...state, values: { ...state.values, [name]: value } })); }
}

class Form {
  constructor(session) {
    this.session = session;
    this.id = (made += 1); // another one than that of a session of the same name that was closed
    this.store = new Store({ values: {}, held: {}, errors: {}, running: false });
    this.touched = {};
    this.told = {};
    this.offers = {};
    this.under = null;
    this.timer = 0;
  }

  end() { clearTimeout(this.timer); }

  // What the bridge says the inputs are; what others set is shown, too: a little later where somebody is at it here.
  hear(inputs) {
    const now = performance.now();
    const left = (name) => (this.touched[name] ?? -MINE_MS) + MINE_MS - now;
    const changed = Object.entries(inputs).filter(([name, value]) => JSON.stringify(value) !== this.told[name]);
    const [news, later] = [changed.filter(([name]) => left(name) <= 0), changed.filter(([name]) => left(name) > 0)];
    for (const [name, value] of news) this.told[name] = JSON.stringify(value);
    const shown = Object.fromEntries(news.filter(([, value]) => !isLarge(value)));
    if (news.length) this.store.set((state) => ({ ...state, values: { ...state.values, ...shown } }));
    clearTimeout(this.timer);
    if (later.length) this.timer = setTimeout(() => this.hear(inputs), Math.min(...later.map(([name]) => left(name))));
  }

  hold(name, held) {
    this.store.set((state) => ({ ...state, held: { ...state.held, [name]: held } }));
    if (!held && name in this.store.get().values) this.offer(name, this.store.get().values[name]);
  }

  // What comes back is done when it has been sent, or when something newer takes its place.
  offer(name, value) {
    this.touched[name] = performance.now();
    const before = this.store.get().values[name];
    if (before?.url && before.url !== value?.url) URL.revokeObjectURL(before.url);
    this.store.set((state) => ({ ...state, values: { ...state.values, [name]: value }, errors: { ...state.errors, [name]: null } }));
    if (this.store.get().held[name]) return undefined;
    this.offers[name] ??= newestOnly((given) => this.send(name, given));
    return this.offers[name](value);
  }

  async send(name, value) {
    try {
      if (value?.blob) await send(this.session, {}, { [name]: await blobOf(value) });
      else await send(this.session, { [name]: value });
    } catch (error) {
      this.fail(error, name);
    }
  }

  fail(error, name = error.field) {
    if (error.code === "cancelled" || error.code === "connection_lost") return;
    if (name) this.store.set((state) => ({ ...state, errors: { ...state.errors, [name]: error } }));
    else tell(error);
  }

  // One run with all that stands here. What an input still needs is told at that input.
  async run(inputs, command = null) {
    const { values } = this.store.get();
    const plain = {};
    const blobs = {};
    for (const [name, port] of Object.entries(inputs)) {
      const value = values[name];
      if (value?.blob) blobs[name] = await blobOf(value);
      else if (value !== undefined && value !== null) plain[name] = value;
      else if (!("default" in port)) return this.fail(mistake({ code: "missing_input", message: `${name} is still needed`, hint: "" }), name);
    }
    this.under?.cancel();
    this.under = run(this.session, plain, { blobs, binary: false, ...(command ? { command } : {}) });
    this.store.set((state) => ({ ...state, running: true, errors: {} }));
    try {
      return await this.under.ended;
    } catch (error) {
      return this.fail(error);
    } finally {
      this.under = null;
      this.store.set((state) => ({ ...state, running: false }));
    }
  }

  cancel() { this.under?.cancel(); this.under = null; this.store.set((state) => ({ ...state, running: false })); }

  clearError(name) { this.store.set((state) => ({ ...state, errors: { ...state.errors, [name]: null } })); }
}

// A picture in use is told by the bridge only by its size; ours is better.
const isLarge = (value) => value !== null && typeof value === "object" && !Array.isArray(value) && "format" in value;

async function blobOf({ blob, name, meta, format }) {
  const bytes = blob instanceof Uint8Array ? blob : new Uint8Array(await blob.arrayBuffer());
  return { bytes, ...(format ? { format } : {}), ...(meta ? { meta } : name ? { meta: { name } } : {}) };
}

// The bytes of a chosen, dropped or pasted file as a form keeps them.
export const kept = (blob, name = blob.name) => ({ blob, name, url: URL.createObjectURL(blob) });

// Opens a session with the options that were chosen, or says why not.
export const open = (model, name, options) => api("POST", "/api/sessions", { model, ...(name ? { name } : {}), ...(Object.keys(options ?? {}).length ? { options } : {}), ...(current() ? { workspace: current() } : {}) });

export const close = (name) => api("DELETE", at`/api/sessions/${name}`, null, { keepalive: true });
