// The walk of one session as the page knows it: asked once, told by events, changed by controls.

import { at, api } from "../core/api.js";
import { newestOnly } from "../core/pace.js";
import { heardOf } from "../core/sessions.js";
import { ask } from "../core/socket.js";
import { Store } from "../core/store.js";
import { trying } from "../core/toasts.js";

export class WalkState {
  constructor(session) {
    Object.assign(this, { session, store: new Store(null), turn: 0, pending: {} });
    this.flush = newestOnly(() => trying(() => this.setPending()));
  }

  // Looks, and keeps looking until what is given back is called.
  watch() {
    const hear = (kind, session) => { if (kind === "walk" && session === this.session) this.flush(); };
    heardOf.add(hear);
    trying(() => this.set());
    const timer = setInterval(() => { if (!document.hidden) this.flush(); }, 1000); // curves move by themselves
    return () => { heardOf.delete(hear); clearInterval(timer); };
  }

  // Settings and verbs; without any it only looks.
  async set(patch = {}) {
    const turn = (this.turn += 1);
    const walk = await ask({ type: "walk", session: this.session, set: patch });
    if (turn === this.turn) this.store.set(walk);
    return walk;
  }

  // From a control that is being moved: what it stands at when the last word has been answered.
  offer(patch) {
    Object.assign(this.pending, patch);
    this.flush();
  }

  async setPending() {
    const patch = this.pending;
    this.pending = {};
    await this.set(patch);
  }

  async reset() { this.store.set(await api("DELETE", at`/api/sessions/${this.session}/walk`)); }

  get settings() { return this.store.get()?.settings; }

  // To a place: a seed, a vector, a favourite. One that was kept in w can only be walked there.
  go(place, inW = false) {
    const space = inW ? { space: "w" } : {};
    if (this.settings?.kind === "follow") return this.set({ ...space, target: place, play: true });
    const kind = this.settings?.kind === "loop" ? { kind: "drift" } : {};
    return this.set({ ...space, ...kind, centre: place, play: true });
  }

  next() {
    const { kind, seed, target } = this.settings;
    if (kind === "loop") return this.set({ step: true });
    if (kind === "follow") return this.set({ target: Number.isInteger(target) ? target + 1 : seed + 1, play: true });
    return this.set({ seed: seed + 1, centre: null });
  }
}
