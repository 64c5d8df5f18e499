// The walk of one session as the page knows it: asked once, told by events, changed by controls.

import { at, api } from "../core/api.js";
import { newestOnly } from "../core/pace.js";
import { heardOf } from "../core/sessions.js";
import { ask } from "../core/socket.js";
import { Store } from "../core/store.js";
import { trying } from "../core/toasts.js";

export class WalkState {
  constructor(session) {
    Object.assign(this, { session, store: new Store(null), told: null, turn: 0, heard: 0, pending: {}, underway: {} });
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
    if (turn > this.heard) { // an answer that was overtaken tells what was
      this.heard = turn;
      this.hear(walk);
    }
    return walk;
  }

  hear(walk) {
    this.told = walk;
    this.show();
  }

  // What the bridge told, and over it what it has not answered yet: who changes a part of a setting loses no other part.
  show() {
    if (this.told) this.store.set({ ...this.told, settings: over(this.told.settings, { ...this.underway, ...this.pending }) });
  }

  // From a control that is being moved: seen at once, and sent when the last word has been answered.
  offer(patch) {
    Object.assign(this.pending, patch);
    this.show();
    this.flush();
  }

  async setPending() {
    [this.underway, this.pending] = [this.pending, {}];
    try {
      await this.set(this.underway);
    } finally {
      this.underway = {};
      this.show();
    }
  }

  async reset() { this.hear(await api("DELETE", at`/api/sessions/${this.session}/walk`)); }

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
    return this.offer({ seed: seed + 1, centre: null });
  }
}

// Settings as a patch leaves them; directions are told one by one.
function over(settings, patch) {
  const directions = { ...settings.directions };
  const own = {};
  for (const [name, value] of Object.entries(patch)) {
    if (!name.startsWith("direction/")) own[name] = value;
    else if (value === null) delete directions[name];
    else directions[name] = value;
  }
  return { ...settings, ...own, directions };
}
