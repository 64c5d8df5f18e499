// A value that tells when it changes, and the hook that shows it. Parts that stay equal stay the same object, so that
// only what changed is drawn again.

import { useEffect, useState } from "../vendor/preact-htm.js";

export class Store {
  #value;
  #listeners = new Set();

  constructor(value) { this.#value = value; }

  get() { return this.#value; }

  set(next) {
    const value = shared(this.#value, typeof next === "function" ? next(this.#value) : next);
    if (value === this.#value) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener(value);
  }

  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export function useStore(store, select = (value) => value) {
  const chosen = select(store.get());
  const [, redraw] = useState(0);
  useEffect(() => {
    let seen = chosen;
    const look = () => {
      const now = select(store.get());
      if (now !== seen) { seen = now; redraw((count) => count + 1); }
    };
    look(); // it may have changed between the drawing and now
    return store.listen(look);
  }, [store, chosen]);
  return chosen;
}

const isPlain = (value) => value !== null && typeof value === "object" && [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value));

export function shared(before, after) {
  if (before === after || !isPlain(before) || !isPlain(after) || Array.isArray(before) !== Array.isArray(after)) return after;
  const names = Object.keys(after);
  let same = names.length === Object.keys(before).length;
  for (const name of names) {
    const value = shared(before[name], after[name]);
    if (value !== after[name]) after[name] = value;
    same &&= value === before[name] && name in before;
  }
  return same ? before : after;
}
